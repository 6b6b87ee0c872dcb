/* mime/check.h: what is wrong with a message, for people who make mail (`postrider check mime`).
 *
 * Nothing here is refused when mail arrives; the defects are what other software may stumble over, each with
 * the place of its first occurrence. The structure is the summary's. Takes the whole message as one slice and
 * looks at every octet of it; for commands and tests, not for delivery. Pure; any thread.
 *
 * RFC 5322 §2.1.1, §2.3, §3.6; RFC 2045 §6; RFC 2046 §5.1; RFC 6532.
 */
#ifndef MIME_CHECK_H
#define MIME_CHECK_H

#include "mime/summary.h"

typedef enum mime_defect_kind {
	MIME_DEFECT_LONG_LINE,
	MIME_DEFECT_BARE_CR,
	MIME_DEFECT_BARE_LF,
	MIME_DEFECT_NUL,
	MIME_DEFECT_NO_FIELD,
	MIME_DEFECT_REPEATED_FIELD,
	MIME_DEFECT_NO_FROM,
	MIME_DEFECT_NO_DATE,
	MIME_DEFECT_BAD_DATE,
	MIME_DEFECT_BAD_ADDRESS,
	MIME_DEFECT_8BIT_HEADER,
	MIME_DEFECT_NOT_UTF8_HEADER,
	MIME_DEFECT_BAD_CONTENT_TYPE,
	MIME_DEFECT_NO_BOUNDARY,
	MIME_DEFECT_UNCLOSED,
	MIME_DEFECT_NO_PARTS,
	MIME_DEFECT_BAD_ENCODING,
	MIME_DEFECT_ENCODED_COMPOSITE,
	MIME_DEFECT_BAD_BASE64,
	MIME_DEFECT_BAD_QUOTED_PRINTABLE,
	MIME_DEFECT_8BIT_BODY,
	MIME_DEFECT_BAD_CHARSET,
	MIME_DEFECT_CUT,
	MIME_DEFECT_KINDS,
} mime_defect_kind;

struct mime_defect {
	mime_defect_kind kind;
	const char *what; /* one clause for people */
	uint64_t count;
	uint64_t offset; /* of the first one in the message */
};

struct mime_check {
	uint64_t size;
	size_t header_fields; /* of the message itself */
	const struct mime_part *root;
	const struct mime_defect *defects; /* one of each kind at most, in the order of the enum */
	size_t defects_count;
};

/* ERR_NOSPACE. *out lives in `arena` and points into it only. */
err mime_check(struct arena *arena, str message, struct mime_check *out) MUST_USE;

#endif
