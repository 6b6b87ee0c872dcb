/* pop3/surrogate.h: the surrogate of one message (RFC 6858), made in slices by a worker: what a client gets
 * that did not say UTF8, of a message that came with SMTPUTF8. Its octets go to a file without a name, so
 * that they are sent as those of any other message are; or they are only counted, for the lists.
 *
 * mime/surrogate.h says what becomes of which field. For pop3/ only.
 */
#ifndef POP3_SURROGATE_H
#define POP3_SURROGATE_H

#include "base/file.h"
#include "pop3/top.h"
#include "store/mailbox.h"

struct flight;
struct pop3_surrogate;

/* `message` is borrowed for the surrogate's life. `store` is where the file is made; NULL: octets are only
 * counted. ERR_LIMIT: this message felled the server before (base/flight.h)
 * ERR_NOSPACE, ERR_IO, ERR_CORRUPT */
err pop3_surrogate_new(const struct message *message, struct store *store, struct flight *flight,
                       struct pop3_surrogate **out) MUST_USE;

/* Goes on until the time is up: *done is still false then, and it is to be called again. No further than
 * `top` wants; NULL: all of it. ERR_LIMIT: it is more than a surrogate can be made of
 * ERR_IO, ERR_NOSPACE, ERR_CORRUPT */
err pop3_surrogate_make(struct pop3_surrogate *s, struct pop3_top *top, int64_t end_tick_ms,
                        bool *done) MUST_USE;

/* Octets so far. */
uint64_t pop3_surrogate_size(const struct pop3_surrogate *s);

/* Where they are, from its beginning on; FILE_NONE where they are counted. Borrowed. */
file pop3_surrogate_file(const struct pop3_surrogate *s);

/* Any thread. NULL is legal. */
void pop3_surrogate_free(struct pop3_surrogate *s);

#endif
