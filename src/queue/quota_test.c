#include "queue/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static void test_steps(void **state)
{
	const struct route_entry route = { .limits = { 10, 15, 0 } }, free_route = { .host_count = 0 };
	struct quota q = { 0 };
	int64_t wait_ms = -1, tick = DAY_MS;

	(void)state;
	assert_int_equal(quota_take(&q, &free_route, 1000000, tick, &wait_ms), 1000000);
	assert_int_equal(quota_take(&q, &route, 0, tick, &wait_ms), 0);
	assert_int_equal(wait_ms, -1);
	assert_int_equal(quota_take(&q, &route, 4, tick, &wait_ms), 4);
	assert_int_equal(quota_take(&q, &route, 100, tick, &wait_ms), 6); /* the minute is full */
	assert_int_equal(quota_take(&q, &route, 1, tick, &wait_ms), 0);
	assert_in_range(wait_ms, MINUTE_MS - 1000, MINUTE_MS + 1000);
	tick += 2 * MINUTE_MS;
	assert_int_equal(quota_take(&q, &route, 100, tick, &wait_ms), 5); /* the hour is full */
	assert_int_equal(quota_take(&q, &route, 1, tick, &wait_ms), 0);
	assert_in_range(wait_ms, HOUR_MS - 3 * MINUTE_MS, HOUR_MS);
	quota_give_back(&q, &route, 2, tick);
	assert_int_equal(quota_take(&q, &route, 3, tick, &wait_ms), 2);
	tick += HOUR_MS + MINUTE_MS;
	assert_int_equal(quota_take(&q, &route, 100, tick, &wait_ms), 10);
}

/* Where several limits refuse, the wait is the longest. */
static void test_longest_wait(void **state)
{
	const struct route_entry route = { .limits = { 5, 5, 5 } };
	struct quota q = { 0 };
	int64_t wait_ms = 0, tick = 7 * DAY_MS;

	(void)state;
	assert_int_equal(quota_take(&q, &route, 9, tick, &wait_ms), 5);
	assert_int_equal(quota_take(&q, &route, 1, tick, &wait_ms), 0);
	assert_in_range(wait_ms, DAY_MS - HOUR_MS, DAY_MS + HOUR_MS);
}

enum { TAKES = 3000 };

/* Whatever is asked for, and when: no minute, hour or day holds more than its limit, and after the wait that
 * was told something is free. */
static void test_law(void **state)
{
	static const int64_t periods[ROUTE_PERIODS] = { MINUTE_MS, HOUR_MS, DAY_MS };
	static struct {
		int64_t tick;
		uint32_t count;
	} taken[TAKES];

	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++) {
		struct quota q = { 0 };
		int64_t tick = DAY_MS, wait_ms;
		srand(seed);
		const struct route_entry route = { .limits = { (uint32_t)(rand() % 50 + 1),
			                                       (uint32_t)(rand() % 900 + 1),
			                                       (uint32_t)(rand() % 4000 + 1) } };
		for (int n = 0; n < TAKES; n++) {
			uint32_t wanted = (uint32_t)(rand() % 60 + 1);
			taken[n].count = quota_take(&q, &route, wanted, tick, &wait_ms);
			taken[n].tick = tick;
			assert_true(taken[n].count <= wanted);
			for (int p = 0; p < ROUTE_PERIODS; p++) {
				uint64_t sum = 0;
				for (int i = n; i >= 0 && taken[i].tick > tick - periods[p]; i--)
					sum += taken[i].count;
				assert_true(sum <= route.limits[p]);
			}
			if (taken[n].count == 0) {
				assert_true(wait_ms > 0);
				tick += wait_ms;
				assert_int_equal(quota_take(&q, &route, 1, tick, &wait_ms), 1);
				quota_give_back(&q, &route, 1, tick);
			} else {
				tick += rand() % 30000;
			}
		}
	}
}

/* Transactions that last, overlap, and give back at their end what was not used: what was used stays within
 * the limits in every minute, hour and day, by the time at which it was taken. */
static void test_law_with_giving_back(void **state)
{
	enum { UNDER_WAY = 20 };
	static const int64_t periods[ROUTE_PERIODS] = { MINUTE_MS, HOUR_MS, DAY_MS };
	static struct {
		int64_t tick, end;
		uint32_t count;
	} taken[TAKES];

	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++) {
		struct quota q = { 0 };
		int64_t tick = DAY_MS, wait_ms;
		srand(seed);
		const struct route_entry route = { .limits = { (uint32_t)(rand() % 50 + 1),
			                                       (uint32_t)(rand() % 900 + 1),
			                                       (uint32_t)(rand() % 4000 + 1) } };
		for (int n = 0; n < TAKES; n++, tick += rand() % (seed % 2 ? 5000 : 200000)) {
			taken[n].count = quota_take(&q, &route, (uint32_t)(rand() % 30 + 1), tick, &wait_ms);
			taken[n].tick = tick;
			taken[n].end = tick + rand() % (10 * MINUTE_MS);
			for (int i = n > UNDER_WAY ? n - UNDER_WAY : 0; i <= n; i++) {
				if (taken[i].end > tick && i > n - UNDER_WAY)
					continue;
				uint32_t unused = (uint32_t)rand() % (taken[i].count + 1);
				quota_give_back(&q, &route, unused, taken[i].tick);
				taken[i].count -= unused;
				taken[i].end = INT64_MAX;
			}
			for (int p = 0; p < ROUTE_PERIODS; p++) {
				uint64_t sum = 0;
				for (int i = n; i >= 0 && taken[i].tick > tick - periods[p]; i--)
					sum += taken[i].count;
				assert_true(sum <= route.limits[p]);
			}
		}
	}
}

/* A route's limit that an owner lowers counts with what was taken before, one that is raised at once. */
static void test_changed_limits(void **state)
{
	struct route_entry route = { .limits = { 10, 0, 0 } };
	struct quota q = { 0 };
	int64_t wait_ms = 0, tick = DAY_MS;

	(void)state;
	assert_int_equal(quota_take(&q, &route, 8, tick, &wait_ms), 8);
	route.limits[ROUTE_MINUTE] = 5;
	assert_int_equal(quota_take(&q, &route, 1, tick + 1000, &wait_ms), 0);
	assert_in_range(wait_ms, MINUTE_MS - 1000, MINUTE_MS + 1000);
	route.limits[ROUTE_MINUTE] = 20;
	assert_int_equal(quota_take(&q, &route, 99, tick + 2000, &wait_ms), 12);
	route.limits[ROUTE_MINUTE] = 0;
	assert_int_equal(quota_take(&q, &route, 99, tick + 3000, &wait_ms), 99);
	route.limits[ROUTE_MINUTE] = 3;
	assert_int_equal(quota_take(&q, &route, 99, tick + 2 * MINUTE_MS, &wait_ms), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_steps), cmocka_unit_test(test_longest_wait),
		                            cmocka_unit_test(test_law),
		                            cmocka_unit_test(test_law_with_giving_back),
		                            cmocka_unit_test(test_changed_limits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
