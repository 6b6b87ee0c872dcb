#include "smtp/xtext.h"

#include "base/scan.h"
#include "base/utf8.h"

static const err malformed = { ERR_SYNTAX, 0, "the text is not well-formed" };

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

static unsigned value_of(char c) { return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10); }

/* xchar = %d33-42 / %d44-60 / %d62-126; hexchar = "+" 2( %x30-39 / %x41-46 ) */
static err decode(struct buf *out, str text, bool printable)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c <= ' ' || c > '~' || c == '=')
			return malformed;
		if (c == '+') {
			if (text.len - i < 3 || !is_hex(text.ptr[i + 1]) || !is_hex(text.ptr[i + 2]))
				return malformed;
			c = (char)(value_of(text.ptr[i + 1]) << 4 | value_of(text.ptr[i + 2]));
			i += 2;
			if (printable && (c < ' ' || c > '~'))
				return malformed;
		}
		buf_add_char(out, c);
	}
	return buf_err(out);
}

err xtext_decode(struct buf *out, str text) { return decode(out, text, false); }

err xtext_decode_printable(struct buf *out, str text) { return decode(out, text, true); }

/* HEXPOINT, 2 to 6 digits; "\x{" has been taken. Of what it may stand for no control is taken, which would
 * end up in a header field. */
static err embedded(scan *s, struct buf *out)
{
	str digits = scan_while(s, is_hex);
	uint32_t code = 0;

	if (digits.len < 2 || digits.len > 6 || !scan_char(s, '}'))
		return malformed;
	for (size_t i = 0; i < digits.len; i++)
		code = code << 4 | value_of(digits.ptr[i]);
	if (code < ' ' || (code >= 0x7f && code < 0xa0) || !utf8_is_scalar(code))
		return malformed;
	utf8_add(out, code);
	return OK;
}

/* Of US-ASCII, or C1, which is C2 80 to C2 9F. */
static bool is_control(str text, size_t at)
{
	unsigned char c = (unsigned char)text.ptr[at];

	return c < ' ' || c == 0x7f ||
	       (c == 0xc2 && at + 1 < text.len && (unsigned char)text.ptr[at + 1] < 0xa0);
}

err unitext_decode(struct buf *out, str text)
{
	scan s = { text, 0 };

	if (utf8_invalid(text) < text.len)
		return malformed;
	while (!scan_at_end(&s)) {
		char c = text.ptr[s.at];

		if (scan_word_nocase(&s, STR("\\x{"))) {
			TRY(embedded(&s, out));
			continue;
		}
		if (c == ' ' || c == '\\' || c == '+' || c == '=' || is_control(text, s.at))
			return malformed;
		buf_add_char(out, c);
		s.at++;
	}
	return buf_err(out);
}

/* The character at the front of `text`, whose octets are `size`. */
static uint32_t code_of(str text, size_t size)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = size > 0 ? (unsigned char)text.ptr[0] & first[size] : 0xfffd;

	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)text.ptr[i] & 0x3f);
	return code;
}

void unitext_encode(struct buf *out, str text)
{
	while (text.len > 0) {
		size_t size = utf8_length(text);
		uint32_t code = code_of(text, size);

		if (code > ' ' && code < 0x7f && code != '\\' && code != '+' && code != '=')
			buf_add_char(out, (char)code);
		else
			buf_add_format(out, "\\x{%02X}", code);
		text = str_from(text, size > 0 ? size : 1);
	}
}
