/* queue/queue_id.h: what people call a recipient in the queue: "01KAQ2M8Z0004F1-2s": the message's id, as it
 * stands in logs, replies and Received, and behind a hyphen the row's number in base 36. Pure.
 */
#ifndef QUEUE_QUEUE_ID_H
#define QUEUE_QUEUE_ID_H

#include "base/buf.h"

void queue_id_add(struct buf *out, str message_id, uint64_t queue_id);

/* Reads both; *queue_id is 0 where `text` is a message's id alone. ERR_SYNTAX. */
err queue_id_parse(str text, str *message_id, uint64_t *queue_id) MUST_USE;

#endif
