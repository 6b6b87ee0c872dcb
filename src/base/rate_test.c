#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { HOUR = 3600000, SLOT = HOUR / RATE_SLOTS, LIMIT = 10 };

/* One after the other, on one rate of LIMIT an hour; a count below 0 gives back what was taken
 * since then. */
static const struct {
	int64_t at_ms;
	int count;
	int64_t wait_ms; /* 0: taken */
} steps[] = {
	{ 5, 1, 0 },
	{ 10, 9, 0 },
	{ 20, 1,
	  (RATE_SLOTS + 1) * (int64_t)SLOT - 20 }, /* the first slot counts until it lies wholly before */
	{ HOUR, 1, SLOT },
	{ HOUR + SLOT - 1, 1, 1 },
	{ HOUR + SLOT, 4, 0 },
	{ HOUR + 2 * SLOT, 6, 0 },
	{ HOUR + 3 * SLOT, 1, HOUR - SLOT }, /* what was taken at HOUR + SLOT goes first */
	{ HOUR + 3 * SLOT, 5, HOUR },        /* four of them would not do */
	{ HOUR + 3 * SLOT, LIMIT, HOUR },
	{ HOUR + 3 * SLOT, -3, 0 }, /* nothing was taken since then */
	{ HOUR + 3 * SLOT, 1, HOUR - SLOT },
	{ HOUR + 2 * SLOT, -3, 0 },
	{ HOUR + 3 * SLOT, 4, HOUR - SLOT },
	{ HOUR + 3 * SLOT, 3, 0 },
	{ HOUR + 3 * SLOT, 1, HOUR - SLOT },
	{ 100 * (int64_t)HOUR, LIMIT, 0 },
	{ 100 * (int64_t)HOUR, -2 * LIMIT, 0 }, /* never below nothing */
	{ 100 * (int64_t)HOUR, LIMIT, 0 },
	{ 100 * (int64_t)HOUR - SLOT, 1,
	  HOUR + 2 * (int64_t)SLOT }, /* another thread's clock, a little behind */
};

static void test_steps(void **state)
{
	struct rate r = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		int64_t wait_ms = -1;
		print_message("step %zu\n", i);
		if (steps[i].count < 0) {
			rate_give_back(&r, HOUR, (uint32_t)-steps[i].count, steps[i].at_ms);
			continue;
		}
		bool taken = rate_take(&r, LIMIT, HOUR, (uint32_t)steps[i].count, steps[i].at_ms, &wait_ms);
		assert_int_equal(wait_ms, taken ? -1 : steps[i].wait_ms);
		assert_int_equal(taken, steps[i].wait_ms == 0);
	}
}

/* The law: no stretch of one period holds more than the limit, and waiting as told always helps. */
static void test_no_period_holds_more(void **state)
{
	enum { PERIOD = 1000, ROUNDS = 20000 };
	static int64_t taken_at[ROUNDS];
	struct rate r = { 0 };
	size_t count = 0, oldest = 0;
	uint64_t random = 88172645463325252u;

	(void)state;
	for (int64_t now = 0; count < ROUNDS; now += (int64_t)(random % 37)) {
		int64_t wait_ms = 0;
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (!rate_take(&r, LIMIT, PERIOD, 1, now, &wait_ms)) {
			assert_in_range(wait_ms, 1, PERIOD + PERIOD / RATE_SLOTS + 1);
			if (random % 5)
				continue;
			now += wait_ms;
			assert_true(rate_take(&r, LIMIT, PERIOD, 1, now, &wait_ms));
		}
		taken_at[count++] = now;
		while (taken_at[oldest] <= now - PERIOD)
			oldest++;
		assert_in_range(count - oldest, 1, LIMIT);
	}
}

/* Two at a time, the first of which gives back what it took once the second has used its own; in the end it
 * may have waited longer than a period. */
static void test_given_back_late(void **state)
{
	static const struct {
		int64_t given_back_ms, asked_ms;
		int count; /* that can be taken then */
	} rows[] = {
		{ 30 * SLOT, 30 * SLOT, 5 }, { 30 * SLOT, 61 * SLOT, 5 }, /* the second's still count */
		{ 60 * SLOT, 60 * SLOT, 5 }, { 61 * SLOT, 61 * SLOT, 5 }, /* the first's do not count any
		                                                             more: nothing is given back */
		{ 70 * SLOT, 70 * SLOT, 5 }, { 30 * SLOT, 90 * SLOT, 5 }, { 30 * SLOT, 91 * SLOT, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rate r = { 0 };
		int64_t wait_ms;
		int count = 0;

		print_message("row %zu\n", i);
		assert_true(rate_take(&r, LIMIT, HOUR, 5, 0, &wait_ms));
		assert_true(rate_take(&r, LIMIT, HOUR, 5, 30 * SLOT, &wait_ms));
		if (rows[i].given_back_ms < 61 * SLOT)
			assert_false(rate_take(&r, LIMIT, HOUR, 1, rows[i].given_back_ms, &wait_ms));
		rate_give_back(&r, HOUR, 5, 0);
		while (count < 20 && rate_take(&r, LIMIT, HOUR, 1, rows[i].asked_ms, &wait_ms))
			count++;
		assert_int_equal(count, rows[i].count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_steps),
		                            cmocka_unit_test(test_no_period_holds_more),
		                            cmocka_unit_test(test_given_back_late) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
