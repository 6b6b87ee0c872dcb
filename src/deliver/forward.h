/* deliver/forward.h: the reverse-path with which an alias sends mail on to another server. Any thread with
 * the snapshot it holds; no I/O.
 *
 *   null                      stays null: it is a bounce, and nobody is to be told
 *   at a domain of ours       stays: the next server finds that we may send for it (RFC 7208)
 *   at another domain         is rewritten at the domain of the alias (bounce/srs.h), so that SPF has a
 * domain that we send for, and a bounce comes back here and goes on to whom it is for too long to be
 * rewritten  stays (forward.c says why)
 */
#ifndef DELIVER_FORWARD_H
#define DELIVER_FORWARD_H

#include "base/arena.h"

struct directory;

/* The reverse-path as it came. */
struct forward {
	str text;       /* without brackets; empty: null */
	str local_part; /* without quotes */
	str domain;     /* normalised */
};

/* What it is at a domain of ours by whose alias it goes on. */
struct forward_path {
	bool has_own; /* `text` is another than the message's */
	str text;
	str domain; /* of it, normalised; empty: null */
};

/* *out lives in `arena` or is a part of `from` and `via`. ERR_NOSPACE. */
err forward_reverse_path(struct arena *arena, const struct directory *directory, str srs_key, int64_t now_ms,
                         const struct forward *from, str via, struct forward_path *out) MUST_USE;

#endif
