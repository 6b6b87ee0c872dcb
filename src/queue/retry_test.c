#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/random.h"
#include "queue/retry.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

/* Without chance's part: random numbers that give the middle. */
static int64_t middle(int64_t (*after)(uint32_t, uint64_t), uint32_t times)
{
	int64_t least = after(times, 0), most = least;

	for (uint64_t r = 0; r < 1000; r++) {
		int64_t ms = after(times, r * 0x9e3779b97f4a7c15u);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	return (least + most) / 2;
}

static void test_intervals(void **state)
{
	static const struct {
		uint32_t tries;
		int64_t ms;
	} rows[] = { { 1, 2 * MINUTE_MS },  { 2, 4 * MINUTE_MS },       { 3, 8 * MINUTE_MS },
		     { 6, 64 * MINUTE_MS }, { 7, 128 * MINUTE_MS },     { 8, 4 * HOUR_MS },
		     { 9, 4 * HOUR_MS },    { UINT32_MAX, 4 * HOUR_MS } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ms = middle(retry_after_ms, rows[i].tries);
		assert_in_range(ms, rows[i].ms * 98 / 100, rows[i].ms * 102 / 100);
	}
}

/* Within five days there are enough attempts that a server that is back is noticed within hours, and few
 * enough that one that is gone for good costs little. */
static void test_attempts_in_five_days(void **state)
{
	(void)state;
	for (int run = 0; run < 200; run++) {
		int64_t at_ms = 0;
		uint32_t tries = 0;

		while (at_ms < 120 * (int64_t)HOUR_MS) {
			int64_t after_ms = retry_after_ms(++tries, random_u64());
			assert_in_range(after_ms, LIMIT_RETRY_FIRST_MS * 4 / 5, LIMIT_RETRY_MOST_MS * 6 / 5);
			at_ms += after_ms;
		}
		assert_in_range(tries, 30, 50);
	}
}

static void test_site(void **state)
{
	(void)state;
	assert_in_range(middle(retry_site_after_ms, 1), 29000, 31000);
	assert_in_range(middle(retry_site_after_ms, 100), 29 * MINUTE_MS, 31 * MINUTE_MS);
}

static void test_spread(void **state)
{
	int64_t before_ms = -1;

	(void)state;
	assert_int_equal(retry_spread_ms(0, 0), 0);
	for (uint64_t i = 0; i < 1000000; i += 999) {
		int64_t ms = retry_spread_ms(i, 1000000);
		assert_true(ms >= before_ms && ms < (int64_t)LIMIT_SPREAD_MS);
		before_ms = ms;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_attempts_in_five_days),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
