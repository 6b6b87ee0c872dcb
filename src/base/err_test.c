#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>

#include "base/arena.h"
#include "base/limits.h"

static const struct {
	int number;
	err_code code;
} numbers[] = {
	{ ENOSPC, ERR_NOSPACE }, { ENOMEM, ERR_NOSPACE },    { EMFILE, ERR_NOSPACE }, { ENOENT, ERR_MISSING },
	{ EEXIST, ERR_EXISTS },  { EACCES, ERR_DENIED },     { EROFS, ERR_DENIED },   { EAGAIN, ERR_BUSY },
	{ EPIPE, ERR_CLOSED },   { ETIMEDOUT, ERR_TIMEOUT }, { EIO, ERR_IO },         { EBADF, ERR_IO },
};

static void test_errno(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		err e = err_errno(&arena, numbers[i].number, "opening %s", "x");
		assert_int_equal(e.code, numbers[i].code);
		assert_int_equal(e.at, numbers[i].number);
		assert_ptr_equal(strstr(e.what, "opening x: "), e.what);
	}
	assert_non_null(err_errno(NULL, EIO, "reading").what);
	arena_reset(&arena);
}

static void test_wrap(void **state)
{
	struct arena arena;
	char longest[2 * LIMIT_ERROR_SENTENCE];
	err e = { ERR_MISSING, 7, "no such row" };

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	err w = err_wrap(&arena, e, "loading key %s", "s1");
	assert_string_equal(w.what, "loading key s1: no such row");
	assert_int_equal(w.code, ERR_MISSING);
	assert_int_equal(w.at, 7);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(strlen(err_wrap(&arena, e, "%s", longest).what), LIMIT_ERROR_SENTENCE - 1);
	arena_reset(&arena);
	arena_init(&arena, NULL, 0);
	assert_string_equal(err_wrap(&arena, e, "loading").what, "no such row");
	assert_string_equal(err_new(&arena, ERR_LIMIT, "over").what, "over");
	for (int i = ERR_OK; i <= ERR_CORRUPT; i++)
		assert_non_null(err_code_name((err_code)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_errno), cmocka_unit_test(test_wrap) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
