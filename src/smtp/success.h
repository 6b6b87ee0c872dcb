/* smtp/success.h: what accepting a message owes to a sender who asked to be told of success: one notice that
 * says which recipients have it in a mailbox here, and which addresses were expanded into several. Of those
 * that it is sent on for tells who delivers it there.
 *
 * The notice is part of the message's commit and never without it. A transaction that nobody asked this of
 * has none of it.
 *
 * RFC 3461 §5.2, §5.2.7, §6.2; RFC 3464 §2.3.3.
 */
#ifndef SMTP_SUCCESS_H
#define SMTP_SUCCESS_H

#include "base/err.h"

struct smtp_success;
struct smtp_tx;

/* Before the first octet of the message: tx->success, where a notice may be owed, and then the message's
 * header is kept for it. ERR_NOSPACE. */
err smtp_success_begin(struct smtp_tx *tx) MUST_USE;

/* Worker, while the transaction is lent to it; after the summary. Makes the notice, anew where forward-paths
 * were left out since. ERR_NOSPACE, ERR_IO, ERR_BUSY: it can't be made now. One that can never be made is not
 * owed. */
err smtp_success_make(struct smtp_tx *tx) MUST_USE;

/* Adds the notice, if there is one, to the commit. */
void smtp_success_prepare(struct smtp_tx *tx);

/* The message's commit is durable: the log hears of the notice, unless its mailbox had no room. */
void smtp_success_report(const struct smtp_tx *tx);

/* NULL is legal. */
void smtp_success_fini(struct smtp_success *success);

#endif
