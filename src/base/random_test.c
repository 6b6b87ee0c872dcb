#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_no_number_twice(void **state)
{
	enum { COUNT = 1000 };
	uint64_t n[COUNT];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		n[i] = random_u64();
		for (int k = 0; k < i; k++)
			assert_true(n[i] != n[k]);
	}
}

/* The parent's next number and its children's differ, though they began with the same memory. */
static void test_fork(void **state)
{
	uint64_t of[3];
	int channel[2];

	(void)state;
	random_u64();
	assert_int_equal(pipe(channel), 0);
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		if (child == 0) {
			uint64_t n = random_u64();
			_exit(write(channel[1], &n, sizeof n) == sizeof n ? 0 : 1);
		}
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(read(channel[0], &of[i], sizeof of[i]), sizeof of[i]);
	}
	of[2] = random_u64();
	assert_true(of[0] != of[1] && of[0] != of[2] && of[1] != of[2]);
	close(channel[0]);
	close(channel[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_number_twice),
		                            cmocka_unit_test(test_fork) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
