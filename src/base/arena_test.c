#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static void test_ceiling(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 100000);
	size_t got = 0;
	for (char *p; (p = arena_alloc(&a, 1000)); got += 1000) {
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 'x', 1000);
	}
	assert_in_range(got, 70000, 100000);
	assert_true(a.held_octets <= a.ceiling_octets);
	assert_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	assert_int_equal(a.held_octets, 0);
	assert_non_null(arena_alloc(&a, 90000));
	assert_null(arena_alloc(&a, 90000));
	arena_reset(&a);
	arena_init(&a, NULL, 0);
	assert_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_null(arena_z(&a, STR("x")));
	str out = STR("before");
	assert_int_equal(arena_copy(&a, STR("x"), &out).code, ERR_NOSPACE);
	assert_true(str_eq(out, STR("before")));
}

/* A large block goes behind the current one, whose rest stays in use. */
static void test_large_keeps_the_rest(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, LIMIT_MB);
	assert_non_null(arena_alloc(&a, 16));
	size_t held = a.held_octets;
	assert_non_null(arena_alloc(&a, 100000));
	size_t more = a.held_octets;
	assert_non_null(arena_alloc(&a, 16));
	assert_int_equal(a.held_octets, more);
	assert_true(more > held);
	arena_reset(&a);
}

static void test_pool(void **state)
{
	struct arena_pool pool = { 0 };
	struct arena a, b;

	(void)state;
	arena_init(&a, &pool, LIMIT_MB);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	size_t spare = pool.spare_count;
	assert_true(spare > 10);
	arena_init(&b, &pool, LIMIT_MB);
	char *zeroed = arena_calloc(&b, 10, 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(zeroed[i], 0);
	assert_int_equal(pool.spare_count, spare - 1);
	arena_reset(&b);
	arena_pool_fini(&pool);
	assert_int_equal(pool.spare_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ceiling),
		                            cmocka_unit_test(test_large_keeps_the_rest),
		                            cmocka_unit_test(test_pool) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
