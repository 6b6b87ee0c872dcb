#include "histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* Within a bucket's width above the true value, for 1..n of any size. */
static void test_percentiles(void **state)
{
	static const uint64_t steps[] = { 1, 7, 1000, 1234567, 100000000000 };
	static const double percents[] = { 0, 50, 90, 99, 99.9, 100 };
	static struct histogram h;

	(void)state;
	for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
		memset(&h, 0, sizeof h);
		for (uint64_t i = 1; i <= 1000; i++)
			histogram_add(&h, i * steps[s]);
		for (size_t p = 0; p < sizeof percents / sizeof percents[0]; p++) {
			uint64_t rank = (uint64_t)(percents[p] * 10 + 0.5),
				 got = histogram_percentile(&h, percents[p]);
			uint64_t exact = (rank > 0 ? rank : 1) * steps[s];
			print_message("step %llu p%g\n", (unsigned long long)steps[s], percents[p]);
			assert_in_range(got, exact, exact + exact / HISTOGRAM_STEPS);
		}
		assert_int_equal(h.max_ns, 1000 * steps[s]);
	}
}

static void test_ends(void **state)
{
	static struct histogram h;

	(void)state;
	memset(&h, 0, sizeof h);
	assert_int_equal(histogram_percentile(&h, 99), 0);
	histogram_add(&h, 0);
	assert_int_equal(histogram_percentile(&h, 99), 0);
	histogram_add(&h, UINT64_MAX);
	assert_true(histogram_percentile(&h, 100) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_percentiles), cmocka_unit_test(test_ends) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
