/* admin/queue_asked.h: what a sender asked for with a message that waits, and with each recipient (the
 * parameters of MAIL and RCPT), as `queue show` answers it. */
#ifndef ADMIN_QUEUE_ASKED_H
#define ADMIN_QUEUE_ASKED_H

#include <jansson.h>

#include "store/queue.h"

/* {"body", "smtputf8", "forwarded", "envid", "ret", "priority", "hold_until", "deliver_by", "by"}; what was
 * not said is null. */
json_t *json_of_envelope(const struct queue_envelope *e);

/* Sets "notify", a list of words or null, and "orcpt" in a recipient's row. */
void queue_asked_add(json_t *row, const struct queue_recipient *recipient);

#endif
