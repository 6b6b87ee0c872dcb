#include "mime/encoded_word.h"

#include "base/scan.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/transfer.h"

/* Octets of adjacent encoded-words that wait for their conversion. */
enum { JOINED_OCTETS = 2048 };

/* "=?" charset ["*" language] "?" encoding "?" text "?=" */
struct word {
	str charset, text;
	bool base64;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_charset(char c) { return (unsigned char)c > ' ' && c != '?' && c != '='; }

/* Real text has spaces and even "?" inside: it ends at the first "?=". */
static bool word(scan *s, struct word *out)
{
	scan t = *s;

	if (!scan_char(&t, '=') || !scan_char(&t, '?'))
		return false;
	str charset = scan_while(&t, is_charset);
	str name = str_cut(&charset, '*');
	if (name.len == 0 || !scan_char(&t, '?'))
		return false;
	bool base64 = scan_word_nocase(&t, STR("b"));
	if ((!base64 && !scan_word_nocase(&t, STR("q"))) || !scan_char(&t, '?'))
		return false;
	/* A word that is too long to be joined is none, so that many beginnings without an end stay cheap. */
	str rest = scan_rest(&t);
	rest.len = rest.len < JOINED_OCTETS ? rest.len : JOINED_OCTETS;
	size_t end = str_find(rest, STR("?="));
	if (end == rest.len)
		return false;
	*out = (struct word){ name, str_slice(rest, 0, end), base64 };
	s->at = t.at + end + 2;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode_q(str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool escape = c == '=' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 &&
		              hex(text.ptr[i + 2]) >= 0;
		if (escape) {
			c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		buf_add_char(out, c);
	}
}

static void decode_octets(const struct word *w, struct buf *out)
{
	struct mime_base64_decoder d = { 0 };

	if (!w->base64) {
		decode_q(w->text, out);
		return;
	}
	mime_base64_decode(&d, w->text, out);
	mime_base64_decode_end(&d, out);
}

static void give(str charset, struct buf *joined, struct buf *out, unsigned *conversions)
{
	if (joined->len)
		mime_to_utf8(charset, buf_str(joined), out, conversions);
	buf_clear(joined);
}

static void plain(str text, struct buf *out, unsigned *conversions)
{
	if (utf8_invalid(text) == text.len)
		buf_add(out, text);
	else
		mime_to_utf8(STR("us-ascii"), text, out, conversions);
}

void mime_words_decode(str text, struct buf *out, unsigned *conversions)
{
	char octets[JOINED_OCTETS];
	struct buf joined;
	str charset = STR("");
	scan s = { text, 0 };
	size_t from = 0; /* of the text that is not given yet */

	buf_init_fixed(&joined, octets, sizeof octets);
	while (!scan_at_end(&s)) {
		size_t start = s.at + str_find(scan_rest(&s), STR("=?"));
		struct word w;
		s.at = start;
		if (scan_at_end(&s) || !word(&s, &w)) {
			s.at += !scan_at_end(&s);
			continue;
		}
		/* Space between two encoded-words is not part of the text (RFC 2047 §6.2). */
		size_t space = from;
		while (joined.len && space < start && is_space(text.ptr[space]))
			space++;
		bool adjacent = joined.len && space == start;
		if (!adjacent || !str_eq_nocase(charset, w.charset) ||
		    joined.len + w.text.len > sizeof octets) {
			give(charset, &joined, out, conversions);
			plain(str_slice(text, adjacent ? start : from, start), out, conversions);
		}
		charset = w.charset;
		decode_octets(&w, &joined);
		from = s.at;
	}
	give(charset, &joined, out, conversions);
	plain(str_from(text, from), out, conversions);
}
