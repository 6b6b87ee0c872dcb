/* mime/structure.h: a message, cut into its parts while it arrives.
 *
 * A push parser with events that are pulled: give it a chunk, take events until MIME_MORE, give the next. It
 * keeps one frame for each level of nesting (at most LIMIT_MIME_DEPTH below the message) and the header field
 * under way; bodies are looked at only where a line begins with "-".
 * Lenient: it never fails. A header ends at its empty line, or where a boundary cuts it. The innermost open
 * boundary wins; a multipart that is never closed ends where its parent does. message/rfc822 and
 * message/global are looked into, except under base64 or quoted-printable (RFC 2046 §5.2.1 forbids these).
 * Line ends are LF with or without CR. Events do not depend on the chunks, but for how MIME_TEXT is cut.
 * Pure; any thread, one at a time.
 *
 * RFC 2045, RFC 2046 §5, RFC 6532 §3.7.
 */
#ifndef MIME_STRUCTURE_H
#define MIME_STRUCTURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "mime/content_type.h"
#include "mime/entity.h"
#include "mime/header.h"
#include "mime/transfer.h"

struct mime_structure;

typedef enum mime_event {
	MIME_MORE,  /* the chunk is used up */
	MIME_PART,  /* a part begins: header_offset, is_message */
	MIME_FIELD, /* a field of its header that a summary speaks of: field, text; type where it is that */
	MIME_BODY,  /* its header is over: header_size, kind, encoding and what stands below kind */
	MIME_TEXT,  /* octets of its body, where mime_structure_want_text asked for them: text */
	MIME_PART_END, /* body_size, body_lines, unclosed */
	MIME_END,      /* after mime_structure_end, when all parts are closed */
} mime_event;

/* What an event is about; only the fields named there are set. Slices live until the next call. */
struct mime_step {
	mime_field field;
	str text;
	const struct mime_content_type *type;
	bool is_message; /* a whole message begins, not only a part */
	uint64_t header_offset, header_size, body_size, body_lines;
	mime_part_kind kind;
	mime_encoding encoding;
	bool digest_message; /* no usable Content-Type, within multipart/digest: message/rfc822 */
	bool is_text;        /* text/plain or text/html */
	bool no_boundary;    /* a multipart without a boundary parameter */
	bool too_deep;       /* LIMIT_MIME_DEPTH, LIMIT_BOUNDARY or memory: not looked into */
	bool unclosed;
};

/* ERR_NOSPACE. */
err mime_structure_new(struct arena *arena, struct mime_structure **out) MUST_USE;

/* Takes from the front of `*in` up to the next event. */
mime_event mime_structure_next(struct mime_structure *s, str *in, struct mime_step *out);

/* After MIME_BODY of a leaf: whether its octets are wanted, until told otherwise. */
void mime_structure_want_text(struct mime_structure *s, bool wanted);

/* The message is over; the remaining events come with an empty `*in`. */
void mime_structure_end(struct mime_structure *s);

/* Octets so far. */
uint64_t mime_structure_size(const struct mime_structure *s);

/* True where a field or a block was longer than what is looked at, or memory ended. */
bool mime_structure_was_cut(const struct mime_structure *s);

/* Room for what is made of the field of the last MIME_FIELD: empty unless the field is a Content-Type. */
struct buf *mime_structure_scratch(struct mime_structure *s);

#endif
