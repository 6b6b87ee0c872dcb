#include "net/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>

struct item {
	struct timer timer;
	int64_t fired_ms;
	int fires;
	struct item *clears; /* when it fires */
	int64_t sets_again_ms;
};

static struct wheel wheel;
static int64_t now_ms;

static void fire(struct timer *timer)
{
	struct item *item = (struct item *)(void *)timer;

	assert_false(timer_is_set(timer));
	item->fired_ms = now_ms;
	item->fires++;
	if (item->clears)
		wheel_clear(&item->clears->timer);
	if (item->sets_again_ms)
		wheel_set(&wheel, timer, now_ms + item->sets_again_ms);
}

static void run_to(int64_t until_ms, int64_t step_ms)
{
	while (now_ms < until_ms) {
		now_ms += step_ms;
		wheel_run(&wheel, now_ms);
	}
}

static void begin(void)
{
	now_ms = 1234567;
	wheel_init(&wheel, now_ms);
	assert_int_equal(wheel_next_tick_ms(&wheel), -1);
}

/* Never early, at most one step late, over several turns of the ring. */
static void test_deadlines(void **state)
{
	static const int64_t afters[] = { 1,     50,    99,    100,   101,    1000,
		                          51199, 51200, 51201, 51300, 300000, 600000 };
	enum { COUNT = sizeof afters / sizeof afters[0] };
	struct item items[COUNT] = { 0 };

	(void)state;
	begin();
	int64_t start = now_ms;
	for (size_t i = 0; i < COUNT; i++) {
		items[i].timer.fire = fire;
		wheel_set(&wheel, &items[i].timer, now_ms + afters[i]);
	}
	run_to(start + 700000, 7);
	for (size_t i = 0; i < COUNT; i++) {
		print_message("after %jd fired at %jd\n", (intmax_t)afters[i],
		              (intmax_t)(items[i].fired_ms - start));
		assert_int_equal(items[i].fires, 1);
		assert_true(items[i].fired_ms >= start + afters[i]);
		assert_true(items[i].fired_ms <= start + afters[i] + LOOP_TIMER_STEP_MS + 7);
	}
	assert_int_equal(wheel_next_tick_ms(&wheel), -1);
}

static void test_changes_while_firing(void **state)
{
	struct item a = { .timer.fire = fire }, b = a, c = a;

	(void)state;
	begin();
	int64_t start = now_ms;
	wheel_set(&wheel, &a.timer, now_ms + 200);
	wheel_set(&wheel, &b.timer, now_ms + 200);
	wheel_set(&wheel, &c.timer, now_ms + 200);
	a.clears = &b;
	c.sets_again_ms = 100;
	c.clears = &c; /* clearing what is not set is legal */
	run_to(start + 1000, 10);
	assert_int_equal(a.fires, 1);
	assert_int_equal(b.fires, 0);
	assert_in_range(c.fires, 4, 8);
	wheel_clear(&c.timer);
	wheel_clear(&c.timer);
	assert_int_equal(wheel_next_tick_ms(&wheel), -1);
}

/* A machine that slept: everything due fires once, whatever the jump; what is not due stays. */
static void test_jump(void **state)
{
	struct item items[1000] = { 0 };

	(void)state;
	begin();
	int64_t start = now_ms;
	for (size_t i = 0; i < 1000; i++) {
		items[i].timer.fire = fire;
		wheel_set(&wheel, &items[i].timer, now_ms + (int64_t)i * 331 + 1);
	}
	now_ms += 165000;
	wheel_run(&wheel, now_ms);
	for (size_t i = 0; i < 1000; i++) {
		int64_t due = start + (int64_t)i * 331 + 1;
		if (due + LOOP_TIMER_STEP_MS <= now_ms)
			assert_int_equal(items[i].fires, 1);
		if (due > now_ms)
			assert_int_equal(items[i].fires, 0);
	}
	run_to(start + 400000, 100);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(items[i].fires, 1);
}

static void test_random_moves(void **state)
{
	struct item items[50] = { 0 };
	int64_t due[50] = { 0 };

	(void)state;
	begin();
	srandom(7);
	for (size_t i = 0; i < 50; i++)
		items[i].timer.fire = fire;
	for (int round = 0; round < 100000; round++) {
		size_t i = (size_t)random() % 50;
		if (random() % 4 == 0) {
			wheel_clear(&items[i].timer);
			due[i] = 0;
		} else {
			due[i] = now_ms + 1 + random() % 120000;
			wheel_set(&wheel, &items[i].timer, due[i]);
		}
		now_ms += random() % 50;
		for (size_t j = 0; j < 50; j++)
			items[j].fires = 0;
		wheel_run(&wheel, now_ms);
		for (size_t j = 0; j < 50; j++) {
			if (items[j].fires)
				assert_true(due[j] && due[j] <= now_ms);
			else if (due[j])
				assert_true(now_ms < due[j] + 2 * LOOP_TIMER_STEP_MS);
			if (items[j].fires)
				due[j] = 0;
		}
		int64_t next = wheel_next_tick_ms(&wheel);
		for (size_t j = 0; j < 50; j++)
			if (due[j])
				assert_true(next > 0 && next <= items[j].timer.due_tick_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_changes_while_firing),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_random_moves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
