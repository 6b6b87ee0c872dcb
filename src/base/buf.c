#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_init(struct buf *b, struct arena *arena, size_t max_octets)
{
	*b = (struct buf){ .arena = arena, .max = max_octets };
}

void buf_init_fixed(struct buf *b, char *octets, size_t size)
{
	*b = (struct buf){ .ptr = octets, .room = size, .max = size };
}

/* Makes room for `more` octets; doubles, so that a buffer of n octets is copied O(n) in all. */
static bool reserve(struct buf *b, size_t more)
{
	if (b->failed != ERR_OK)
		return false;
	if (more <= b->room - b->len)
		return true;
	if (more > b->max - b->len) {
		b->failed = ERR_LIMIT;
		return false;
	}
	size_t room = b->room ? b->room : 256;
	while (room < b->len + more)
		room *= 2;
	if (room > b->max)
		room = b->max;
	char *p = arena_alloc(b->arena, room);
	if (!p) {
		b->failed = ERR_NOSPACE;
		return false;
	}
	if (b->len)
		memcpy(p, b->ptr, b->len);
	b->ptr = p;
	b->room = room;
	return true;
}

char *buf_extend(struct buf *b, size_t size)
{
	if (!reserve(b, size))
		return NULL;
	char *p = b->ptr + b->len;
	b->len += size;
	return p;
}

void buf_add(struct buf *b, str s)
{
	char *p = s.len ? buf_extend(b, s.len) : NULL;

	if (p)
		memcpy(p, s.ptr, s.len);
}

void buf_add_char(struct buf *b, char c) { buf_add(b, (str){ &c, 1 }); }

void buf_add_u64(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	buf_add(b, (str){ digits + at, sizeof digits - at });
}

void buf_add_i64(struct buf *b, int64_t n)
{
	if (n < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void buf_add_hex(struct buf *b, str octets)
{
	static const char digits[] = "0123456789abcdef";
	char *p = octets.len <= SIZE_MAX / 2 ? buf_extend(b, octets.len * 2) : NULL;

	for (size_t i = 0; p && i < octets.len; i++) {
		p[2 * i] = digits[(unsigned char)octets.ptr[i] >> 4];
		p[2 * i + 1] = digits[octets.ptr[i] & 15];
	}
}

void buf_add_format(struct buf *b, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text)
		b->failed = ERR_LIMIT;
	else
		buf_add(b, (str){ text, (size_t)n });
}

void buf_add_le32(struct buf *b, uint32_t n)
{
	char o[4] = { (char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24) };
	buf_add(b, (str){ o, sizeof o });
}

void buf_add_le64(struct buf *b, uint64_t n)
{
	buf_add_le32(b, (uint32_t)n);
	buf_add_le32(b, (uint32_t)(n >> 32));
}

void buf_add_varint(struct buf *b, uint64_t n)
{
	char o[10];
	size_t len = 0;

	while (n >= 0x80) {
		o[len++] = (char)(n | 0x80);
		n >>= 7;
	}
	o[len++] = (char)n;
	buf_add(b, (str){ o, len });
}

void buf_add_counted(struct buf *b, str s)
{
	buf_add_varint(b, s.len);
	buf_add(b, s);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = ERR_OK;
}

err buf_err(const struct buf *b)
{
	switch (b->failed) {
	case ERR_OK:
		return OK;
	case ERR_LIMIT:
		return (err){ ERR_LIMIT, (uint32_t)b->max, "longer than its buffer may be" };
	default:
		return ERR_NO_MEMORY;
	}
}
