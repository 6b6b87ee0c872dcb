#include "pop3/lock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_one_at_a_time(void **state)
{
	struct maildrop_locks *locks = NULL;

	(void)state;
	assert_int_equal(maildrop_locks_new(&locks).code, ERR_OK);
	assert_int_equal(maildrop_lock(locks, 1).code, ERR_OK);
	assert_int_equal(maildrop_lock(locks, 1).code, ERR_BUSY);
	assert_int_equal(maildrop_lock(locks, 2).code, ERR_OK);
	assert_int_equal(maildrop_lock(locks, UINT64_MAX).code, ERR_OK);
	assert_int_equal(maildrop_lock(locks, 2).code, ERR_BUSY);
	maildrop_unlock(locks, 1);
	assert_int_equal(maildrop_lock(locks, 2).code, ERR_BUSY);
	assert_int_equal(maildrop_lock(locks, 1).code, ERR_OK);
	assert_int_equal(maildrop_lock(locks, 1).code, ERR_BUSY);
	maildrop_locks_free(locks); /* with three held */
	maildrop_locks_free(NULL);
}

enum { THREADS = 4, ROUNDS = 20000, DROPS = 3 };

static struct maildrop_locks *shared;
static unsigned inside[DROPS]; /* plain on purpose: whoever has the lock is alone with it */

static void *take_turns(void *unused)
{
	for (unsigned i = 0, had = 0; had < ROUNDS; i++) {
		uint64_t id = i % DROPS;
		if (maildrop_lock(shared, id).code != ERR_OK)
			continue;
		inside[id]++;
		had++;
		maildrop_unlock(shared, id);
	}
	return unused;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	unsigned sum = 0;

	(void)state;
	assert_int_equal(maildrop_locks_new(&shared).code, ERR_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_turns, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < DROPS; i++)
		sum += inside[i];
	assert_int_equal(sum, THREADS * ROUNDS);
	maildrop_locks_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_at_a_time),
		                            cmocka_unit_test(test_threads) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
