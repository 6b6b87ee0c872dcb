/* mime/compose.h: messages of our own being written: their ids, boundaries and bodies.
 *
 * For bounces, automatic replies and campaigns, together with mime/field.h, which writes the fields. All goes
 * into a buf, whose sticky error says whether it had room. What was written is read as it was. Pure: time and
 * randomness are the caller's (base/clock.h, base/random.h); any thread.
 *
 * RFC 5322 §3.6.4; RFC 2045 §6; RFC 2046 §4.1, §5.1; RFC 2183.
 */
#ifndef MIME_COMPOSE_H
#define MIME_COMPOSE_H

#include "base/buf.h"
#include "base/str.h"

enum { MIME_BOUNDARY_RANDOM = 16, MIME_BOUNDARY_LEN = 2 + 2 * MIME_BOUNDARY_RANDOM, MIME_ID_RANDOM = 10 };

/* "=_" and 32 digits; "=_" stands in no base64 or quoted-printable (RFC 2045 §6.7), so in no part of ours. */
void mime_boundary_make(const unsigned char random[static MIME_BOUNDARY_RANDOM],
                        char out[static MIME_BOUNDARY_LEN]);

/* Appends a message id without "<" and ">": time and randomness at `host`, a domain in ASCII. */
void mime_id_make(int64_t time_ms, const unsigned char random[static MIME_ID_RANDOM], str host,
                  struct buf *out);

/* A text of UTF-8 as the rest of a part: Content-Type: text/`subtype`, Content-Transfer-Encoding, the empty
 * line and the body under the encoding that suits it (mime_encoding_for). Its line ends are LF or CRLF and
 * become CRLF; the last one is written in any case. `text` is borrowed for the call. */
void mime_compose_text(str subtype, str text, struct buf *out);

/* Octets as the rest of a part, under base64. `type` is "application/pdf", `name` the file's in UTF-8, empty
 * for none. */
void mime_compose_attachment(str type, str name, str octets, struct buf *out);

/* Between two parts, before the first and after the last one of a multipart: its own line. */
void mime_compose_delimiter(str boundary, bool last, struct buf *out);

#endif
