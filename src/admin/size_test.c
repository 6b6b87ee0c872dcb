#include "admin/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *text;
	uint64_t want;
	err_code code;
} parsed[] = {
	{ "0", 0, ERR_OK },
	{ "none", 0, ERR_OK },
	{ "None", 0, ERR_OK },
	{ "1024", 1024, ERR_OK },
	{ "5G", 5ull << 30, ERR_OK },
	{ "5g", 5ull << 30, ERR_OK },
	{ "5GB", 5ull << 30, ERR_OK },
	{ "5 GiB", 5ull << 30, ERR_OK },
	{ "1.5K", 1536, ERR_OK },
	{ "0.25M", 262144, ERR_OK },
	{ "1T", 1ull << 40, ERR_OK },
	{ "4611686018427387904", 1ull << 62, ERR_OK },
	{ "4611686018427387905", 0, ERR_SYNTAX },
	{ "4194304T", 1ull << 62, ERR_OK },
	{ "4194305T", 0, ERR_SYNTAX },
	{ "", 0, ERR_SYNTAX },
	{ "G", 0, ERR_SYNTAX },
	{ "-5G", 0, ERR_SYNTAX },
	{ "+5G", 0, ERR_SYNTAX },
	{ "5X", 0, ERR_SYNTAX },
	{ "5GG", 0, ERR_SYNTAX },
	{ "5 G B", 0, ERR_SYNTAX },
	{ "1.5", 0, ERR_SYNTAX },
	{ "1.G", 0, ERR_SYNTAX },
	{ "1.2345G", 0, ERR_SYNTAX },
	{ "unlimited", 0, ERR_SYNTAX },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parsed / sizeof parsed[0]; i++) {
		uint64_t got = 7;

		print_message("%s\n", parsed[i].text);
		assert_int_equal(size_parse(str_of(parsed[i].text), &got).code, parsed[i].code);
		assert_true(got == (parsed[i].code == ERR_OK ? parsed[i].want : 7));
	}
}

static const struct {
	uint64_t octets;
	const char *want;
} formatted[] = {
	{ 0, "0" },
	{ 1, "1 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KB" },
	{ 4200, "4.1 KB" },
	{ 102400, "100 KB" },
	{ 1048575, "1023 KB" },
	{ 5ull << 30, "5.0 GB" },
	{ 1ull << 50, "1024 TB" },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof formatted / sizeof formatted[0]; i++) {
		char octets[40];
		struct buf out;

		buf_init_fixed(&out, octets, sizeof octets);
		size_format(&out, formatted[i].octets);
		print_message("%s = " STR_FMT "\n", formatted[i].want, STR_ARG(buf_str(&out)));
		assert_true(str_eq(buf_str(&out), str_of(formatted[i].want)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_format) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
