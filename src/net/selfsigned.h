/* net/selfsigned.h: a certificate that nobody vouches for, so that TLS works from the first minute.
 *
 * Enough for opportunistic encryption between servers (RFC 7435); mail programs of people will warn until a
 * certificate of an authority is configured.
 */
#ifndef NET_SELFSIGNED_H
#define NET_SELFSIGNED_H

#include "base/arena.h"

/* An ECDSA P-256 key and a certificate for `hostname` (subjectAltName, RFC 9525 §6.3; A-labels), valid for
 * ten years from an hour ago, both as PEM in `arena`. Blocks for some milliseconds. ERR_SYNTAX not a host
 * name   ERR_NOSPACE no memory   ERR_IO the library refused */
err certificate_make_self_signed(struct arena *arena, str hostname, str *certificate_pem,
                                 str *key_pem) MUST_USE;

#endif
