/* mime/seven_bit.h: a message as a server without 8BITMIME can take it, by a plan (mime/seven_bit_plan.h).
 *
 * A push filter, the second reading of the same octets. A Content-Transfer-Encoding is replaced where it
 * stands; a header that lacks one, and needs one, has it last. A message that is older than MIME becomes one:
 * its charset is then "unknown-8bit" (RFC 1428 §3). No line of an encoded part begins with "-", so that none
 * is taken for a delimiter. What stands between the parts, and each part that is kept, goes through octet for
 * octet. State is O(depth). Signatures over the whole message (DKIM) do not survive; they are put on after.
 * Pure; any thread, one at a time.
 *
 * RFC 6152 §3; RFC 2045 §6; RFC 1428.
 */
#ifndef MIME_SEVEN_BIT_H
#define MIME_SEVEN_BIT_H

#include "mime/seven_bit_plan.h"

struct mime_seven_bit;

/* Begins the message that `plan` was made of; its marks live as long. ERR_NOSPACE. */
err mime_seven_bit_new(struct arena *arena, const struct mime_seven_bit_plan *plan,
                       struct mime_seven_bit **out) MUST_USE;

/* Takes from the front of `*in` and gives the next run of the new message, not empty, valid until the next
 * call. False when `*in` is used up. */
bool mime_seven_bit_next(struct mime_seven_bit *f, str *in, str *run);

/* The message is over: the remaining runs come with an empty `*in`. */
void mime_seven_bit_end(struct mime_seven_bit *f);

/* ERR_NOSPACE the arena is used up: what came out is no message. */
err mime_seven_bit_err(const struct mime_seven_bit *f) MUST_USE;

#endif
