/* pop3/opened.h: one message on its way to the client: all of it (RETR) or its top (TOP), as it is or as a
 * surrogate for who did not say UTF8 (pop3/surrogate.h).
 *
 * A worker opens it and, for a top, measures how far it goes; the loop sends it. It lives in one allocation,
 * which the connection owns once it was sent. For pop3/ only.
 */
#ifndef POP3_OPENED_H
#define POP3_OPENED_H

#include "pop3/top.h"
#include "store/mailbox.h"

#define POP3_WHOLE UINT32_MAX /* as a number of lines: of all there are */

struct conn;

/* In which form a message is sent. */
enum pop3_form {
	POP3_AS_IT_IS,
	POP3_SURROGATE,
	POP3_SURROGATE_COUNTED, /* only its size is wanted: it can't be sent */
};

/* Whose INBOX. */
struct pop3_source {
	struct store *store;
	struct flight *flight;
	uint64_t account_id;
};

/* Which message, and how much of it. */
struct pop3_want {
	uint32_t number; /* in the session */
	uint32_t uid;
	uint32_t lines; /* of the body */
	enum pop3_form form;
};

struct pop3_opened {
	struct pop3_want want;
	struct message message;
	uint64_t size; /* of the content, as far as it is sent; grows while it is measured */
	bool measured;
	struct pop3_surrogate *surrogate; /* NULL: as it is */
	struct pop3_top top;
	char prefix[];
};

/* Worker. Opens the message, not yet measured; *out is for pop3_opened_close. Errors as
 * message_open, and pop3_surrogate_new. */
err pop3_opened_open(struct pop3_source source, struct pop3_want want, struct pop3_opened **out) MUST_USE;

/* Worker. Looks for the end of what is wanted, until the time is up: then ->measured is still false,
 * and it is to be called again. ERR_IO, ERR_CORRUPT; of a surrogate what pop3_surrogate_make says. */
err pop3_opened_measure(struct pop3_opened *opened, int64_t end_tick_ms) MUST_USE;

/* Octets that are sent, dots as they are. Once it was measured. */
uint64_t pop3_opened_size(const struct pop3_opened *opened);

/* Loop. Queues it with its final dot; it is the connection's from here on, also on failure. After a failure
 * the connection has to be closed: half a message must not look like a whole one. */
err pop3_opened_send(struct pop3_opened *opened, struct conn *conn) MUST_USE;

/* Any thread. NULL is legal. */
void pop3_opened_close(struct pop3_opened *opened);

#endif
