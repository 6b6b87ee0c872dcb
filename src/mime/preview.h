/* mime/preview.h: the one line that a mailbox list shows of a text part.
 *
 * Takes the octets of a text/plain or text/html body as they come, under their transfer encoding, and keeps
 * LIMIT_PREVIEW_SOURCE octets of their text; the charset is converted at the end. Quoted lines and what
 * follows a signature separator are left out of plain text. Lenient; does not depend on the chunks.
 * Pure apart from mime/charset.h; any thread.
 *
 * RFC 8970 §3.3.
 */
#ifndef MIME_PREVIEW_H
#define MIME_PREVIEW_H

#include "base/buf.h"
#include "base/limits.h"
#include "mime/html_text.h"
#include "mime/transfer.h"

enum { MIME_PREVIEW_CHARSET_OCTETS = 40, MIME_PREVIEW_CHARACTERS = 200 };

struct mime_preview {
	bool is_html, is_wide;
	mime_encoding encoding;
	char charset[MIME_PREVIEW_CHARSET_OCTETS];
	size_t charset_len;
	struct mime_base64_decoder base64;
	struct mime_qp_decoder qp;
	struct mime_html_text html;
	uint32_t looked;  /* octets of the body */
	unsigned line_at; /* plain text: octets of this line, up to 4 */
	char line[4];
	size_t line_source; /* plain text: source.len where this line began */
	bool is_quoted, is_over, space;
	struct mime_text source; /* the octets below */
	char octets[LIMIT_PREVIEW_SOURCE];
};

/* Begins a part. A charset name that is too long to be one is none. */
void mime_preview_begin(struct mime_preview *p, bool is_html, str charset, mime_encoding encoding);

/* False: enough is known, the rest of the part need not be given. */
bool mime_preview_push(struct mime_preview *p, str octets);

/* Appends the preview: at most 200 characters in at most LIMIT_PREVIEW octets of UTF-8; nothing where the
 * part has no text. */
void mime_preview_end(struct mime_preview *p, struct buf *out, unsigned *conversions);

#endif
