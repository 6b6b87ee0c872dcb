#include "admin/frozen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"

static void test_frozen(void **state)
{
	char folder[] = "/tmp/postrider-frozen-XXXXXX";
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_non_null(mkdtemp(folder));
	str data_dir = str_of(folder);
	assert_false(frozen_get(&arena, data_dir));
	assert_int_equal(frozen_set(&arena, data_dir, false).code, ERR_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(frozen_set(&arena, data_dir, true).code, ERR_OK);
		assert_true(frozen_get(&arena, data_dir));
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(frozen_set(&arena, data_dir, false).code, ERR_OK);
		assert_false(frozen_get(&arena, data_dir));
	}
	assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
	assert_int_equal(frozen_set(&arena, data_dir, true).code, ERR_MISSING);
	arena_reset(&arena);
}

/* What can't be known counts as frozen. */
static void test_unknown(void **state)
{
	struct arena arena, small;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	arena_init(&small, NULL, 1);
	assert_true(frozen_get(&arena, STR("/dev/null")));
	assert_true(frozen_get(&small, STR("/tmp")));
	arena_reset(&arena);
	arena_reset(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_frozen), cmocka_unit_test(test_unknown) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
