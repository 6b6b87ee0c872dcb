#include "base/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

enum { MOST = 100, SOON_MS = 10000 };

/* `says` is the output, or stands in the error's sentence. */
static const struct {
	const char *command;
	err_code code;
	const char *says;
} commands[] = {
	{ "printf abc", ERR_OK, "abc" },
	{ "printf ' \\t a  b \\r\\n\\n'", ERR_OK, "a  b" },
	{ "printf '\\000\\377x'", ERR_OK, NULL },
	{ "echo warning >&2; echo token", ERR_OK, "token" },
	{ "head -c 1000000 /dev/zero >&2; echo token", ERR_OK, "token" },
	{ "exec >&-; exec 2>&-; sleep 0.1", ERR_MISSING, "printed nothing" },
	{ "cat; pwd", ERR_OK, "/" }, /* nothing to read */
	{ "sleep 1000 & echo token", ERR_OK, "token" },
	{ "(sleep 1000; echo late) & echo token", ERR_OK, "token" },
	{ "head -c 100 /dev/zero | tr '\\0' x", ERR_OK, NULL },
	{ "head -c 101 /dev/zero | tr '\\0' x", ERR_LIMIT, "too much" },
	{ "yes", ERR_LIMIT, "too much" },
	{ "true", ERR_MISSING, "printed nothing" },
	{ "", ERR_MISSING, "printed nothing" },
	{ "printf ' \\n'; echo why >&2", ERR_MISSING, "printed nothing: why" },
	{ "echo token; exit 3", ERR_DENIED, "ended with status 3" },
	{ "echo 'no\tsuch' >&2; echo account >&2; exit 1", ERR_DENIED,
	  "ended with status 1: no such account" },
	{ "head -c 300 /dev/zero | tr '\\0' y >&2; exit 1", ERR_DENIED, "status 1: yyyy" },
	{ "/nowhere/token", ERR_DENIED, "status 127: sh: " },
	{ "kill -9 $$", ERR_DENIED, "ended by signal 9" },
	{ "if then", ERR_DENIED, "status 2" },
};

static void test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		struct arena arena;
		str out = STR("untouched");
		int64_t begun_ms = clock_tick_ms();

		print_message("%s\n", commands[i].command);
		arena_init(&arena, NULL, LIMIT_MB);
		err e = command_output(&arena, str_of(commands[i].command), SOON_MS, MOST, &out);
		assert_int_equal(e.code, commands[i].code);
		assert_true(clock_tick_ms() - begun_ms < SOON_MS / 2);
		if (e.code != ERR_OK) {
			assert_true(str_eq(out, STR("untouched")));
			assert_true(str_find(str_of(e.what), str_of(commands[i].says)) < strlen(e.what));
			assert_true(strlen(e.what) < LIMIT_COMMAND_SAID + 64);
		} else if (commands[i].says) {
			assert_true(str_eq(out, str_of(commands[i].says)));
		}
		assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
		arena_reset(&arena);
	}
}

static str output(struct arena *arena, const char *command)
{
	str out = STR("");
	err e = command_output(arena, str_of(command), SOON_MS, LIMIT_KB, &out);

	if (e.code != ERR_OK)
		print_error("%s\n", e.what);
	assert_int_equal(e.code, ERR_OK);
	return out;
}

/* Stuck programs, also such as let no signal end them, such as never stop complaining, and with children. */
static void test_timeout(void **state)
{
	static const char *const stuck[] = { "sleep 1000", "trap '' TERM INT HUP; while :; do sleep 1; done",
		                             "yes >&2", "sleep 1000 & wait", "exec >&- 2>&-; sleep 1000" };
	char pid_file[] = "/tmp/command-test-XXXXXX", command[200];
	struct arena arena;
	str out = STR("untouched");

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof stuck / sizeof stuck[0]; i++) {
		int64_t begun_ms = clock_tick_ms();

		print_message("%s\n", stuck[i]);
		assert_int_equal(command_output(&arena, str_of(stuck[i]), 200, MOST, &out).code, ERR_TIMEOUT);
		assert_in_range(clock_tick_ms() - begun_ms, 200, 5000);
		assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	}
	assert_true(str_eq(out, STR("untouched")));
	int f = mkstemp(pid_file);
	assert_true(f >= 0);
	snprintf(command, sizeof command, "sleep 1000 & echo $! > %s; wait", pid_file);
	assert_int_equal(command_output(&arena, str_of(command), 500, MOST, &out).code, ERR_TIMEOUT);
	char text[20] = "";
	assert_true(read(f, text, sizeof text - 1) > 0);
	pid_t left = (pid_t)atoi(text);
	for (int i = 0; i < 100 && kill(left, 0) == 0; i++) /* it is init's to reap now */
		usleep(50000);
	char stat_path[64], stat_text[512] = "";
	snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", (int)left);
	int stat_file = open(stat_path, O_RDONLY | O_CLOEXEC);
	if (stat_file >= 0 && read(stat_file, stat_text, sizeof stat_text - 1) > 0)
		assert_non_null(strstr(stat_text, ") Z "));
	if (stat_file >= 0)
		close(stat_file);
	close(f);
	unlink(pid_file);
	arena_reset(&arena);
}

/* What a program inherits. */
static void test_inheritance(void **state)
{
	struct arena arena;
	int leak = dup(1); /* without O_CLOEXEC */
	sigset_t all;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_true(leak > 2);
	setenv("SECRET_OF_OURS", "x", 1);
	setenv("HOME", "/home/postrider", 1);
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* 3 is ls's own, of the directory */
	assert_true(str_eq(output(&arena, "exec ls /proc/self/fd"), STR("0\n1\n2\n3")));
	assert_true(str_eq(output(&arena, "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort"),
	                   STR("HOME=/home/postrider\nLANG=C.UTF-8\n"
	                       "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
	/* of the first 28 signals; libc has two of its own behind them ignored */
	assert_true(str_eq(output(&arena, "sed -n 's/^Sig[BI].*\\(.......\\)$/\\1/p' /proc/self/status"),
	                   STR("0000000\n0000000")));
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(leak);
	arena_reset(&arena);
}

static void test_no_memory(void **state)
{
	struct arena arena;
	str out = STR("untouched");

	(void)state;
	arena_init(&arena, NULL, 0);
	assert_int_equal(command_output(&arena, STR("echo x"), SOON_MS, MOST, &out).code, ERR_NOSPACE);
	assert_true(str_eq(out, STR("untouched")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
