#include "mime/transfer.h"

enum { LINE_OCTETS = 76, QUANTA_OCTETS = 192 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

mime_encoding mime_encoding_of(str name)
{
	if (str_eq_nocase(name, STR("base64")))
		return MIME_ENCODING_BASE64;
	if (str_eq_nocase(name, STR("quoted-printable")))
		return MIME_ENCODING_QUOTED_PRINTABLE;
	if (name.len == 0 || str_eq_nocase(name, STR("7bit")) || str_eq_nocase(name, STR("8bit")) ||
	    str_eq_nocase(name, STR("binary")))
		return MIME_ENCODING_IDENTITY;
	return MIME_ENCODING_UNKNOWN;
}

/* Values of the alphabet; -1 is none of it. */
static const int8_t sextets[256] = {
	/* clang-format off */
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	/* clang-format on */
};

static int sextet(char c) { return sextets[(unsigned char)c]; }

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* "=" ends the data; two or three sextets before it make one or two octets. */
static void pad(struct mime_base64_decoder *d, struct buf *out)
{
	if (d->sextets >= 2)
		buf_add_char(out, (char)(d->bits >> (d->sextets == 2 ? 4 : 10)));
	if (d->sextets == 3)
		buf_add_char(out, (char)(d->bits >> 2));
	d->bad += d->sextets < 2;
	d->sextets = 0;
	d->padded = true;
}

/* One octet that is no quantum's beginning, or none of the alphabet at all. */
static void base64_octet(struct mime_base64_decoder *d, char c, struct buf *out)
{
	int v = sextet(c);

	if (c == '=') {
		if (!d->padded)
			pad(d, out);
		return;
	}
	if (v < 0 || d->padded) {
		d->bad += !is_space(c);
		return;
	}
	d->bits = d->bits << 6 | (uint32_t)v;
	if (++d->sextets < 4)
		return;
	char three[3] = { (char)(d->bits >> 16), (char)(d->bits >> 8), (char)d->bits };
	buf_add(out, (str){ three, 3 });
	d->sextets = 0;
}

/* Whole quanta at the front of `octets`; octets taken. */
static size_t base64_quanta(str octets, struct buf *out)
{
	char decoded[QUANTA_OCTETS];
	size_t at = 0, len = 0;

	while (octets.len - at >= 4 && len < sizeof decoded) {
		const char *p = octets.ptr + at;
		int a = sextet(p[0]), b = sextet(p[1]), c = sextet(p[2]), e = sextet(p[3]);
		if ((a | b | c | e) < 0)
			break;
		uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)e;
		decoded[len++] = (char)(bits >> 16);
		decoded[len++] = (char)(bits >> 8);
		decoded[len++] = (char)bits;
		at += 4;
	}
	buf_add(out, (str){ decoded, len });
	return at;
}

void mime_base64_decode(struct mime_base64_decoder *d, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len;) {
		if (d->sextets == 0 && !d->padded)
			i += base64_quanta(str_from(octets, i), out);
		if (i < octets.len)
			base64_octet(d, octets.ptr[i++], out);
	}
}

bool mime_base64_decode_end(struct mime_base64_decoder *d)
{
	bool whole = d->sextets == 0;

	*d = (struct mime_base64_decoder){ .bad = d->bad };
	return whole;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void give_spaces(struct mime_qp_decoder *d, struct buf *out)
{
	buf_add(out, (str){ d->spaces, d->spaces_len });
	d->spaces_len = 0;
}

static bool is_plain(char c) { return (unsigned char)c > ' ' && c != '='; }

/* An octet that stands for itself whatever comes before it: a space does within a line. */
static bool is_run(str s, size_t at)
{
	bool space = s.ptr[at] == ' ' || s.ptr[at] == '\t';

	return is_plain(s.ptr[at]) || (space && at + 1 < s.len && is_plain(s.ptr[at + 1]));
}

/* An octet outside an escape. */
static void plain(struct mime_qp_decoder *d, char c, struct buf *out)
{
	if (c == '\n' || c == '\r')
		d->spaces_len = 0;
	else
		give_spaces(d, out);
	buf_add_char(out, c);
}

static void octet(struct mime_qp_decoder *d, char c, struct buf *out)
{
	if (c == ' ' || c == '\t') {
		/* More than a line may have is no padding: it stands for itself, so that the output is never
		 * longer than the input and what was held. */
		if (d->spaces_len == sizeof d->spaces)
			give_spaces(d, out);
		d->spaces[d->spaces_len++] = c;
	} else if (c == '=') {
		give_spaces(d, out);
		d->held[d->held_len++] = c;
	} else {
		plain(d, c, out);
	}
}

/* Gives back an escape that is none. */
static void literal(struct mime_qp_decoder *d, struct buf *out)
{
	unsigned len = d->held_len;

	d->held_len = 0;
	d->bad++;
	buf_add_char(out, d->held[0]);
	if (len == 2)
		plain(d, d->held[1], out);
}

/* An octet after "=": two hexadecimal digits, or a soft line break, before whose end spaces may stand. */
static void escape(struct mime_qp_decoder *d, char c, struct buf *out)
{
	if (d->held_len == 1 && (c == ' ' || c == '\t'))
		return;
	if (c == '\n' && (d->held_len == 1 || d->held[1] == '\r')) {
		d->held_len = 0;
	} else if (d->held_len == 1 && (hex(c) >= 0 || c == '\r')) {
		d->held[d->held_len++] = c;
	} else if (d->held_len == 2 && hex(c) >= 0 && hex(d->held[1]) >= 0) {
		buf_add_char(out, (char)(hex(d->held[1]) * 16 + hex(c)));
		d->held_len = 0;
	} else {
		literal(d, out);
		octet(d, c, out);
	}
}

void mime_qp_decode(struct mime_qp_decoder *d, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len;) {
		size_t run = i;
		while (run < octets.len && !d->held_len && is_run(octets, run))
			run++;
		if (run > i) {
			give_spaces(d, out);
			buf_add(out, str_slice(octets, i, run));
			i = run;
		} else if (d->held_len) {
			escape(d, octets.ptr[i++], out);
		} else {
			octet(d, octets.ptr[i++], out);
		}
	}
}

void mime_qp_decode_end(struct mime_qp_decoder *d, struct buf *out)
{
	/* A last "=" is a soft line break at the end of the data. */
	if (d->held_len == 2 && d->held[1] != '\r')
		literal(d, out);
	*d = (struct mime_qp_decoder){ .bad = d->bad };
}

static void quantum(struct mime_base64_encoder *e, struct buf *out)
{
	unsigned n = e->held_len;
	uint32_t bits = (uint32_t)e->held[0] << 16 | (uint32_t)(n > 1 ? e->held[1] : 0) << 8 |
	                (uint32_t)(n > 2 ? e->held[2] : 0);
	char four[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
		         n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '=' };

	buf_add(out, (str){ four, 4 });
	e->held_len = 0;
	e->column += 4;
	if (e->column >= LINE_OCTETS) {
		buf_add(out, CRLF);
		e->column = 0;
	}
}

void mime_base64_encode(struct mime_base64_encoder *e, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len; i++) {
		e->held[e->held_len++] = (unsigned char)octets.ptr[i];
		if (e->held_len == 3)
			quantum(e, out);
	}
}

void mime_base64_encode_end(struct mime_base64_encoder *e, struct buf *out)
{
	if (e->held_len)
		quantum(e, out);
	if (e->column)
		buf_add(out, CRLF);
	*e = (struct mime_base64_encoder){ 0 };
}
