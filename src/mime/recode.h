/* mime/recode.h: a BINARYMIME message as one that every reader and every peer can take.
 *
 * A push filter. Each body part with Content-Transfer-Encoding: binary comes out as base64, a multipart or
 * embedded message that says binary says 8bit (RFC 2045 §6.4), at any depth; 7bit, 8bit and encoded parts and
 * everything between them stay octet for octet. A field that was changed stands last in its header.
 * A message without such parts is not changed at all.
 *
 * Only what is declared binary may be so: a NUL or a bare CR or LF elsewhere is refused, as it is in any
 * other message, and then nothing has been lost, since the sender still has it. What comes out has neither.
 * Only CRLF ends a line, so that a binary part may hold what looks like a delimiter after a bare LF. Its
 * state is O(depth): at most LIMIT_MIME_DEPTH levels and one header field of LIMIT_HEADER_FIELD. How the
 * octets are cut changes nothing. A last line without CRLF, which only a part that was not changed can have,
 * stays as it is. Pure; any thread, one at a time.
 *
 * RFC 3030 §3; RFC 2045 §6; RFC 2046 §5.
 */
#ifndef MIME_RECODE_H
#define MIME_RECODE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct mime_recode;

/* Begins a message. ERR_NOSPACE. */
err mime_recode_new(struct arena *arena, struct mime_recode **out) MUST_USE;

/* Takes from the front of `*in` and gives the next run of the new message, not empty, valid until the next
 * call. False when `*in` is used up, which after an error it is at once. */
bool mime_recode_next(struct mime_recode *r, str *in, str *run);

/* The message is over: the remaining runs come with an empty `*in`. */
void mime_recode_end(struct mime_recode *r);

/* Can be asked at any time; what came out before an error is no message.
 * ERR_SYNTAX  binary octets in what is not declared binary; two Content-Transfer-Encoding fields, one of them
 *             binary   ERR_LIMIT a binary part is nested too deep   ERR_NOSPACE the arena is used up */
err mime_recode_err(const struct mime_recode *r) MUST_USE;

#endif
