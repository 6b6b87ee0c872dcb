/* pop3/reply.h: what the server says, one table for all of it (pop3/replies.def). Pure; any thread. */
#ifndef POP3_REPLY_H
#define POP3_REPLY_H

#include "base/buf.h"

enum pop3_reply {
#define POP3_REPLY(name, indicator, code, text, meaning) POP3_REPLY_##name,
#include "pop3/replies.def"
#undef POP3_REPLY
	POP3_REPLY_COUNT
};

/* "+OK" rather than "-ERR"? */
bool pop3_reply_is_ok(enum pop3_reply reply);

/* Appends "-ERR [IN-USE] text" without CRLF; `detail` stands for "{}". At most LIMIT_POP3_REPLY octets with
 * CRLF, as long as `detail` has no more than LIMIT_DOMAIN. */
void pop3_reply_add(struct buf *out, enum pop3_reply reply, str detail);

/* What to say for an error of store/ or a worker that no handler knew better (the switch has no default, so
 * that a new code does not compile without its reply). Not for OK. */
enum pop3_reply pop3_reply_of_err(err e);

#endif
