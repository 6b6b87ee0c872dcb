#include "mime/transfer.h"

enum { LINE_OCTETS = 76 };

/* Spaces held back at most: lines of quoted-printable are no longer, and the output stays as long as the
 * input. */
enum { SPACES_MAX = 76 };

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

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

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

void mime_base64_decode(struct mime_base64_decoder *d, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len; i++) {
		char c = octets.ptr[i];
		int v = sextet(c);
		if (c == '=') {
			if (!d->padded)
				pad(d, out);
			continue;
		}
		if (v < 0 || d->padded) {
			d->bad += !is_space(c);
			continue;
		}
		d->bits = d->bits << 6 | (uint32_t)v;
		if (++d->sextets < 4)
			continue;
		char three[3] = { (char)(d->bits >> 16), (char)(d->bits >> 8), (char)d->bits };
		buf_add(out, (str){ three, 3 });
		d->sextets = 0;
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
	for (; d->spaces; d->spaces--)
		buf_add_char(out, d->tabs ? '\t' : ' ');
	d->tabs = false;
}

/* An octet outside an escape. */
static void plain(struct mime_qp_decoder *d, char c, struct buf *out)
{
	if (c == '\n' || c == '\r') {
		d->spaces = 0;
		d->tabs = false;
	} else {
		give_spaces(d, out);
	}
	buf_add_char(out, c);
}

static void octet(struct mime_qp_decoder *d, char c, struct buf *out)
{
	if (c == ' ' || c == '\t') {
		if (d->spaces == SPACES_MAX || (d->spaces && d->tabs != (c == '\t')))
			give_spaces(d, out);
		d->tabs = c == '\t';
		d->spaces++;
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
	for (size_t i = 0; i < octets.len; i++) {
		if (d->held_len)
			escape(d, octets.ptr[i], out);
		else
			octet(d, octets.ptr[i], out);
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
