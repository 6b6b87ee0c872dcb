#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *text;
	uint64_t max;
	bool good;
	uint64_t value;
} numbers[] = {
	{ "0", 10, true, 0 },
	{ "10", 10, true, 10 },
	{ "007", 10, true, 7 },
	{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
	{ "11", 10, false, 0 },
	{ "9", 5, false, 0 },
	{ "100", 10, false, 0 },
	{ "18446744073709551616", UINT64_MAX, false, 0 },
	{ "99999999999999999999999", UINT64_MAX, false, 0 },
	{ "", 10, false, 0 },
	{ "-1", 10, false, 0 },
	{ "+1", 10, false, 0 },
	{ " 1", 10, false, 0 },
	{ "1 ", 10, false, 0 },
	{ "1a", 10, false, 0 },
	{ "0x1", 10, false, 0 },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		uint64_t got = 77;
		print_message("%s\n", numbers[i].text);
		assert_int_equal(str_to_u64(str_of(numbers[i].text), numbers[i].max, &got), numbers[i].good);
		assert_true(got == (numbers[i].good ? numbers[i].value : 77));
	}
}

static const struct {
	const char *a, *b;
	int order; /* of octets */
	bool nocase, starts, starts_nocase, ends_nocase;
} pairs[] = {
	{ "", "", 0, true, true, true, true },
	{ "a", "", 1, false, true, true, true },
	{ "", "a", -1, false, false, false, false },
	{ "abc", "ABC", 1, true, false, true, true },
	{ "abc", "ab", 1, false, true, true, false },
	{ "abc", "BC", 1, false, false, false, true },
	{ "\xff", "a", 1, false, false, false, false },
	{ "a[", "a{", -1, false, false, false, false },
	{ "\xc3\xa4", "\xc3\x84", 1, false, false, false, false },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		str a = str_of(pairs[i].a), b = str_of(pairs[i].b);
		int order = str_cmp(a, b);
		print_message("%s %s\n", pairs[i].a, pairs[i].b);
		assert_int_equal((order > 0) - (order < 0), pairs[i].order);
		assert_int_equal(str_eq(a, b), pairs[i].order == 0);
		assert_int_equal(str_eq_nocase(a, b), pairs[i].nocase);
		assert_int_equal(str_starts(a, b), pairs[i].starts);
		assert_int_equal(str_starts_nocase(a, b), pairs[i].starts_nocase);
		assert_int_equal(str_ends_nocase(a, b), pairs[i].ends_nocase);
	}
}

static void test_find(void **state)
{
	str s = STR("a.b\0.c"), empty = { 0 };

	(void)state;
	assert_int_equal(str_find_char(s, '.'), 1);
	assert_int_equal(str_rfind_char(s, '.'), 4);
	assert_int_equal(str_find_char(s, '\0'), 3);
	assert_int_equal(str_find_char(s, 'x'), s.len);
	assert_int_equal(str_rfind_char(empty, 'x'), 0);
	assert_int_equal(str_find(s, STR("\0.c")), 3);
	assert_int_equal(str_find(s, STR("cc")), s.len);
	assert_int_equal(str_find(empty, STR("a")), 0);
}

static void test_cut_and_trim(void **state)
{
	str rest = STR("a,,b"), empty = { 0 };

	(void)state;
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_true(str_eq(str_cut(&rest, ','), STR("b")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(str_cut(&rest, ',').len, 0);
	assert_int_equal(str_cut(&empty, ',').len, 0);
	assert_true(str_eq(str_trim_wsp(STR(" \t a b\t \r\n")), STR("a b\t \r\n")));
	assert_true(str_eq(str_trim(STR("\r\n \t a b\t \r\n")), STR("a b")));
	assert_int_equal(str_trim(STR(" \r\n")).len, 0);
	assert_true(str_eq(str_trim(STR("\0 a\0")), STR("\0 a\0")));
	assert_int_equal(str_slice((str){ 0 }, 0, 0).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_pairs),
		                            cmocka_unit_test(test_find),
		                            cmocka_unit_test(test_cut_and_trim) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
