#include "net/dot_stuff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *text;
	bool at_line_start;
	size_t first, size;
} cases[] = {
	{ "", true, 0, 0 },          { ".", true, 0, 2 },          { ".", false, 1, 1 },
	{ "..", true, 0, 3 },        { "a.b", true, 3, 3 },        { "a\r\n.b", true, 3, 6 },
	{ "a\r\n.b", false, 3, 6 },  { "\n.", true, 1, 3 },        { "\r.", true, 2, 2 },
	{ ".\n.\n.\n", true, 0, 9 }, { ".\n.\n.\n", false, 2, 8 }, { "a.b.c\r\n..\r\n", true, 7, 12 },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str text = str_of(cases[i].text);
		print_message("case %zu\n", i);
		assert_int_equal(dot_find(text, 0, cases[i].at_line_start), cases[i].first);
		assert_int_equal(dot_stuffed_size(text, cases[i].at_line_start), cases[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
