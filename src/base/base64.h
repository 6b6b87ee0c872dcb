/* base/base64.h: base64 as protocols carry it: one run without line breaks, strict (RFC 4648 §4).
 *
 * Message content has its own, lenient and by chunks (mime/transfer.h). Pure; any thread.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Characters that `size` octets take. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)

/* Appends `octets` in base64, padded. */
void base64_add(struct buf *out, str octets);

/* Appends what `text` stands for. Nothing is skipped: no white space, no padding but at the end, no bits that
 * an encoder leaves zero. ERR_SYNTAX (`at` is the character; `out` may hold some octets then), ERR_LIMIT and
 * ERR_NOSPACE as buf_err says. */
err base64_decode(str text, struct buf *out) MUST_USE;

#endif
