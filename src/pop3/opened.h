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
struct pop3_message;

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

/* How a message of the view goes to a client that said UTF8, or did not. */
enum pop3_form pop3_form_of(const struct pop3_message *m, bool utf8);

/* Worker. Opens the message where *opened is NULL, and looks for the end of what is wanted until the time is
 * up: then ->measured is still false, and it is to be called again. *opened is for pop3_opened_close, also
 * after an error. Errors as message_open, pop3_surrogate_new and pop3_surrogate_make; ERR_IO, ERR_CORRUPT. */
err pop3_opened_prepare(struct pop3_source source, struct pop3_want want, int64_t end_tick_ms,
                        struct pop3_opened **opened) MUST_USE;

/* Worker. The same for several in order that go as they are, until one can't be opened or the time is up;
 * those not opened are NULL, and the last may not be measured. */
void pop3_opened_prepare_some(struct pop3_source source, const struct pop3_want *wants, size_t count,
                              int64_t end_tick_ms, struct pop3_opened **opened);

/* Octets that are sent, dots as they are. Once it was measured. */
uint64_t pop3_opened_size(const struct pop3_opened *opened);

/* Loop. Queues it with its final dot; it is the connection's from here on, also on failure. After a failure
 * the connection has to be closed: half a message must not look like a whole one. */
err pop3_opened_send(struct pop3_opened *opened, struct conn *conn) MUST_USE;

/* Any thread. NULL is legal. */
void pop3_opened_close(struct pop3_opened *opened);

#endif
