/* smtp/binary.h: the octets of a BODY=BINARYMIME message (RFC 3030 §3) on their way to a mailbox: its binary
 * parts become base64 (mime/recode.h), so that what is kept has lines and no NUL like any other message.
 *
 * A push filter before smtp/data.h. It parses before anything is kept, so that it says itself who is being
 * parsed (base/flight.h), by a fingerprint of the first octets on the wire; of a message quarantined by that
 * the octets come out as they went in, to be set aside. Loop thread, one transaction.
 */
#ifndef SMTP_BINARY_H
#define SMTP_BINARY_H

#include "base/arena.h"
#include "base/flight.h"

struct mime_recode;

/* Who looks after parsers. */
struct smtp_flight {
	struct flight *flight; /* may be NULL, as may the slot */
	struct flight_slot *slot;
	ip peer;
};

/* All zero is none. */
struct smtp_binary {
	struct arena arena;
	struct smtp_flight flight;
	struct mime_recode *recode;
	char *head; /* the first octets, until there are enough for a fingerprint */
	size_t head_len;
	str unread; /* of the head, once they are */
	uint64_t fingerprint;
	bool whole, ended; /* all is given; the parser knows it */
	bool quarantined;
};

/* ERR_NOSPACE. */
err smtp_binary_begin(struct smtp_binary *b, struct arena_pool *pool,
                      const struct smtp_flight *flight) MUST_USE;

static inline bool smtp_binary_begun(const struct smtp_binary *b) { return b->recode != NULL; }

/* Takes from the front of *in and gives the next run, not empty, valid until the next call. False when *in is
 * used up. */
bool smtp_binary_next(struct smtp_binary *b, str *in, str *run);

/* No more octets come: what is left is given with an empty *in. */
void smtp_binary_end(struct smtp_binary *b);

/* ERR_SYNTAX, ERR_LIMIT: it is no message of that kind   ERR_NOSPACE */
err smtp_binary_err(const struct smtp_binary *b) MUST_USE;

void smtp_binary_fini(struct smtp_binary *b);

#endif
