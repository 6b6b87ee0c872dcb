/* smtp/reply.h: what the server says, one table for all of it (smtp/replies.def). Pure; any thread. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buf.h"

enum smtp_reply {
#define SMTP_REPLY(name, code, status, text, meaning) SMTP_REPLY_##name,
#include "smtp/replies.def"
#undef SMTP_REPLY
	SMTP_REPLY_COUNT
};

uint16_t smtp_reply_code(enum smtp_reply reply);

/* Appends "250 2.1.0 text" without CRLF; `detail` stands for "{}". At most LIMIT_SMTP_REPLY octets with
 * CRLF, as long as `detail` has no more than LIMIT_DOMAIN. */
void smtp_reply_add(struct buf *out, enum smtp_reply reply, str detail);

/* What to say for an error of store/ or a worker that no handler knew better (the switch has no default, so
 * that a new code does not compile without its reply). Not for OK. */
enum smtp_reply smtp_reply_of_err(err e);

/* What to say for the result of a delivery, OK included: the store's own failures are told as such. */
enum smtp_reply smtp_reply_of_commit(err e);

#endif
