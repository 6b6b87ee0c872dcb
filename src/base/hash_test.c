#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 3720 appendix B.4, and the check value of the Castagnoli polynomial. */
static void test_crc32c(void **state)
{
	char octets[32];

	(void)state;
	memset(octets, 0, 32);
	assert_int_equal(crc32c(0, (str){ octets, 32 }), 0x8a9136aa);
	memset(octets, 0xff, 32);
	assert_int_equal(crc32c(0, (str){ octets, 32 }), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		octets[i] = (char)i;
	assert_int_equal(crc32c(0, (str){ octets, 32 }), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		octets[i] = (char)(31 - i);
	assert_int_equal(crc32c(0, (str){ octets, 32 }), 0x113fdb5c);
	assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
	assert_int_equal(crc32c(0, (str){ 0 }), 0);
	for (size_t cut = 0; cut <= 32; cut++)
		assert_int_equal(crc32c(crc32c(0, (str){ octets, cut }), (str){ octets + cut, 32 - cut }),
		                 0x113fdb5c);
}

/* SipHash-1-3 under the key 00 01 … 0f of the octets 00 01 … n-1; values of Rust's SipHasher13 tests. */
static void test_siphash(void **state)
{
	static const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	static const uint64_t want[] = { 0xabac0158050fc4dcu, 0xc9f49bf37d57ca93u, 0x82cb9b024dc7d44du,
		                         0x8bf80ab8e7ddf7fbu, 0xcf75576088d38328u, 0xdef9d52f49533b67u,
		                         0xc50d2b50c59f22a7u, 0xd3927d989bb11140u, 0x369095118d299a8eu };
	char octets[16];

	(void)state;
	for (size_t n = 0; n < sizeof want / sizeof want[0]; n++) {
		octets[n] = (char)n;
		assert_true(hash_keyed(key, (str){ octets, n }) == want[n]);
	}
	assert_true(hash_table_key(STR("a")) == hash_table_key(STR("a")));
	assert_true(hash_table_key(STR("a")) != hash_table_key(STR("b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_crc32c), cmocka_unit_test(test_siphash) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
