/* smtp/path.h: reverse-path and forward-path, read strictly: they decide where mail goes.
 *
 * Path = "<" [ A-d-l ":" ] Mailbox ">" (RFC 5321 §4.1.2, §4.1.3). A source route is taken and ignored (§3.3,
 * appendix C). Address literals are IPv4 and IPv6. UTF-8 is read as RFC 6531 §3.3 has it; whether it was
 * allowed is known only behind a path, so that the command decides. Pure; allocates only where a quoted local
 * part has to be unquoted.
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "base/arena.h"
#include "base/scan.h"

struct smtp_path {
	str text;       /* the mailbox as written, without brackets and route; empty: null reverse-path */
	str local_part; /* without quotes */
	str domain; /* in A-labels where it had others; "[192.0.2.1]" for a literal; empty: "<postmaster>" or
	               null */
	bool is_wide; /* needs SMTPUTF8 */
};

/* Reads a path from the front of *s. Strings are slices of s->in or live in `arena`.
 * ERR_SYNTAX, ERR_LIMIT (`at` is the octet), ERR_NOSPACE; *out is untouched then. */
err smtp_reverse_path_parse(scan *s, struct arena *arena, struct smtp_path *out) MUST_USE;

/* The same, where "<>" is none and "<postmaster>" is one (RFC 5321 §4.1.1.3). */
err smtp_forward_path_parse(scan *s, struct arena *arena, struct smtp_path *out) MUST_USE;

#endif
