/* mime/surrogate.h: an internationalized message as one that a client without UTF8 can take.
 *
 * A push filter over a whole message, prefix and all. Header fields of the message, its parts and the
 * messages in it that hold no 8-bit octets, and every body, stay octet for octet; a message of such fields
 * alone is not changed. The others become what RFC 6858 says: addresses (§2.1)   one in UTF-8 is
 * <invalid@internationalized-address.invalid> with the true address in its display name; names are
 * encoded-words; the other addresses of the field stay addresses parameters (§2.2)  of Content-Type and
 * Content-Disposition are left out, with all their RFC 2231 sections Subject (§2.3)     encoded-words all
 * else (§2.4)    is left out Text that is not UTF-8 is read as mime/charset.h guesses. Of a field longer than
 * LIMIT_HEADER_FIELD only the 8-bit octets are left out. Sizes differ from the message's, and signatures no
 * longer hold (§5). State is O(depth) and one field; how the octets are cut changes nothing. Pure; any
 * thread, one at a time.
 */
#ifndef MIME_SURROGATE_H
#define MIME_SURROGATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct mime_surrogate;

/* Begins a message. ERR_NOSPACE. */
err mime_surrogate_new(struct arena *arena, struct mime_surrogate **out) MUST_USE;

/* Takes from the front of `*in` and gives the next run of the surrogate, not empty, valid until the next
 * call. False when `*in` is used up. */
bool mime_surrogate_next(struct mime_surrogate *s, str *in, str *run);

/* The message is over: the remaining runs come with an empty `*in`. */
void mime_surrogate_end(struct mime_surrogate *s);

/* ERR_NOSPACE: the arena is used up, and what came out is not the surrogate. */
err mime_surrogate_err(const struct mime_surrogate *s) MUST_USE;

#endif
