#include "net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define A4 "\xc0\x00\x02\x01\xc6\x33\x64\x02" /* 192.0.2.1, 198.51.100.2 */
#define A6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define PORTS "\xc3\x50\x00\x19" /* 50000, 25 */
#define SIXTEEN "0123456789abcdef"
#define UNIX108 SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "0123456789ab"

static const struct {
	str octets;
	enum proxy_found found;
	const char *says; /* of a whole one; "": no addresses */
	size_t used;      /* 0: all */
} cases[] = {
	/* version 1 */
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WHOLE,
	  "192.0.2.1 50000 198.51.100.2 25", 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 0 65535\r\nEHLO x\r\n"), PROXY_WHOLE,
	  "192.0.2.1 0 198.51.100.2 65535", 43 },
	{ STR_INIT("PROXY TCP6 2001:db8::1 2001:db8::2 50000 25\r\n"), PROXY_WHOLE,
	  "2001:db8::1 50000 2001:db8::2 25", 0 },
	{ STR_INIT("PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY UNKNOWN\r\n"), PROXY_WHOLE, "", 0 },
	{ STR_INIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  PROXY_WHOLE, "", 0 },
	{ STR_INIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n"),
	  PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY UNKNOWNX\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25\n"), PROXY_PART, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25"), PROXY_PART, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 050000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 65536\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 -1\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25 \r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25 x\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4  192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 192.0.2.300 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP4 2001:db8::1 2001:db8::2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY TCP6 192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY UDP4 192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY tcp4 192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("proxy TCP4 192.0.2.1 198.51.100.2 50000 25\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("PROXY\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(""), PROXY_PART, NULL, 0 },
	{ STR_INIT("P"), PROXY_PART, NULL, 0 },
	{ STR_INIT("PROXY "), PROXY_PART, NULL, 0 },
	{ STR_INIT("EHLO there\r\n"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("\x16\x03\x01\x01\x00"), PROXY_WRONG, NULL, 0 },
	/* version 2 */
	{ STR_INIT(V2 "\x21\x11\x00\x0c" A4 PORTS), PROXY_WHOLE, "192.0.2.1 50000 198.51.100.2 25", 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x0c" A4 PORTS "EHLO x\r\n"), PROXY_WHOLE,
	  "192.0.2.1 50000 198.51.100.2 25", 28 },
	{ STR_INIT(V2 "\x21\x21\x00\x24" A6 PORTS), PROXY_WHOLE, "2001:db8::1 50000 2001:db8::2 25", 0 },
	{ STR_INIT(V2 "\x21\x31\x00\xd8" UNIX108 UNIX108), PROXY_WHOLE, "", 0 },
	{ STR_INIT(V2 "\x21\x00\x00\x00"), PROXY_WHOLE, "", 0 },
	{ STR_INIT(V2 "\x21\x00\x00\x04\x04\x00\x01\x00"), PROXY_WHOLE, "", 0 }, /* PP2_TYPE_NOOP */
	{ STR_INIT(V2 "\x20\x00\x00\x00"), PROXY_WHOLE, "", 0 },
	{ STR_INIT(V2 "\x20\x11\x00\x0c" A4 PORTS), PROXY_WHOLE, "", 0 }, /* LOCAL: addresses mean nothing */
	{ STR_INIT(V2 "\x20\xff\x00\x03xyz"), PROXY_WHOLE, "", 0 },       /* nor does the rest */
	{ STR_INIT(V2 "\x21\x11\x00\x0f" A4 PORTS "\x04\x00\x00"), PROXY_WHOLE,
	  "192.0.2.1 50000 198.51.100.2 25", 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x13" A4 PORTS "\x03\x00\x04\x42\xa5\x8d\xab"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x12" A4 PORTS "\x03\x00\x03\x00\x00\x00"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x0e" A4 PORTS "\x04\x00"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x10" A4 PORTS "\x04\x00\x02x"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x0b" A4 "\xc3\x50\x00"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x21\x00\x0c" A4 PORTS), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x12\x00\x0c" A4 PORTS), PROXY_WRONG, NULL, 0 }, /* datagrams */
	{ STR_INIT(V2 "\x21\x41\x00\x00"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x22\x11\x00\x0c" A4 PORTS), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x11\x11\x00\x0c" A4 PORTS), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\xff\xff" A4 PORTS), PROXY_WRONG, NULL, 0 }, /* longer than we take */
	{ STR_INIT(V2 "\x21\x11\x0f\xf0" A4 PORTS), PROXY_PART, NULL, 0 },  /* 4,096: as long as that */
	{ STR_INIT(V2 "\x21\x11\x0f\xf1" A4 PORTS), PROXY_WRONG, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00\x0c" A4 "\xc3\x50\x00"), PROXY_PART, NULL, 0 },
	{ STR_INIT(V2 "\x21\x11\x00"), PROXY_PART, NULL, 0 },
	{ STR_INIT("\r\n\r\n"), PROXY_PART, NULL, 0 },
	{ STR_INIT("\r\n\r\n\0\r\nQUIX"), PROXY_WRONG, NULL, 0 },
	{ STR_INIT("\r\n\r\nQUIT\r\n"), PROXY_WRONG, NULL, 0 },
};

static str said(const struct proxy_header *h, char text[static 128])
{
	struct buf b;

	buf_init_fixed(&b, text, 128);
	if (!h->has_addresses)
		return STR("");
	ip_format(&b, h->source);
	buf_add_format(&b, " %u ", h->source_port);
	ip_format(&b, h->destination);
	buf_add_format(&b, " %u", h->destination_port);
	return buf_str(&b);
}

static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct proxy_header h = { .source_port = 7 };
		size_t used = 7;
		char text[128];
		print_message("%zu: %.40s\n", i, cases[i].octets.ptr);
		assert_int_equal(proxy_header_parse(cases[i].octets, &h, &used), cases[i].found);
		if (cases[i].found != PROXY_WHOLE) {
			assert_int_equal(used, 7); /* untouched */
			assert_int_equal(h.source_port, 7);
			continue;
		}
		assert_int_equal(used, cases[i].used ? cases[i].used : cases[i].octets.len);
		assert_true(str_eq(said(&h, text), str_of(cases[i].says)));
		for (size_t n = 0; n < used; n++) /* no beginning of a whole one is wrong, or whole itself */
			assert_int_equal(proxy_header_parse(str_slice(cases[i].octets, 0, n), &h, &used),
			                 PROXY_PART);
	}
}

/* The protocol's own checksum: over all, its own place as zeros. */
static void test_checksum(void **state)
{
	char octets[] = V2 "\x21\x11\x00\x17" A4 PORTS "\x03\x00\x04"
			   "\x00\x00\x00\x00"
			   "\x04\x00\x01y";
	str header = { octets, sizeof octets - 1 };
	struct proxy_header h;
	uint32_t right = 0;
	size_t used;

	(void)state;
	assert_int_equal(proxy_header_parse(header, &h, &used), PROXY_WRONG);
	/* Bit by bit, as RFC 3720 appendix B.4 defines it. */
	right = 0xffffffff;
	for (size_t i = 0; i < header.len; i++) {
		right ^= (unsigned char)octets[i];
		for (int k = 0; k < 8; k++)
			right = right & 1 ? right >> 1 ^ 0x82f63b78 : right >> 1;
	}
	right = ~right;
	for (int i = 0; i < 4; i++)
		octets[31 + i] = (char)(right >> (24 - 8 * i));
	assert_int_equal(proxy_header_parse(header, &h, &used), PROXY_WHOLE);
	for (size_t i = 16; i < header.len; i++) {
		if (i == 28) /* its type: another would be no checksum */
			continue;
		octets[i] = (char)(octets[i] ^ 1);
		assert_int_not_equal(proxy_header_parse(header, &h, &used), PROXY_WHOLE);
		octets[i] = (char)(octets[i] ^ 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_headers), cmocka_unit_test(test_checksum) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
