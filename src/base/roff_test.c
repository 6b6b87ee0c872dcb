#include "base/roff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *text, *plain, *bold;
} cases[] = {
	{ "", "", "\\fB\\fR" },
	{ "a-b", "a\\-b", "\\fBa\\-b\\fR" },
	{ ".so x", "\\&.so x", "\\fB.so x\\fR" },
	{ "a\n'b\n.c", "a\n\\&'b\n\\&.c", "\\fBa\n'b\n.c\\fR" },
	{ "a.b 'c'", "a.b 'c'", "\\fBa.b 'c'\\fR" },
	{ "C:\\x", "C:\\ex", "\\fBC:\\ex\\fR" },
	{ "see `a -x` so", "see \\fBa \\-x\\fR so", "\\fBsee `a \\-x` so\\fR" },
	{ "open `a", "open \\fBa\\fR", "\\fBopen `a\\fR" },
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[200];
		struct buf out;

		buf_init_fixed(&out, octets, sizeof octets);
		roff_add(&out, str_of(cases[i].text));
		assert_true(str_eq(buf_str(&out), str_of(cases[i].plain)));
		buf_clear(&out);
		roff_add_bold(&out, str_of(cases[i].text));
		assert_true(str_eq(buf_str(&out), str_of(cases[i].bold)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
