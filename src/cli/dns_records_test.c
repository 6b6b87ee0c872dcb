#include "cli/dns_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static ip address(const char *text)
{
	ip a;

	assert_int_equal(ip_parse(str_of(text), &a).code, ERR_OK);
	return a;
}

static void test_public(void **state)
{
	static const struct {
		const char *address;
		bool is;
	} cases[] = {
		{ "192.0.2.25", true },   { "9.9.9.9", true },    { "172.32.0.1", true },
		{ "2001:db8::25", true }, { "10.1.2.3", false },  { "172.31.9.9", false },
		{ "192.168.1.1", false }, { "127.0.0.1", false }, { "169.254.1.1", false },
		{ "100.64.0.1", false },  { "::1", false },       { "fe80::1", false },
		{ "fd00::1", false },     { "224.0.0.1", false }, { "0.0.0.0", false },
		{ "ff02::1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_message("%s\n", cases[i].address);
		assert_int_equal(dns_is_public(address(cases[i].address)), cases[i].is);
	}
}

/* Each record as "name type value|". */
static void written(const struct dns_records *records, char *octets, size_t size)
{
	struct buf out;

	buf_init_fixed(&out, octets, size - 1);
	for (size_t i = 0; i < records->count; i++) {
		buf_add(&out, records->items[i].name);
		buf_add_format(&out, " %s ", records->items[i].type);
		buf_add(&out, records->items[i].value);
		buf_add_char(&out, '|');
		assert_non_null(records->items[i].why);
	}
	octets[out.len] = '\0';
}

static void test_records(void **state)
{
	struct config_listener any = { .port = 25 },
			       loopback = { .port = 110, .address = address("127.0.0.1") };
	struct config config = { .hostname = STR("mail.shop.example") };
	struct dns_records records;
	struct arena arena;
	char got[2048];

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	any.port = 995;
	config.listen[CONFIG_POP3S] = (struct config_listeners){ &any, 1 };
	config.listen[CONFIG_POP3] = (struct config_listeners){ &loopback, 1 };
	const ip addresses[] = { address("192.0.2.25"), address("2001:db8::25") };
	assert_int_equal(dns_records_make(&arena, &config, STR("shop.example"), addresses, 2, &records).code,
	                 ERR_OK);
	written(&records, got, sizeof got);
	assert_string_equal(got, "shop.example. MX 10 mail.shop.example.|"
	                         "mail.shop.example. A 192.0.2.25|"
	                         "mail.shop.example. AAAA 2001:db8::25|"
	                         "25.2.0.192.in-addr.arpa. PTR mail.shop.example.|"
	                         "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. "
	                         "PTR mail.shop.example.|"
	                         "shop.example. TXT \"v=spf1 mx ~all\"|"
	                         "mail.shop.example. TXT \"v=spf1 a -all\"|"
	                         "_pop3s._tcp.shop.example. SRV 20 1 995 mail.shop.example.|");
	/* Behind a NAT the owner knows the address. */
	assert_int_equal(dns_records_make(&arena, &config, STR("shop.example"), NULL, 0, &records).code,
	                 ERR_OK);
	assert_int_equal(records.count, 5);
	assert_string_equal(records.items[1].type, "A");
	assert_int_equal(records.items[1].value.len, 0);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_public), cmocka_unit_test(test_records) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
