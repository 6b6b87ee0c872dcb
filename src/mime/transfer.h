/* mime/transfer.h: content transfer encodings, a chunk at a time.
 *
 * Decoders are lenient and say how often they had to be: what is no base64 is skipped (RFC 2045 §6.8), what
 * is no quoted-printable stands for itself (§6.7). The result does not depend on the chunks. Where `out` has
 * no room the rest is lost and buf_err(out) says so. Pure; any thread.
 */
#ifndef MIME_TRANSFER_H
#define MIME_TRANSFER_H

#include "base/buf.h"
#include "base/str.h"

typedef enum mime_encoding {
	MIME_ENCODING_IDENTITY, /* 7bit, 8bit, binary, none */
	MIME_ENCODING_BASE64,
	MIME_ENCODING_QUOTED_PRINTABLE,
	MIME_ENCODING_UNKNOWN,
} mime_encoding;

/* The one word of a Content-Transfer-Encoding field body: "base64; x" and "7bit (sic)" are met. */
str mime_encoding_word(str body);

/* `name` without spaces, any case; empty is the default, 7bit. */
mime_encoding mime_encoding_of(str name);

/* All zero begins. */
struct mime_base64_decoder {
	uint32_t bits;
	unsigned sextets; /* 0 to 3 of a quantum under way */
	bool padded;      /* "=" was met: the data is over */
	uint64_t bad;     /* octets that are neither base64 nor white space, or that follow the end */
};

void mime_base64_decode(struct mime_base64_decoder *d, str octets, struct buf *out);

/* The input is over: true where it ended on a whole quantum. Lost padding is usual: two or three sextets are
 * still one or two octets. */
bool mime_base64_decode_end(struct mime_base64_decoder *d, struct buf *out);

struct mime_qp_decoder {
	char held[2]; /* "=" and what follows it */
	unsigned held_len;
	char spaces[76]; /* at the end of a line they are padding (§6.7, rule 3); lines are no longer */
	unsigned spaces_len;
	uint64_t bad; /* "=" that begins nothing */
};

void mime_qp_decode(struct mime_qp_decoder *d, str octets, struct buf *out);
void mime_qp_decode_end(struct mime_qp_decoder *d, struct buf *out);

/* All zero begins. Lines of 76 octets that end with CRLF. */
struct mime_base64_encoder {
	unsigned char held[3];
	unsigned held_len;
	unsigned column;
};

void mime_base64_encode(struct mime_base64_encoder *e, str octets, struct buf *out);

/* The last quantum with its padding, and the last line's CRLF where there is one. */
void mime_base64_encode_end(struct mime_base64_encoder *e, struct buf *out);

/* All of `octets` with its padding, without line ends. */
void mime_base64_line(str octets, struct buf *out);

/* All zero begins. CRLF is a line end and stays one, a CR or LF alone is encoded, so that any octets come
 * back as they were. Lines of at most 76 octets; none begins with "." or ends with white space (RFC 2049 §3).
 */
struct mime_qp_encoder {
	unsigned column;
	bool guarded; /* set by the caller: no line begins with "-" either, so that none is taken for a
	                 delimiter */
	char held;    /* a space, tab or CR whose meaning the next octet settles; 0: none */
};

void mime_qp_encode(struct mime_qp_encoder *e, str octets, struct buf *out);
void mime_qp_encode_end(struct mime_qp_encoder *e, struct buf *out);

/* The encoding that a text is best sent with once its line ends, LF or CRLF, are CRLF: none where it is 7bit
 * with lines of at most 78 octets, else the shorter of the other two. */
mime_encoding mime_encoding_for(str text);

#endif
