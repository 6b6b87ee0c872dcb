#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

static struct arena arena;
static char directory[64], path[96];

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, 16 * LIMIT_MB);
	strcpy(directory, "/tmp/postrider-file-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof path, "%s/f", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	arena_reset(&arena);
	return 0;
}

static void test_whole(void **state)
{
	str got = STR("before");
	struct stat st;

	(void)state;
	err e = file_read_all(&arena, str_of(path), 100, &got);
	assert_int_equal(e.code, ERR_MISSING);
	assert_non_null(strstr(e.what, path));
	assert_true(str_eq(got, STR("before")));
	assert_int_equal(file_replace(&arena, str_of(path), STR("0123456789"), 0600).code, ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_read_all(&arena, str_of(path), 10, &got).code, ERR_OK);
	assert_true(str_eq(got, STR("0123456789")));
	got = STR("before");
	assert_int_equal(file_read_all(&arena, str_of(path), 9, &got).code, ERR_LIMIT);
	assert_true(str_eq(got, STR("before")));
	assert_int_equal(file_replace(&arena, str_of(path), STR(""), 0600).code, ERR_OK);
	assert_int_equal(file_read_all(&arena, str_of(path), 10, &got).code, ERR_OK);
	assert_int_equal(got.len, 0);
	assert_int_equal(file_read_all(&arena, STR("/proc/self/stat"), LIMIT_MB, &got).code, ERR_OK);
	assert_true(got.len > 0);
}

/* More parts than one system call takes, empty ones among them. */
static void test_parts(void **state)
{
	AUTO(file) f = FILE_NONE;
	struct iovec parts[300];
	char want[300], got[300];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		want[i] = (char)('a' + i % 26);
		parts[i] = (struct iovec){ &want[len], i % 3 ? 1 : 0 };
		len += parts[i].iov_len;
	}
	assert_int_equal(file_open(&arena, str_of(path), O_RDWR | O_CREAT, 0600, &f).code, ERR_OK);
	assert_int_equal(file_write_at(f, parts, 300, 50).code, ERR_OK);
	assert_int_equal(file_read_at(f, got, len, 50).code, ERR_OK);
	assert_memory_equal(got, want, len);
	assert_int_equal(file_read_at(f, got, 1, 50 + len).code, ERR_CORRUPT);
	assert_int_equal(file_read_at(f, got, len + 1, 50).code, ERR_CORRUPT);
	assert_int_equal(file_write_at(FILE_NONE, parts, 2, 0).code, ERR_IO);
	assert_int_equal(fcntl(f, F_GETFD), FD_CLOEXEC);
	file taken = file_take(&f);
	assert_int_equal(f, FILE_NONE);
	file_close(&taken);
	assert_int_equal(taken, FILE_NONE);
	file_close(&taken);
}

static void test_directories(void **state)
{
	(void)state;
	assert_int_equal(directory_make(&arena, str_of(directory), 0700).code, ERR_OK);
	assert_int_equal(directory_sync(&arena, str_of(directory)).code, ERR_OK);
	assert_int_equal(file_replace(&arena, str_of(path), STR("x"), 0600).code, ERR_OK);
	assert_int_equal(directory_make(&arena, str_of(path), 0700).code, ERR_EXISTS);
	assert_int_equal(directory_sync(&arena, STR("/proc/nonexistent")).code, ERR_MISSING);
	assert_int_equal(file_replace(&arena, STR("/proc/nonexistent/f"), STR("x"), 0600).code, ERR_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		                            cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		                            cmocka_unit_test_setup_teardown(test_directories, setup,
		                                                            teardown) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
