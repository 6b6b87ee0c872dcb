#include "store/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"

static struct arena arena;
static char folder[64];

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-hold-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/hold.lock", folder);
	unlink(path);
	arena_reset(&arena);
	return rmdir(folder);
}

/* Locks are of open files, not of the process: so one process can show both sides. */
static void test_backups_share_and_maintenance_waits(void **state)
{
	file first = FILE_NONE, second = FILE_NONE, round = FILE_NONE;

	(void)state;
	assert_int_equal(hold_take(&arena, str_of(folder), HOLD_COMPACTION, &first).code, ERR_OK);
	assert_int_equal(hold_take(&arena, str_of(folder), HOLD_COMPACTION, &second).code, ERR_OK);
	assert_false(hold_try(str_of(folder), HOLD_COMPACTION, &round));
	assert_int_equal(round, FILE_NONE);
	assert_true(hold_try(str_of(folder), HOLD_CHECKPOINTS, &round)); /* the other kind is free */
	file_close(&round);
	file_close(&first);
	assert_false(hold_try(str_of(folder), HOLD_COMPACTION, &round));
	file_close(&second);
	assert_true(hold_try(str_of(folder), HOLD_COMPACTION, &round));
	file_close(&round);
}

static void test_no_folder(void **state)
{
	file f = FILE_NONE;

	(void)state;
	assert_int_equal(hold_take(&arena, STR("/nowhere/at/all"), HOLD_COMPACTION, &f).code, ERR_MISSING);
	assert_int_equal(f, FILE_NONE);
	assert_true(hold_try(STR("/nowhere/at/all"), HOLD_COMPACTION, &f)); /* maintenance goes on */
	assert_int_equal(f, FILE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backups_share_and_maintenance_waits),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
