#include "admin/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	const char *text;
	err_code code;
	uint32_t count, period_s;
	const char *shown; /* NULL: as typed */
} cases[] = {
	{ "500/h", ERR_OK, 500, 3600, NULL },
	{ "1/m", ERR_OK, 1, 60, NULL },
	{ "1000000/d", ERR_OK, 1000000, 86400, NULL },
	{ " 20 / Hour ", ERR_OK, 20, 3600, "20/h" },
	{ "007/day", ERR_OK, 7, 86400, "7/d" },
	{ "5/MINUTE", ERR_OK, 5, 60, "5/m" },
	{ "1000001/d", ERR_LIMIT, 0, 0, NULL },
	{ "99999999999999999999/d", ERR_LIMIT, 0, 0, NULL },
	{ "0/h", ERR_LIMIT, 0, 0, NULL },
	{ "", ERR_SYNTAX, 0, 0, NULL },
	{ "/", ERR_SYNTAX, 0, 0, NULL },
	{ "/h", ERR_SYNTAX, 0, 0, NULL },
	{ "500", ERR_SYNTAX, 0, 0, NULL },
	{ "500/", ERR_SYNTAX, 0, 0, NULL },
	{ "500/w", ERR_SYNTAX, 0, 0, NULL },
	{ "500/s", ERR_SYNTAX, 0, 0, NULL },
	{ "500/hours", ERR_SYNTAX, 0, 0, NULL },
	{ "500/h/h", ERR_SYNTAX, 0, 0, NULL },
	{ "-5/h", ERR_SYNTAX, 0, 0, NULL },
	{ "+5/h", ERR_SYNTAX, 0, 0, NULL },
	{ "5.5/h", ERR_SYNTAX, 0, 0, NULL },
	{ "five/h", ERR_SYNTAX, 0, 0, NULL },
	{ "none", ERR_SYNTAX, 0, 0, NULL },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t count = 77, period_s = 78;
		char octets[32];
		struct buf shown;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(limit_parse(str_of(cases[i].text), &count, &period_s).code, cases[i].code);
		if (cases[i].code != ERR_OK) {
			assert_int_equal(count, 77); /* untouched */
			assert_int_equal(period_s, 78);
			continue;
		}
		assert_int_equal(count, cases[i].count);
		assert_int_equal(period_s, cases[i].period_s);
		buf_init_fixed(&shown, octets, sizeof octets);
		limit_format(&shown, count, period_s);
		assert_true(str_eq(buf_str(&shown), str_of(cases[i].shown ? cases[i].shown : cases[i].text)));
	}
}

static void test_odd_period(void **state)
{
	char octets[32];
	struct buf shown;

	(void)state;
	buf_init_fixed(&shown, octets, sizeof octets);
	limit_format(&shown, 4294967295u, 90);
	assert_true(str_eq(buf_str(&shown), STR("4294967295/90s")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_limits),
		                            cmocka_unit_test(test_odd_period) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
