#include "base/utf8.h"

size_t utf8_length(str s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n > s.len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return 0;
	if (n >= 3) {
		unsigned char d = (unsigned char)s.ptr[1];
		if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
		    (c == 0xf4 && d > 0x8f))
			return 0;
	}
	return n;
}

size_t utf8_invalid(str s)
{
	size_t at = 0;

	while (at < s.len) {
		uint64_t eight;
		/* Most text is ASCII: eight octets at once. */
		if (s.len - at >= sizeof eight) {
			memcpy(&eight, s.ptr + at, sizeof eight);
			if (!(eight & 0x8080808080808080u)) {
				at += sizeof eight;
				continue;
			}
		}
		size_t n = utf8_length(str_from(s, at));
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

bool utf8_is_scalar(uint32_t code) { return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff); }

void utf8_add(struct buf *out, uint32_t code)
{
	unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };

	assert(utf8_is_scalar(code));
	buf_add_char(out, (char)(lead[more] | code >> (6 * more)));
	while (more--)
		buf_add_char(out, (char)(0x80 | (code >> (6 * more) & 0x3f)));
}
