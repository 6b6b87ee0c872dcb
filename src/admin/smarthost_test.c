#include "admin/smarthost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define EIGHT "a.b:1,a.b:2,a.b:3,a.b:4,a.b:5,a.b:6,a.b:7,a.b:8"

static const struct {
	const char *text;
	err_code code;
	size_t count;
	const char *last; /* "name:port=weight" */
} cases[] = {
	{ "smtp.provider.example:587", ERR_OK, 1, "smtp.provider.example:587=0" },
	{ "SMTP.Provider.Example.:465", ERR_OK, 1, "smtp.provider.example:465=0" },
	{ "b\xc3\xbc"
	  "cher.example:25",
	  ERR_OK, 1, "xn--bcher-kva.example:25=0" },
	{ "127.0.0.1:2525", ERR_OK, 1, "127.0.0.1:2525=0" },
	{ "[::1]:65535", ERR_OK, 1, "[::1]:65535=0" },
	{ "a.example:1, b.example:2", ERR_OK, 2, "b.example:2=0" },
	{ "a.example:1=1,b.example:2 = 1000", ERR_OK, 2, "b.example:2=1000" },
	{ EIGHT "," EIGHT "," EIGHT "," EIGHT, ERR_OK, 32, "a.b:8=0" },
	{ EIGHT "," EIGHT "," EIGHT "," EIGHT ",a.b:9", ERR_LIMIT, 0, NULL },
	{ "", ERR_SYNTAX, 0, NULL },
	{ ":25", ERR_SYNTAX, 0, NULL },
	{ "a.example", ERR_SYNTAX, 0, NULL },
	{ "a.example:", ERR_SYNTAX, 0, NULL },
	{ "a.example:0", ERR_SYNTAX, 0, NULL },
	{ "a.example:65536", ERR_SYNTAX, 0, NULL },
	{ "a.example:smtp", ERR_SYNTAX, 0, NULL },
	{ "a example:25", ERR_SYNTAX, 0, NULL },
	{ "\xcd\x8f:25", ERR_SYNTAX, 0, NULL }, /* a letter that no name keeps */
	{ "2001:db8::1:25x", ERR_SYNTAX, 0, NULL },
	{ "a.example:1,,b.example:2", ERR_SYNTAX, 0, NULL },
	{ "a.example:1=0", ERR_SYNTAX, 0, NULL },
	{ "a.example:1=1001", ERR_SYNTAX, 0, NULL },
	{ "a.example:1=", ERR_SYNTAX, 0, NULL },
	{ "a.example:1=1,b.example:2", ERR_SYNTAX, 0, NULL },
	{ "a.example:1,b.example:2=1", ERR_SYNTAX, 0, NULL },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct route_host hosts[LIMIT_ROUTE_HOSTS];
		char octets[LIMIT_DOMAIN + 32];
		struct arena arena;
		struct buf text;
		size_t count = 77;

		print_message("%s\n", cases[i].text);
		arena_init(&arena, NULL, LIMIT_MB);
		err e = smarthosts_parse(&arena, str_of(cases[i].text), hosts, &count);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(count, cases[i].last ? cases[i].count : 77);
		if (cases[i].last) {
			buf_init_fixed(&text, octets, sizeof octets);
			smarthost_add(&text, &hosts[count - 1]);
			buf_add_char(&text, '=');
			buf_add_u64(&text, hosts[count - 1].weight);
			assert_true(str_eq(buf_str(&text), str_of(cases[i].last)));
		} else {
			assert_true(e.what && *e.what);
		}
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
