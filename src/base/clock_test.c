#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	int64_t ms;
	const char *rfc3339, *rfc5322;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000Z", "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ 1795477267123, "2026-11-23T23:41:07.123Z", "Mon, 23 Nov 2026 23:41:07 +0000" },
	{ 951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z", "Mon, 1 Mar 2100 00:00:00 +0000" },
	{ -1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 +0000" },
};

static void test_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		char room[128] = "";
		struct buf b;

		buf_init_fixed(&b, room, sizeof room - 1);
		clock_add_rfc3339(&b, times[i].ms);
		assert_string_equal(room, times[i].rfc3339);
		memset(room, 0, sizeof room);
		buf_clear(&b);
		clock_add_rfc5322(&b, times[i].ms);
		assert_string_equal(room, times[i].rfc5322);
	}
}

static const struct {
	const char *text;
	int64_t ms; /* -1: refused */
} parsed[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-23T12:00:00Z", 1795435200000 },
	{ "2026-11-23t12:00:00.5z", 1795435200500 },
	{ "2026-11-23T12:00:00.1239999Z", 1795435200123 },
	{ "2024-02-29T23:59:60Z", 1709251200000 },
	{ "9999-12-31T23:59:59Z", 253402300799000 },
	{ "", -1 },
	{ "2026-11-23T12:00:00", -1 },
	{ "2026-11-23T12:00:00Z ", -1 },
	{ "2026-11-23T12:00:00+00:00", -1 },
	{ "2026-11-23T12:00:00.Z", -1 },
	{ "2026-11-23T12:00Z", -1 },
	{ "2026-11-23 12:00:00Z", -1 },
	{ "26-11-23T12:00:00Z", -1 },
	{ "2026-1-23T12:00:00Z", -1 },
	{ "2026-00-23T12:00:00Z", -1 },
	{ "2026-13-23T12:00:00Z", -1 },
	{ "2026-11-00T12:00:00Z", -1 },
	{ "2026-11-31T12:00:00Z", -1 },
	{ "2026-02-29T12:00:00Z", -1 },
	{ "2026-11-23T24:00:00Z", -1 },
	{ "2026-11-23T12:60:00Z", -1 },
	{ "2026-11-23T12:00:61Z", -1 },
	{ "-026-11-23T12:00:00Z", -1 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parsed / sizeof parsed[0]; i++) {
		int64_t got = -1;
		err e = clock_parse_rfc3339(str_of(parsed[i].text), &got);

		print_message("'%s'\n", parsed[i].text);
		assert_int_equal(e.code, parsed[i].ms < 0 ? ERR_SYNTAX : ERR_OK);
		assert_int_equal(got, parsed[i].ms);
	}
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		int64_t got = -1;
		err e = clock_parse_rfc3339(str_of(times[i].rfc3339), &got);

		assert_int_equal(e.code, ERR_OK);
		assert_int_equal(got, times[i].ms);
	}
}

static void test_now(void **state)
{
	int64_t tick = clock_tick_ns();

	(void)state;
	clock_test_set(5);
	assert_int_equal(clock_now(), 5);
	clock_test_set(0);
	assert_true(clock_now() > 1700000000000);
	assert_true(clock_tick_ns() >= tick);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_dates), cmocka_unit_test(test_parse),
		                            cmocka_unit_test(test_now) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
