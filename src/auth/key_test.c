#include "auth/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

static struct arena arena;
static char folder[64];

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-key-XXXXXX");
	return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	arena_reset(&arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void put_key(const char *octets)
{
	str path = str_of(err_new(&arena, ERR_OK, "%s/auth.key", folder).what);

	assert_int_equal(file_replace(&arena, path, str_of(octets), 0600).code, ERR_OK);
}

/* Each use has its own, none is the root, and they are the same next time. */
static void test_uses(void **state)
{
	struct digest root, again, srs, srs_again, other;

	(void)state;
	assert_int_equal(key_root(&arena, str_of(folder), &root).code, ERR_OK);
	assert_int_equal(key_root(&arena, str_of(folder), &again).code, ERR_OK);
	assert_int_equal(key_load(&arena, str_of(folder), KEY_SRS, &srs).code, ERR_OK);
	assert_int_equal(key_load(&arena, str_of(folder), KEY_SRS, &srs_again).code, ERR_OK);
	assert_int_equal(key_load(&arena, str_of(folder), STR("other"), &other).code, ERR_OK);
	assert_true(digest_equal(&root, &again));
	assert_true(digest_equal(&srs, &srs_again));
	assert_false(digest_equal(&srs, &root));
	assert_false(digest_equal(&srs, &other));
}

/* What is there is taken; a file of another length is no key. */
static void test_file(void **state)
{
	static const char *const kept = "0123456789abcdef0123456789abcdef";
	static const char *const replaced[] = { "", "0123456789abcdef0123456789abcde",
		                                "0123456789abcdef0123456789abcdefg" };
	struct digest got;

	(void)state;
	put_key(kept);
	assert_int_equal(key_root(&arena, str_of(folder), &got).code, ERR_OK);
	assert_true(str_eq(digest_str(&got), str_of(kept)));
	for (size_t i = 0; i < 3; i++) {
		struct digest again;

		put_key(replaced[i]);
		assert_int_equal(key_root(&arena, str_of(folder), &got).code, ERR_OK);
		assert_false(str_eq(digest_str(&got), str_of(kept)));
		assert_int_equal(key_root(&arena, str_of(folder), &again).code, ERR_OK);
		assert_true(digest_equal(&got, &again));
	}
}

static void test_no_folder(void **state)
{
	struct digest got = { "untouched" };

	(void)state;
	assert_int_not_equal(key_load(&arena, STR("/nowhere/at/all"), KEY_SRS, &got).code, ERR_OK);
	assert_string_equal(got.octets, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_uses), cmocka_unit_test(test_file),
		                            cmocka_unit_test(test_no_folder) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
