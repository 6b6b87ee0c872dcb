/* smtp/envelope.h: what a transaction's recipients at other servers are committed with: a row of the queue
 * each, and what holds for all of them. Loop thread. */
#ifndef SMTP_ENVELOPE_H
#define SMTP_ENVELOPE_H

#include "base/err.h"

struct deliver;
struct smtp_session;
struct smtp_tx;

/* Fills deliver->queue and deliver->envelope; nothing where nobody is elsewhere. The content is complete.
 * Everything lives in the transaction. ERR_NOSPACE. */
err smtp_envelope_prepare(struct smtp_session *s, struct smtp_tx *tx, struct deliver *deliver) MUST_USE;

#endif
