#include "auth/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

static struct arena arena;
static char folder[64];
static struct guess *g;

static void open_guess(void)
{
	uint64_t key[2];

	assert_int_equal(pairs_key(&arena, str_of(folder), key).code, ERR_OK);
	assert_int_equal(guess_new(key, &g).code, ERR_OK);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-pairs-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	open_guess();
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	clock_test_set(0);
	guess_free(g);
	arena_reset(&arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void restart(void)
{
	guess_free(g);
	open_guess();
}

static str path(void) { return str_of(err_new(&arena, ERR_OK, "%s/auth.pairs", folder).what); }

/* Is the pair known? Tries a password, which then is right or is not checked. */
static bool log_in(const char *peer, const char *name, bool right)
{
	struct guess_attempt attempt = { 0 };
	int64_t wait_ms;
	ip address;

	assert_int_equal(ip_parse(str_of(peer), &address).code, ERR_OK);
	assert_int_equal(guess_admit(g, address, str_of(name), clock_tick_ms(), &attempt, &wait_ms).code,
	                 ERR_OK);
	bool known = attempt.known;
	if (right)
		guess_was_right(g, &attempt, clock_tick_ms());
	else
		guess_withdrawn(g, &attempt);
	return known;
}

static void save(uint64_t *saved)
{
	assert_int_equal(pairs_save(g, &arena, str_of(folder), saved).code, ERR_OK);
}

static void load(err_code want) { assert_int_equal(pairs_load(g, &arena, str_of(folder)).code, want); }

static void test_restart(void **state)
{
	uint64_t saved = 0;

	(void)state;
	load(ERR_OK); /* there is no file */
	assert_false(log_in("192.0.2.7", "ann@d.example", true));
	assert_false(log_in("2001:db8::7", "ben@d.example", true));
	assert_false(log_in("198.51.100.1", "ben@d.example", false));
	save(&saved);
	restart();
	assert_false(log_in("192.0.2.7", "ann@d.example", false));
	load(ERR_OK);
	assert_true(log_in("192.0.2.99", "ann@d.example", false)); /* the same /24 */
	assert_true(log_in("2001:db8::8", "ben@d.example", false));
	assert_false(log_in("198.51.100.1", "ben@d.example", false));
	assert_false(log_in("192.0.2.7", "ben@d.example", false));
}

/* Only what is new is written: not each login of a program that looks for mail every minute. */
static void test_written_when_new(void **state)
{
	uint64_t saved = 0;
	struct stat st;

	(void)state;
	save(&saved);
	assert_int_equal(stat(path().ptr, &st), -1);
	log_in("192.0.2.7", "ann@d.example", true);
	save(&saved);
	assert_int_equal(stat(path().ptr, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(remove(path().ptr), 0);
	log_in("192.0.2.7", "ann@d.example", true);
	save(&saved);
	assert_int_equal(stat(path().ptr, &st), -1);
	log_in("203.0.113.1", "ann@d.example", true);
	save(&saved);
	assert_int_equal(stat(path().ptr, &st), 0);
}

/* What could not be written is written the next time. */
static void test_failure(void **state)
{
	uint64_t saved = 0;

	(void)state;
	log_in("192.0.2.7", "ann@d.example", true);
	assert_int_not_equal(
		pairs_save(g, &arena, str_of(err_new(&arena, ERR_OK, "%s/none", folder).what), &saved).code,
		ERR_OK);
	save(&saved);
	restart();
	load(ERR_OK);
	assert_true(log_in("192.0.2.7", "ann@d.example", false));
}

static void test_forgotten(void **state)
{
	enum { DAY_MS = 86400000 };
	const int64_t now_ms = INT64_C(1800000000000);
	uint64_t saved = 0;

	(void)state;
	clock_test_set(now_ms);
	log_in("192.0.2.7", "ann@d.example", true);
	save(&saved);
	for (int days = -30; days < 100; days += 10) { /* also where the clock was set back */
		restart();
		clock_test_set(now_ms + days * (int64_t)DAY_MS);
		load(ERR_OK);
		assert_int_equal(log_in("192.0.2.7", "ann@d.example", false), days < 90);
	}
}

static void test_damaged(void **state)
{
	uint64_t saved = 0;
	str whole;

	(void)state;
	log_in("192.0.2.7", "ann@d.example", true);
	save(&saved);
	assert_int_equal(file_read_all(&arena, path(), LIMIT_MB, &whole).code, ERR_OK);
	for (size_t i = 0; i < whole.len; i++) {
		char *octets = arena_alloc(&arena, whole.len);
		memcpy(octets, whole.ptr, whole.len);
		octets[i] ^= 4;
		assert_int_equal(file_replace(&arena, path(), (str){ octets, whole.len }, 0600).code, ERR_OK);
		load(ERR_CORRUPT);
		assert_int_equal(file_replace(&arena, path(), str_slice(whole, 0, i), 0600).code, ERR_OK);
		load(ERR_CORRUPT);
	}
	restart();
	assert_false(log_in("192.0.2.7", "ann@d.example", false));
}

/* As many as are kept at all: file and buffers have room for them. */
static void test_full(void **state)
{
	uint64_t saved = 0;
	char name[32];
	size_t known = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * LIMIT_GUESS_PAIRS; i++) {
		snprintf(name, sizeof name, "%u@d.example", i);
		log_in("127.0.0.1", name, true);
	}
	struct arena small; /* what the server gives it */
	arena_init(&small, NULL, 4 * LIMIT_MB);
	assert_int_equal(pairs_save(g, &small, str_of(folder), &saved).code, ERR_OK);
	arena_reset(&small);
	restart();
	load(ERR_OK);
	for (unsigned i = 0; i < 2 * LIMIT_GUESS_PAIRS; i++) {
		snprintf(name, sizeof name, "%u@d.example", i);
		known += log_in("127.0.0.1", name, false);
	}
	assert_in_range(known, LIMIT_GUESS_PAIRS * 9 / 10, LIMIT_GUESS_PAIRS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_written_when_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
