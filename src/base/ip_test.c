#include "base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_text(ip a, const char *want)
{
	char room[64] = "";
	struct buf b;

	buf_init_fixed(&b, room, sizeof room - 1);
	ip_format(&b, a);
	assert_string_equal(room, want);
}

static const struct {
	const char *text, *want; /* NULL: refused */
} addresses[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "2001:DB8:0:0::1", "2001:db8::1" },
	{ "::", "::" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2.1 ", NULL },
	{ "[::1]", NULL },
	{ "2001:db8::1::2", NULL },
	{ "fe80::1%eth0", NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		ip a = { { 1, 2, 3 } }, before = a;
		err e = ip_parse(str_of(addresses[i].text), &a);
		print_message("%s\n", addresses[i].text);
		assert_int_equal(e.code, addresses[i].want ? ERR_OK : ERR_SYNTAX);
		if (addresses[i].want)
			assert_text(a, addresses[i].want);
		else
			assert_true(ip_eq(a, before));
	}
	ip a;
	assert_int_equal(ip_parse(STR("192.0.2.1\0"), &a).code, ERR_SYNTAX);
}

static const struct {
	const char *network, *inside, *outside; /* inside NULL: refused */
} networks[] = {
	{ "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
	{ "192.0.2.7", "192.0.2.7", "192.0.2.6" },
	{ "0.0.0.0/0", "255.255.255.255", "2001:db8::1" },
	{ "::/0", "192.0.2.1", NULL },
	{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
	{ "10.128.0.0/9", "10.255.255.255", "10.127.255.255" },
	{ "::1/128", "::1", "::2" },
	{ "192.0.2.1/24", NULL, NULL },
	{ "192.0.2.0/33", NULL, NULL },
	{ "2001:db8::/129", NULL, NULL },
	{ "192.0.2.0/", NULL, NULL },
	{ "192.0.2.0/a", NULL, NULL },
	{ "/24", NULL, NULL },
};

static void test_networks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
		ip_network n;
		ip a;
		err e = ip_network_parse(str_of(networks[i].network), &n);
		print_message("%s\n", networks[i].network);
		assert_int_equal(e.code, networks[i].inside ? ERR_OK : ERR_SYNTAX);
		if (!networks[i].inside)
			continue;
		assert_int_equal(ip_parse(str_of(networks[i].inside), &a).code, ERR_OK);
		assert_true(ip_in(a, n));
		if (!networks[i].outside)
			continue;
		assert_int_equal(ip_parse(str_of(networks[i].outside), &a).code, ERR_OK);
		assert_false(ip_in(a, n));
	}
}

static const struct {
	const char *text, *address; /* NULL: refused */
	uint16_t port;
} endpoints[] = {
	{ "192.0.2.1:25", "192.0.2.1", 25 },
	{ "[::]:65535", "::", 65535 },
	{ "[2001:db8::1]:0", "2001:db8::1", 0 },
	{ "::1:25", NULL, 0 },
	{ "192.0.2.1", NULL, 0 },
	{ "192.0.2.1:", NULL, 0 },
	{ "192.0.2.1:65536", NULL, 0 },
	{ ":25", NULL, 0 },
	{ "[]:25", NULL, 0 },
	{ "", NULL, 0 },
	{ "localhost:25", NULL, 0 },
};

static void test_endpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
		uint16_t port = 7, back_port;
		struct sockaddr_storage sa;
		ip a, back;
		err e = ip_endpoint_parse(str_of(endpoints[i].text), &a, &port);
		print_message("%s\n", endpoints[i].text);
		assert_int_equal(e.code, endpoints[i].address ? ERR_OK : ERR_SYNTAX);
		assert_int_equal(port, endpoints[i].address ? endpoints[i].port : 7);
		if (!endpoints[i].address)
			continue;
		assert_text(a, endpoints[i].address);
		ip_to_sockaddr(a, port, &sa);
		assert_int_equal(ip_of_sockaddr((struct sockaddr *)&sa, &back, &back_port).code, ERR_OK);
		assert_true(ip_eq(a, back) && port == back_port);
	}
}

static void test_kinds(void **state)
{
	char room[64] = "";
	struct buf b;
	ip v4, v6, one;

	(void)state;
	assert_int_equal(ip_parse(STR("127.9.9.9"), &v4).code, ERR_OK);
	assert_int_equal(ip_parse(STR("2001:db8:1:2:3::4"), &v6).code, ERR_OK);
	assert_int_equal(ip_parse(STR("::1"), &one).code, ERR_OK);
	assert_true(ip_is_v4(v4) && ip_is_loopback(v4) && ip_is_loopback(one));
	assert_false(ip_is_v4(v6) || ip_is_loopback(v6));
	assert_true(ip_is_none((ip){ 0 }));
	assert_false(ip_is_none(v4) || ip_is_none(v6) || ip_is_none(one));
	assert_text(ip_neighbourhood(v4), "127.9.9.0");
	assert_text(ip_neighbourhood(v6), "2001:db8:1:2::");
	buf_init_fixed(&b, room, sizeof room - 1);
	ip_format_literal(&b, v6);
	buf_add_char(&b, ' ');
	ip_format_peer(&b, v4);
	buf_add_char(&b, ' ');
	ip_format_peer(&b, (ip){ 0 });
	assert_string_equal(room, "IPv6:2001:db8:1:2:3::4 127.9.9.9 unix");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_addresses), cmocka_unit_test(test_networks),
		                            cmocka_unit_test(test_endpoints), cmocka_unit_test(test_kinds) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
