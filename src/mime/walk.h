/* mime/walk.h: every octet of a message, in order, with what it is: for filters that rewrite messages.
 *
 * Push in, pull out, as mime/structure.h, which describes messages; this one leaves nothing out: the octets
 * of all events put together are the message. Header fields come whole, so that a filter may put another in
 * their place. Keeps one frame for each level of nesting and the field or delimiter under way.
 * It never fails on what it reads, and nests, delimits and ends headers as mime/structure.h does. Lines end
 * with CRLF; unless `strict`, an LF without CR ends one too. How MIME_WALK_BODY is cut depends on the
 * chunks, nothing else does. Pure; any thread, one at a time.
 *
 * RFC 2046 §5; RFC 3030 §3 (why strict: in binary parts an LF is no line end).
 */
#ifndef MIME_WALK_H
#define MIME_WALK_H

#include "base/arena.h"
#include "mime/entity.h"

struct mime_walk;

typedef enum mime_walk_event {
	MIME_WALK_MORE,       /* the chunk is used up */
	MIME_WALK_FIELD,      /* a field with its line ends, or a line that is none and has no name */
	MIME_WALK_LONG_FIELD, /* a piece of a field over LIMIT_HEADER_FIELD */
	MIME_WALK_HEADER_END, /* the empty line; no octets where a delimiter or the end cuts the header short
	                       */
	MIME_WALK_BODY, /* of a leaf, or what stands before, between and after the parts of a multipart */
	MIME_WALK_DELIMITER, /* with the line end before it, which is its own (RFC 2046 §5.1.1) */
	MIME_WALK_END,       /* after mime_walk_end */
} mime_walk_event;

/* Slices live until the next call. */
struct mime_walk_step {
	str octets;
	str name, body; /* MIME_WALK_FIELD: body as it stands, folded */
	const struct mime_entity
		*entity;     /* MIME_WALK_FIELD, MIME_WALK_HEADER_END: what the header says so far */
	mime_part_kind kind; /* MIME_WALK_HEADER_END: what the body is read as */
	bool too_deep;       /* MIME_WALK_HEADER_END: LIMIT_MIME_DEPTH, LIMIT_BOUNDARY: a leaf */
	size_t depth; /* all but MIME_WALK_LONG_FIELD: of the part, 1 is the message; of the multipart whose
	                 delimiter or text between parts it is */
};

/* ERR_NOSPACE. */
err mime_walk_new(struct arena *arena, bool strict, struct mime_walk **out) MUST_USE;

/* Takes from the front of `*in` up to the next event. */
mime_walk_event mime_walk_next(struct mime_walk *w, str *in, struct mime_walk_step *out);

/* The message is over; the remaining events come with an empty `*in`. */
void mime_walk_end(struct mime_walk *w);

/* ERR_NOSPACE: the arena had no room for a field or a level, which was then read as a long field or a leaf.
 */
err mime_walk_err(const struct mime_walk *w) MUST_USE;

#endif
