/* mime/entity.h: what the header of one part says about its body, and the delimiters of a multipart.
 *
 * The first usable Content-Type counts and the first Content-Transfer-Encoding. mime/structure.h, which
 * describes messages, and mime/walk.h, which serves those who rewrite them, cut them by this one reading.
 * Pure; any thread.
 *
 * RFC 2045 §5, §6; RFC 2046 §5; RFC 6532 §3.7.
 */
#ifndef MIME_ENTITY_H
#define MIME_ENTITY_H

#include "mime/content_type.h"
#include "mime/transfer.h"

/* Octets of a line that may be a delimiter: "--", boundary, "--", padding, line end. */
enum { MIME_DELIMITER_OCTETS = 512 };

typedef enum mime_part_kind {
	MIME_PART_LEAF,
	MIME_PART_MULTIPART,
	MIME_PART_MESSAGE, /* one message follows as its only part */
} mime_part_kind;

typedef enum mime_delimiter {
	MIME_DELIMITER_NONE,
	MIME_DELIMITER_OPENS,
	MIME_DELIMITER_CLOSES
} mime_delimiter;

struct mime_entity {
	mime_encoding encoding;
	bool is_binary; /* the encoding is named "binary" */
	bool has_type, has_encoding;
	bool is_multipart, is_message, is_digest, is_text; /* what Content-Type says */
	bool is_signed;                                    /* multipart/signed (RFC 1847) */
	bool of_message, of_text;                          /* any subtype of message, of text */
	bool in_digest;                                    /* the parent is a multipart/digest */
	bool boundary_too_long;                            /* over LIMIT_BOUNDARY */
	size_t boundary_len;                               /* 0: none */
	char boundary[LIMIT_BOUNDARY];
};

/* A header begins that says nothing yet. */
void mime_entity_begin(struct mime_entity *e, bool in_digest);

void mime_entity_take_type(struct mime_entity *e, const struct mime_content_type *type);

/* `body` of the field, folded or not. */
void mime_entity_take_encoding(struct mime_entity *e, str body);

/* What the body is made of, now that the header is over. message/rfc822 and message/global are looked into,
 * except under base64 or quoted-printable (RFC 2046 §5.2.1 forbids these). */
mime_part_kind mime_entity_kind(const struct mime_entity *e);

/* No usable Content-Type, within multipart/digest: message/rfc822 (RFC 2046 §5.1.5). */
bool mime_entity_is_digest_message(const struct mime_entity *e);

/* Is `line`, with or without its line end, a delimiter of this multipart (RFC 2046 §5.1.1)? */
mime_delimiter mime_delimiter_of(const struct mime_entity *e, str line);

#endif
