/* mime/prepare.h: names and passwords in the one form in which they are compared, whichever keyboard and
 * system typed them.
 *
 * Text of printable ASCII alone is its own preparation and comes back as it is; other results live in the
 * arena. Pure; any thread.
 */
#ifndef MIME_PREPARE_H
#define MIME_PREPARE_H

#include "base/arena.h"
#include "base/err.h"

/* SASLprep (RFC 4013) of a query string: NFKC, one kind of space, invisible characters dropped. What SCRAM
 * hashes, and names of logins.
 * ERR_SYNTAX no UTF-8, a character that it prohibits, mixed directions, or nothing left   ERR_NOSPACE */
err prepare_saslprep(struct arena *arena, str text, str *out) MUST_USE;

/* OpaqueString (RFC 8265 §4.2.2): NFC and one kind of space. For passwords that arrive in clear. Lenient:
 * what the profile refuses, also what is no UTF-8, stays as it is, since a password may be any octets.
 * ERR_NOSPACE
 */
err prepare_password(struct arena *arena, str password, str *out) MUST_USE;

#endif
