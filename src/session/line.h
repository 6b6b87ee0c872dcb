/* session/line.h: cuts command lines out of a stream of octets. Pure but for its own small state; one thread.
 *
 * However the stream is divided into pieces, the same lines come out. Strict: only CR LF ends a line
 * (RFC 5321 §2.3.8), and bare CR and LF are octets of it; else LF ends one too, and a CR before it is
 * dropped.
 */
#ifndef SESSION_LINE_H
#define SESSION_LINE_H

#include "base/str.h"

struct line_cutter {
	size_t line_max; /* octets with the line end */
	size_t looked;   /* octets of the line so far that were searched for its end */
	bool strict;
	bool dropping; /* the line is over line_max already */
};

enum line_found {
	LINE_PART,     /* no end yet: come back with more */
	LINE_WHOLE,    /* *line is it, without its end */
	LINE_TOO_LONG, /* here ends one that was dropped */
};

/* Looks at `octets`: what *used did not take before, continued. *used is set always, *line for LINE_WHOLE. */
enum line_found line_cut(struct line_cutter *cutter, str octets, str *line, size_t *used);

#endif
