#include "base/bytes.h"

static uint64_t little_endian(const char *p, size_t octets)
{
	uint64_t n = 0;

	while (octets--)
		n = n << 8 | (unsigned char)p[octets];
	return n;
}

bool bytes_le32(str *in, uint32_t *out)
{
	if (in->len < 4)
		return false;
	*out = (uint32_t)little_endian(in->ptr, 4);
	*in = str_from(*in, 4);
	return true;
}

bool bytes_le64(str *in, uint64_t *out)
{
	if (in->len < 8)
		return false;
	*out = little_endian(in->ptr, 8);
	*in = str_from(*in, 8);
	return true;
}

bool bytes_varint(str *in, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < in->len && i < 10; i++) {
		uint64_t low = (unsigned char)in->ptr[i] & 0x7f;
		if (i == 9 && low > 1)
			return false;
		n |= low << (7 * i);
		if (!((unsigned char)in->ptr[i] & 0x80)) {
			*in = str_from(*in, i + 1);
			*out = n;
			return true;
		}
	}
	return false;
}

bool bytes_counted(str *in, str *out)
{
	str rest = *in;
	uint64_t len;

	if (!bytes_varint(&rest, &len) || len > rest.len)
		return false;
	*out = str_slice(rest, 0, (size_t)len);
	*in = str_from(rest, (size_t)len);
	return true;
}
