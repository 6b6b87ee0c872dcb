#include "mime/transfer.h"

/* RFC 2045 §6.7, §6.8; RFC 5322 §2.1.1. */
enum { LINE_OCTETS = 76, PLAIN_LINE_OCTETS = 78 };

enum { QUANTA_OCTETS = 192 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

str mime_encoding_word(str body)
{
	body = str_slice(body, 0, str_find_char(body, ';'));
	return str_trim(str_slice(body, 0, str_find_char(body, '(')));
}

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

bool mime_base64_decode_end(struct mime_base64_decoder *d, struct buf *out)
{
	bool whole = d->sextets == 0;

	if (d->sextets >= 2)
		pad(d, out);
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

static inline bool is_plain(char c) { return (unsigned char)c > ' ' && c != '='; }

/* Octets at the front of `s` that stand for themselves whatever comes before them: a space within a line
 * does. */
static size_t decode_run(str s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	for (;;) {
		while (p < end && is_plain(*p))
			p++;
		if (end - p < 2 || (*p != ' ' && *p != '\t') || !is_plain(p[1]))
			return (size_t)(p - s.ptr);
		p += 2;
	}
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
		size_t run = d->held_len ? 0 : decode_run(str_from(octets, i));
		if (run) {
			give_spaces(d, out);
			buf_add(out, str_slice(octets, i, i + run));
			i += run;
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

/* One to three octets as four of the alphabet. */
static void quantum(const unsigned char *o, size_t n, char to[4])
{
	uint32_t bits =
		(uint32_t)o[0] << 16 | (uint32_t)(n > 1 ? o[1] : 0) << 8 | (uint32_t)(n > 2 ? o[2] : 0);

	to[0] = alphabet[bits >> 18];
	to[1] = alphabet[bits >> 12 & 63];
	to[2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
	to[3] = n > 2 ? alphabet[bits & 63] : '=';
}

void mime_base64_line(str octets, struct buf *out)
{
	size_t quanta = (octets.len + 2) / 3;
	char *to = quanta ? buf_extend(out, 4 * quanta) : NULL;

	for (size_t i = 0; to && i < quanta; i++)
		quantum((const unsigned char *)octets.ptr + 3 * i, octets.len - 3 * i, to + 4 * i);
}

static void end_line(struct mime_base64_encoder *e, struct buf *out)
{
	buf_add(out, CRLF);
	e->column = 0;
}

static void held_quantum(struct mime_base64_encoder *e, struct buf *out)
{
	mime_base64_line((str){ (const char *)e->held, e->held_len }, out);
	e->held_len = 0;
	e->column += 4;
	if (e->column == LINE_OCTETS)
		end_line(e, out);
}

void mime_base64_encode(struct mime_base64_encoder *e, str octets, struct buf *out)
{
	while (octets.len) {
		size_t left = octets.len / 3 * 3, line = (LINE_OCTETS - e->column) / 4 * 3;
		size_t whole = left < line ? left : line;
		if (e->held_len || whole == 0) {
			e->held[e->held_len++] = (unsigned char)octets.ptr[0];
			octets = str_from(octets, 1);
			if (e->held_len == 3)
				held_quantum(e, out);
			continue;
		}
		mime_base64_line(str_slice(octets, 0, whole), out);
		octets = str_from(octets, whole);
		e->column += (unsigned)whole / 3 * 4;
		if (e->column == LINE_OCTETS)
			end_line(e, out);
	}
}

void mime_base64_encode_end(struct mime_base64_encoder *e, struct buf *out)
{
	if (e->held_len)
		held_quantum(e, out);
	if (e->column)
		end_line(e, out);
}

/* Room for `size` octets before the "=" of a soft line break. */
static void qp_room(struct mime_qp_encoder *e, unsigned size, struct buf *out)
{
	if (e->column + size < LINE_OCTETS)
		return;
	buf_add(out, STR("=\r\n"));
	e->column = 0;
}

static void qp_escape(struct mime_qp_encoder *e, char c, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	char three[3] = { '=', digits[(unsigned char)c >> 4], digits[c & 15] };

	qp_room(e, 3, out);
	buf_add(out, (str){ three, 3 });
	e->column += 3;
}

static bool is_qp_literal(char c) { return c >= '!' && c <= '~' && c != '='; }

/* What may not begin a line. */
static bool is_guarded(const struct mime_qp_encoder *e, char c)
{
	return e->column == 0 && (c == '.' || (c == '-' && e->guarded));
}

/* Octets at the front of `s` that stand for themselves and fit the line. */
static size_t qp_run(const struct mime_qp_encoder *e, str s)
{
	size_t room = LINE_OCTETS - 1 - e->column, run = 0;

	if (s.len && is_guarded(e, s.ptr[0]))
		return 0;
	while (run < s.len && run < room && is_qp_literal(s.ptr[run]))
		run++;
	return run;
}

static void qp_octet(struct mime_qp_encoder *e, char c, struct buf *out)
{
	if (c == ' ' || c == '\t' || c == '\r') {
		e->held = c;
		return;
	}
	qp_room(e, 1, out);
	if (!is_qp_literal(c) || is_guarded(e, c)) {
		qp_escape(e, c, out);
	} else {
		buf_add_char(out, c);
		e->column++;
	}
}

/* A space before a CR may end a line and is encoded; one before anything else stands for itself. True: `c`
 * was used up with what was held. */
static bool qp_held(struct mime_qp_encoder *e, char c, struct buf *out)
{
	char held = e->held;

	e->held = 0;
	if (held == '\r' && c == '\n') {
		buf_add(out, CRLF);
		e->column = 0;
		return true;
	}
	if (held == '\r' || c == '\r') {
		qp_escape(e, held, out);
		return false;
	}
	qp_room(e, 1, out);
	buf_add_char(out, held);
	e->column++;
	return false;
}

void mime_qp_encode(struct mime_qp_encoder *e, str octets, struct buf *out)
{
	for (size_t i = 0; i < octets.len;) {
		if (e->held && qp_held(e, octets.ptr[i], out)) {
			i++;
			continue;
		}
		size_t run = qp_run(e, str_from(octets, i));
		buf_add(out, str_slice(octets, i, i + run));
		e->column += (unsigned)run;
		i += run;
		if (!run)
			qp_octet(e, octets.ptr[i++], out);
	}
}

void mime_qp_encode_end(struct mime_qp_encoder *e, struct buf *out)
{
	if (e->held)
		qp_escape(e, e->held, out);
	*e = (struct mime_qp_encoder){ 0 };
}

mime_encoding mime_encoding_for(str text)
{
	const size_t size = text.len;
	size_t escapes = 0;
	bool plain = true;

	while (text.len) {
		str line = str_cut(&text, '\n');
		line.len -= line.len && line.ptr[line.len - 1] == '\r';
		plain = plain && line.len <= PLAIN_LINE_OCTETS;
		for (size_t i = 0; i < line.len; i++) {
			char c = line.ptr[i];
			escapes += !is_qp_literal(c) && c != ' ' && c != '\t';
			plain = plain && (unsigned char)c < 0x80 && c != '\0' && c != '\r';
		}
	}
	if (plain)
		return MIME_ENCODING_IDENTITY;
	/* Three octets for one, or four for three. */
	return escapes * 6 > size ? MIME_ENCODING_BASE64 : MIME_ENCODING_QUOTED_PRINTABLE;
}
