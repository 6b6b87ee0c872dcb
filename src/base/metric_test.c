#include "base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"

static void test_counting(void **state)
{
	(void)state;
	assert_int_equal(metric_get(METRIC_SENT), 0);
	metric_add(METRIC_SENT, 1);
	metric_add(METRIC_SENT, 41);
	assert_int_equal(metric_get(METRIC_SENT), 42);
	assert_int_equal(metric_get(METRIC_DEFERRED), 0);
	metric_add(METRIC_CONNECTIONS_OUT, 3);
	metric_subtract(METRIC_CONNECTIONS_OUT, 2);
	assert_int_equal(metric_get(METRIC_CONNECTIONS_OUT), 1);
}

static bool is_name(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && s.ptr[i] != '_')
			return false;
	return str_starts(s, STR("postrider_"));
}

/* Three lines a metric; what only grows ends with _total, what does not never does. */
static void test_text(void **state)
{
	struct arena arena;
	struct buf out;
	size_t count = 0;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	buf_init(&out, &arena, LIMIT_MB);
	metrics_add_text(&out);
	str rest = buf_str(&out);
	assert_true(str_find(rest, STR("\n# TYPE postrider_sent_total counter\npostrider_sent_total 42\n")) <
	            rest.len);
	for (; rest.len; count++) {
		str help = str_cut(&rest, '\n'), type = str_cut(&rest, '\n'), value = str_cut(&rest, '\n');
		uint64_t n;

		print_message(STR_FMT "\n", STR_ARG(value));
		assert_true(str_starts(help, STR("# HELP ")));
		assert_true(str_starts(type, STR("# TYPE ")));
		str name = str_cut(&value, ' '), kind = str_from(type, str_rfind_char(type, ' ') + 1);
		assert_true(is_name(name));
		assert_true(str_starts(str_from(help, 7), name));
		assert_true(str_starts(str_from(type, 7), name));
		assert_true(str_to_u64(value, UINT64_MAX, &n));
		assert_int_equal(str_eq(kind, STR("counter")), str_ends_nocase(name, STR("_total")));
		assert_int_equal(str_eq(kind, STR("gauge")), !str_ends_nocase(name, STR("_total")));
	}
	assert_int_equal(count, METRIC_COUNT);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_counting), cmocka_unit_test(test_text) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
