/* mime/header.h: a header block, cut into fields.
 *
 * Two readers of the same grammar. mime_header_next walks over a block that is held as a slice and gives each
 * field as it stands, folding included. struct mime_header takes lines as they arrive, in pieces of any size,
 * and collects, unfolded, only the fields that a summary speaks of.
 * Lenient: a line that is no field is skipped, the block ends at its empty line and nowhere else. Spaces
 * before the colon are legal (RFC 5322 §4.5), a name is otherwise as RFC 5322 §3.6.8 says. Lines end with LF,
 * with or without a CR before it. Pure; any thread.
 *
 * RFC 5322 §2.2, §3.6, §4.5.
 */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/scan.h"

/* The fields that a summary speaks of. */
typedef enum mime_field {
	MIME_FIELD_OTHER,
	MIME_FIELD_FROM,
	MIME_FIELD_SENDER,
	MIME_FIELD_REPLY_TO,
	MIME_FIELD_TO,
	MIME_FIELD_CC,
	MIME_FIELD_BCC,
	MIME_FIELD_SUBJECT,
	MIME_FIELD_DATE,
	MIME_FIELD_MESSAGE_ID,
	MIME_FIELD_IN_REPLY_TO,
	MIME_FIELD_REFERENCES,
	MIME_FIELD_CONTENT_TYPE,
	MIME_FIELD_CONTENT_TRANSFER_ENCODING,
	MIME_FIELD_CONTENT_DISPOSITION,
	MIME_FIELD_CONTENT_ID,
	MIME_FIELD_CONTENT_DESCRIPTION,
	MIME_FIELD_CONTENT_MD5,
	MIME_FIELD_CONTENT_LANGUAGE,
	MIME_FIELD_CONTENT_LOCATION,
	MIME_FIELD_COUNT,
} mime_field;

mime_field mime_field_of(str name);

struct mime_header_field {
	str name;      /* without spaces before the colon; empty where the line is no field */
	str body;      /* after the colon: folded, with its leading space, without the last line end */
	size_t offset; /* of the first octet in the block */
	size_t size;   /* with the last line end */
};

/* The next field of `block`, false at the empty line (which is taken) or the end. A line that is no field is
 * given with an empty name and its octets as body. */
bool mime_header_next(scan *block, struct mime_header_field *out);

/* Appends `body` without the line ends of its folding (RFC 5322 §2.2.3) and without spaces at both ends. */
void mime_header_unfold(str body, struct buf *out);

struct mime_header {
	struct arena *arena;
	char *octets; /* the body being collected */
	size_t len, room;
	size_t block_octets; /* of this block so far */
	char name[32];       /* the longest name we know has 25 octets */
	size_t name_len;     /* octets seen; may be over sizeof name */
	int state;
	mime_field field; /* which one is open or was completed */
	bool cut;         /* something did not fit: a body, or the block (LIMIT_HEADER_BLOCK) */
};

/* ERR_NOSPACE. Memory is taken in fixed steps, so that what fits does not depend on the chunks. */
err mime_header_init(struct mime_header *h, struct arena *arena) MUST_USE;

/* Begins a new block. */
void mime_header_begin(struct mime_header *h);

/* Takes one piece of a line, never empty; `begins` the line or not. True: the field before this line is
 * complete (h->field, mime_header_body) and the piece was not taken: give it again. */
bool mime_header_piece(struct mime_header *h, str piece, bool begins);

/* The block is over. True: a last field is complete. */
bool mime_header_end(struct mime_header *h);

/* The completed field's body, unfolded and trimmed; valid until the next piece. */
str mime_header_body(const struct mime_header *h);

#endif
