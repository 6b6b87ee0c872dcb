#include "mime/preview.h"

#include "base/utf8.h"
#include "mime/charset.h"

/* Octets that are decoded at once. The output is never longer than the input and the spaces and the escape
 * that the decoder held. */
enum { STEP_OCTETS = 256, DECODED_OCTETS = STEP_OCTETS + 128 };

void mime_preview_begin(struct mime_preview *p, bool is_html, str charset, mime_encoding encoding)
{
	memset(p, 0, offsetof(struct mime_preview, octets));
	p->is_html = is_html;
	p->encoding = encoding;
	if (charset.len <= sizeof p->charset) {
		if (charset.len)
			memcpy(p->charset, charset.ptr, charset.len);
		p->charset_len = charset.len;
	}
	p->is_wide = mime_charset_is_wide(charset);
	/* Tags can't be told in UTF-16 before its conversion, and hardly anybody sends it. */
	p->is_over = p->is_html && p->is_wide;
	/* Of plain text LIMIT_PREVIEW octets would do, but for escapes and odd spaces; of HTML, entities are
	 * long. */
	size_t room = p->is_html || p->is_wide ? sizeof p->octets : 2 * LIMIT_PREVIEW;
	p->source = (struct mime_text){ p->octets, 0, room, false };
}

static const bool spaces[256] = { [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['\f'] = true };

static bool is_space(char c) { return spaces[(unsigned char)c]; }

/* Words of a line that is not quoted, with one space between two. */
static void add_words(struct mime_preview *p, str s)
{
	for (size_t i = 0; i < s.len;) {
		size_t start = i;
		while (i < s.len && !is_space(s.ptr[i]))
			i++;
		if (i > start) {
			if (p->space && p->source.len)
				mime_text_add(&p->source, ' ');
			mime_text_add_all(&p->source, str_slice(s, start, i));
		}
		p->space = i == start;
		i += p->space;
	}
}

/* A line of plain text ends: a signature separator takes back nothing but itself, and all that follows. */
static void end_line(struct mime_preview *p)
{
	str line = { p->line, p->line_at };

	p->is_over = str_eq(line, STR("-- ")) || str_eq(line, STR("-- \r"));
	if (p->is_over)
		p->source.len = p->line_source;
	p->line_source = p->source.len;
	p->line_at = 0;
	p->is_quoted = false;
	p->space = true;
}

static void take_plain(struct mime_preview *p, str octets)
{
	while (octets.len && !p->is_over) {
		size_t lf = str_find_char(octets, '\n');
		str piece = str_slice(octets, 0, lf);
		if (piece.len) {
			p->is_quoted |= p->line_at == 0 && piece.ptr[0] == '>';
			for (size_t i = 0; i < piece.len && p->line_at < sizeof p->line; i++)
				p->line[p->line_at++] = piece.ptr[i];
			if (!p->is_quoted)
				add_words(p, piece);
		}
		if (lf < octets.len)
			end_line(p);
		octets = str_from(octets, lf + (lf < octets.len));
	}
}

static void take_text(struct mime_preview *p, str octets)
{
	if (p->is_wide) {
		mime_text_add_all(&p->source, octets);
	} else if (p->is_html) {
		mime_html_text(&p->html, octets, &p->source);
	} else {
		take_plain(p, octets);
	}
}

static void decode(struct mime_preview *p, str octets)
{
	char decoded[DECODED_OCTETS];
	struct buf out;

	buf_init_fixed(&out, decoded, sizeof decoded);
	if (p->encoding == MIME_ENCODING_BASE64)
		mime_base64_decode(&p->base64, octets, &out);
	else
		mime_qp_decode(&p->qp, octets, &out);
	take_text(p, buf_str(&out));
}

bool mime_preview_push(struct mime_preview *p, str octets)
{
	bool identity = p->encoding == MIME_ENCODING_IDENTITY || p->encoding == MIME_ENCODING_UNKNOWN;

	while (octets.len) {
		size_t left = LIMIT_PREVIEW_LOOK - p->looked;
		if (left == 0 || p->is_over || p->source.full)
			return false;
		size_t step = octets.len < STEP_OCTETS ? octets.len : STEP_OCTETS;
		step = step < left ? step : left;
		str some = str_slice(octets, 0, step);
		p->looked += (uint32_t)step;
		if (identity)
			take_text(p, some);
		else
			decode(p, some);
		octets = str_from(octets, step);
	}
	return true;
}

/* The code point at the front of valid UTF-8, which is taken. */
static uint32_t take_char(str *s)
{
	unsigned char c = (unsigned char)s->ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	len = len < s->len ? len : s->len;
	uint32_t n = len == 1 ? c : c & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		n = n << 6 | ((unsigned char)s->ptr[i] & 0x3f);
	*s = str_from(*s, len);
	return n;
}

/* Spaces of every width, and controls. */
static bool is_blank(uint32_t c)
{
	if (c > ' ' && c < 0x7f)
		return false;
	return c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* What campaigns fill the line with after their first sentence. */
static bool is_invisible(uint32_t c)
{
	if (c < 0xad)
		return false;
	return c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2064) || c == 0xfeff || c == 0x61c;
}

/* One line of visible characters. */
static void squeeze(str text, struct buf *out)
{
	char octets[LIMIT_PREVIEW];
	struct mime_text line = { octets, 0, sizeof octets, false };
	bool space = false;

	for (unsigned count = 0; text.len && count < MIME_PREVIEW_CHARACTERS && !line.full; count++) {
		str rest = text;
		uint32_t c = take_char(&rest);
		str octets_of_c = str_slice(text, 0, text.len - rest.len);
		text = rest;
		if (is_blank(c) || is_invisible(c)) {
			space |= is_blank(c) && line.len > 0;
			count--;
			continue;
		}
		/* All of a character or nothing. */
		line.full = octets_of_c.len + space > line.room - line.len;
		count += space;
		if (line.full || count == MIME_PREVIEW_CHARACTERS)
			break;
		if (space)
			mime_text_add(&line, ' ');
		space = false;
		for (size_t i = 0; i < octets_of_c.len; i++)
			mime_text_add(&line, octets_of_c.ptr[i]);
	}
	buf_add(out, (str){ octets, line.len });
}

void mime_preview_end(struct mime_preview *p, struct buf *out, unsigned *conversions)
{
	char converted[4 * LIMIT_PREVIEW_SOURCE], decoded[4 * LIMIT_PREVIEW_SOURCE];
	struct buf utf8, text;
	str source = { p->octets, p->source.len };

	/* A source that is full may end within a character, which must not make it look like another charset.
	 */
	size_t valid = p->source.full ? utf8_invalid(source) : source.len;
	source.len = source.len - valid < 4 ? valid : source.len;
	if (source.len == 0)
		return;
	buf_init_fixed(&utf8, converted, sizeof converted);
	mime_to_utf8((str){ p->charset, p->charset_len }, source, &utf8, conversions);
	str got = buf_str(&utf8);
	while (p->source.full && str_ends_nocase(got, STR("\xef\xbf\xbd")))
		got.len -= 3;
	if (!p->is_html) {
		squeeze(got, out);
		return;
	}
	buf_init_fixed(&text, decoded, sizeof decoded);
	mime_html_entities(got, &text);
	squeeze(buf_str(&text), out);
}
