#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "net/dns.h"

#define OCTETS(literal) ((str){ (literal), sizeof(literal) - 1 })

static void test_mx(void **state)
{
	static const struct {
		str rdata;
		bool ok;
		uint16_t preference;
		const char *name;
	} rows[] = {
		{ OCTETS("\0\12\2mx\7example\0"), true, 10, "mx.example" },
		{ OCTETS("\377\377\2MX\1e\0"), true, 65535, "mx.e" },
		{ OCTETS("\0\0\0"), true, 0, "" },
		{ OCTETS("\0\0"), false, 0, "" },
		{ OCTETS(""), false, 0, "" },
		{ OCTETS("\0\12\2mx"), false, 0, "" },    /* no root */
		{ OCTETS("\0\12\5mx\0"), false, 0, "" },  /* label past the end */
		{ OCTETS("\0\12\2mx\0x"), false, 0, "" }, /* something behind */
		{ OCTETS("\0\12\300\14"), false, 0, "" }, /* a pointer */
		{ OCTETS("\0\12\3m x\0"), false, 0, "" }, /* no host's name */
		{ OCTETS("\0\12\4m\0x.\0"), false, 0, "" },
	};
	char room[LIMIT_DOMAIN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint16_t preference = 0;
		str name = { 0 };
		assert_int_equal(dns_parse_mx(rows[i].rdata, &preference, room, &name), rows[i].ok);
		if (rows[i].ok) {
			assert_int_equal(preference, rows[i].preference);
			assert_true(str_eq(name, str_of(rows[i].name)));
		}
	}
}

/* The longest name there is, and one octet more. */
static void test_long(void **state)
{
	char rdata[400], room[LIMIT_DOMAIN + 1];
	uint16_t preference;
	str name;

	(void)state;
	for (int labels = 4; labels <= 5; labels++) {
		size_t n = 2;
		rdata[0] = rdata[1] = 0;
		for (int label = 0; label < labels; label++) {
			size_t size = label < 4 ? 63 : 1;
			rdata[n++] = (char)size;
			memset(rdata + n, 'a', size);
			n += size;
		}
		rdata[n++] = 0;
		assert_int_equal(dns_parse_mx((str){ rdata, n }, &preference, room, &name), labels == 4);
	}
}

static void test_address(void **state)
{
	char room[64];
	struct buf b;
	ip address;

	(void)state;
	assert_true(dns_parse_address(DNS_A, OCTETS("\300\0\2\1"), &address));
	buf_init_fixed(&b, room, sizeof room);
	ip_format(&b, address);
	assert_true(str_eq(buf_str(&b), STR("192.0.2.1")));
	assert_true(dns_parse_address(DNS_AAAA, OCTETS("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"), &address));
	buf_init_fixed(&b, room, sizeof room);
	ip_format(&b, address);
	assert_true(str_eq(buf_str(&b), STR("2001:db8::1")));
	assert_false(dns_parse_address(DNS_A, OCTETS("\300\0\2"), &address));
	assert_false(dns_parse_address(DNS_AAAA, OCTETS("\300\0\2\1"), &address));
	assert_false(dns_parse_address(DNS_MX, OCTETS("\300\0\2\1"), &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
