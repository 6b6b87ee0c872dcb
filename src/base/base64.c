#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_quantum(struct buf *out, const unsigned char *o, size_t n)
{
	uint32_t bits = (uint32_t)o[0] << 16 | (n > 1 ? (uint32_t)o[1] << 8 : 0) | (n > 2 ? o[2] : 0u);
	char text[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
		         n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '=' };

	buf_add(out, (str){ text, sizeof text });
}

void base64_add(struct buf *out, str octets)
{
	for (size_t at = 0; at < octets.len; at += 3)
		add_quantum(out, (const unsigned char *)octets.ptr + at,
		            octets.len - at < 3 ? octets.len - at : 3);
}

/* Its six bits, or 64 for what is no character of the alphabet. */
static uint32_t sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 64;
}

/* Four characters, of which `padding` at the end are "=". */
static bool take_quantum(const char *text, size_t padding, struct buf *out)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		uint32_t six = i + padding < 4 ? sextet(text[i]) : 0;

		if (six > 63)
			return false;
		bits = bits << 6 | six;
	}
	if (bits & ((1u << 8 * padding) - 1))
		return false; /* another text for the same octets */
	char octets[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
	buf_add(out, (str){ octets, 3 - padding });
	return true;
}

err base64_decode(str text, struct buf *out)
{
	size_t padding = 0;

	if (text.len % 4 != 0)
		return (err){ ERR_SYNTAX, (uint32_t)text.len,
			      "this is no base64: its length is no multiple of 4" };
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	for (size_t at = 0; at < text.len; at += 4)
		if (!take_quantum(text.ptr + at, at + 4 == text.len ? padding : 0, out))
			return (err){ ERR_SYNTAX, (uint32_t)at, "this is no base64" };
	return buf_err(out);
}
