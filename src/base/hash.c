#include "base/hash.h"

#include <pthread.h>

#include "base/random.h"

static uint32_t crc_table[8][256];
static uint64_t process_key[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t (*crc_run)(uint32_t crc, const unsigned char *p, size_t n);

static uint64_t load64(const unsigned char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof n);
	return n;
}

/* Slicing by 8 (Kounavis and Berry 2005): for processors without the instruction. */
static uint32_t crc_portable(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w = load64(p) ^ crc;
		crc = crc_table[7][w & 255] ^ crc_table[6][w >> 8 & 255] ^ crc_table[5][w >> 16 & 255] ^
		      crc_table[4][w >> 24 & 255] ^ crc_table[3][w >> 32 & 255] ^
		      crc_table[2][w >> 40 & 255] ^ crc_table[1][w >> 48 & 255] ^ crc_table[0][w >> 56];
	}
	while (n--)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p++) & 255];
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t c = crc;

	for (; n >= 8; n -= 8, p += 8)
		c = __builtin_ia32_crc32di(c, load64(p));
	while (n--)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return (uint32_t)c;
}
#endif

static void prepare(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
		crc_table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			crc_table[k][i] = crc_table[k - 1][i] >> 8 ^ crc_table[0][crc_table[k - 1][i] & 255];
	crc_run = crc_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		crc_run = crc_sse42;
#endif
	random_fill(process_key, sizeof process_key);
}

uint32_t crc32c(uint32_t crc, str octets)
{
	pthread_once(&once, prepare);
	return ~crc_run(~crc, (const unsigned char *)octets.ptr, octets.len);
}

static uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t hash_keyed(const uint64_t key[static 2], str octets)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		          key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	const unsigned char *p = (const unsigned char *)octets.ptr;
	size_t left = octets.len;
	uint64_t w;

	for (; left >= 8; left -= 8, p += 8) {
		w = load64(p);
		v[3] ^= w;
		sip_round(v);
		v[0] ^= w;
	}
	w = (uint64_t)octets.len << 56;
	for (size_t i = 0; i < left; i++)
		w |= (uint64_t)p[i] << (8 * i);
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_table_key(str octets)
{
	pthread_once(&once, prepare);
	return hash_keyed(process_key, octets);
}
