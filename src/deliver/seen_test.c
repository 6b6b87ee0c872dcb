#include "deliver/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { COUNT = 5000 };

static void test_set(void **state)
{
	struct arena arena;
	struct seen seen;
	bool fresh = false;

	(void)state;
	arena_init(&arena, NULL, 1u << 20);
	seen_init(&seen, &arena);
	assert_false(seen_has(&seen, 1));
	for (int round = 0; round < 2; round++) {
		for (uint64_t key = 1; key <= COUNT; key++) {
			assert_int_equal(seen_add(&seen, key << 4, &fresh).code, ERR_OK);
			assert_true(fresh);
		}
		for (uint64_t key = 1; key <= COUNT; key++) {
			assert_true(seen_has(&seen, key << 4));
			assert_false(seen_has(&seen, (key << 4) + 1));
			assert_int_equal(seen_add(&seen, key << 4, &fresh).code, ERR_OK);
			assert_false(fresh);
		}
		seen_clear(&seen);
		assert_false(seen_has(&seen, 16));
	}
	arena_reset(&arena);
}

/* What was reserved is there when the arena is full; without room nothing is lost. */
static void test_room(void **state)
{
	struct arena arena;
	struct seen seen;
	bool fresh = false;
	uint64_t key = 1;

	(void)state;
	arena_init(&arena, NULL, 3 * 4096);
	seen_init(&seen, &arena);
	assert_int_equal(seen_reserve(&seen, 100).code, ERR_OK);
	while (arena_alloc(&arena, 16))
		;
	for (; key <= 100; key++)
		assert_int_equal(seen_add(&seen, key, &fresh).code, ERR_OK);
	while (seen_add(&seen, key, &fresh).code == ERR_OK)
		key++;
	assert_false(seen_has(&seen, key));
	for (uint64_t k = 1; k < key; k++)
		assert_true(seen_has(&seen, k));
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_set), cmocka_unit_test(test_room) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
