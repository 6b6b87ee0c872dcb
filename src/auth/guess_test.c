#include "auth/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static ip address(const char *text)
{
	ip a;

	assert_int_equal(ip_parse(str_of(text), &a).code, ERR_OK);
	return a;
}

static const uint64_t key[2] = { 1, 2 };
static struct guess *g;

static int set_up(void **state)
{
	(void)state;
	return guess_new(key, &g).code == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	guess_free(g);
	return 0;
}

/* Admits and says how it ends; the wait, or -1 where it is refused. */
static int64_t try_at(int64_t now_ms, const char *peer, const char *name, char end)
{
	struct guess_attempt attempt = { 0 };
	int64_t wait_ms = -1;

	if (guess_admit(g, address(peer), str_of(name), now_ms, &attempt, &wait_ms).code != ERR_OK)
		return -1;
	if (end == 'r')
		guess_was_right(g, &attempt, now_ms);
	else if (end == 'w')
		guess_was_wrong(g, &attempt, now_ms);
	else
		guess_withdrawn(g, &attempt);
	assert_int_equal(attempt.pair, 0); /* ended once, whatever is said again */
	guess_was_wrong(g, &attempt, now_ms);
	return wait_ms;
}

static char *name_of(char room[static 32], int i)
{
	struct buf b;

	buf_init_fixed(&b, room, 31);
	buf_add_u64(&b, (uint64_t)i);
	room[b.len] = '\0';
	return room;
}

/* A network has its bucket, whatever account it tries; its neighbours share it, others do not. */
static void test_network(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < LIMIT_GUESS_NETWORK; i++)
		assert_int_equal(try_at(1000, "192.0.2.1", name_of(name, i), 'w'), 0);
	assert_int_equal(try_at(1000, "192.0.2.1", "new", 'w'), -1);
	assert_int_equal(try_at(1000, "192.0.2.254", "new", 'w'), -1);
	assert_int_equal(try_at(1000, "192.0.3.1", "new", 'w'), 0);
	assert_int_equal(try_at(1000 + LIMIT_GUESS_NETWORK_MS - 1, "192.0.2.1", "new", 'w'), -1);
	assert_int_equal(try_at(1000 + LIMIT_GUESS_NETWORK_MS, "192.0.2.1", "new", 'w'), 0);
	assert_int_equal(try_at(1000 + LIMIT_GUESS_NETWORK_MS, "192.0.2.1", "new", 'w'), -1);
}

static void test_network_v6(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < LIMIT_GUESS_NETWORK; i++)
		assert_int_equal(try_at(1000, "2001:db8::1", name_of(name, i), 'w'), 0);
	assert_int_equal(try_at(1000, "2001:db8::ffff:1", "new", 'w'), -1);
	assert_int_equal(try_at(1000, "2001:db8:0:1::1", "new", 'w'), 0);
}

/* What was right or never checked takes nothing from the bucket. */
static void test_given_back(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 3 * LIMIT_GUESS_NETWORK; i++)
		assert_int_equal(try_at(1000, "192.0.2.1", name_of(name, i), i % 2 ? 'r' : 'x'), 0);
}

/* From the fourth wrong password on attempts are spaced, from wherever they come; then they are told to come
 * later. */
static void test_account(void **state)
{
	static const int64_t spaces[] = { 1000, 2000, 4000, 8000, 16000, 16000 };
	int64_t now_ms = 1000;
	char peer[32] = "10.0.0.1";

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_at(now_ms, "192.0.2.1", "ann", 'w'), 0);
	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
		peer[3] = (char)('1' + i); /* a network each */
		assert_int_equal(try_at(now_ms, peer, "ann", 'w'), 0);
		assert_int_equal(try_at(now_ms, peer, "ann", 'x'), spaces[i]);
		now_ms += 3 * spaces[i];
	}
	assert_int_equal(try_at(now_ms, "10.1.1.1", "ann", 'x'), 0);
	assert_int_equal(try_at(now_ms, "10.1.1.1", "ann", 'x'), 16000);
	assert_int_equal(try_at(now_ms, "10.1.1.1", "ann", 'x'), -1);
	assert_int_equal(try_at(now_ms, "10.1.1.1", "bob", 'x'), 0);
	/* All is forgotten in the end. */
	now_ms += LIMIT_GUESS_REMEMBERED * LIMIT_GUESS_FORGET_MS;
	assert_int_equal(try_at(now_ms, "10.1.1.1", "ann", 'x'), 0);
	assert_int_equal(try_at(now_ms, "10.1.1.1", "ann", 'x'), 0);
}

/* Who logged in from there before is let through where strangers wait, as often as its own bucket says. */
static void test_pair(void **state)
{
	struct guess_attempt attempt = { 0 };
	int64_t wait_ms;
	char name[32];

	(void)state;
	assert_int_equal(try_at(1000, "192.0.2.7", "ann", 'r'), 0);
	for (int i = 0; i < LIMIT_GUESS_NETWORK; i++)
		(void)try_at(1000, "192.0.2.1", name_of(name, i), 'w');
	for (int i = 0; i < 20; i++)
		(void)try_at(1000, "198.51.100.1", "ann", 'w');
	assert_int_equal(try_at(1000, "192.0.2.1", "carl", 'w'), -1);
	assert_true(try_at(1000, "198.51.100.1", "ann", 'w') != 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(try_at(1000, "192.0.2.8", "ann", 'r'), 0); /* the same network */
	assert_int_equal(guess_admit(g, address("192.0.2.8"), STR("ann"), 1000, &attempt, &wait_ms).code,
	                 ERR_OK);
	assert_true(attempt.known);
	guess_withdrawn(g, &attempt);
	for (int i = 0; i < LIMIT_GUESS_PAIR; i++)
		assert_int_equal(try_at(1000, "192.0.2.8", "ann", 'w'), 0);
	assert_int_equal(try_at(1000, "192.0.2.8", "ann", 'w'), -1); /* as any stranger there */
	assert_int_equal(try_at(1000 + LIMIT_GUESS_PAIR_MS, "192.0.2.8", "ann", 'r'), 0);
}

static void test_loopback(void **state)
{
	struct guess_attempt attempt = { 0 };
	int64_t wait_ms;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(try_at(1000, "127.0.0.1", "ann", 'w'), 0);
		assert_int_equal(try_at(1000, "::1", "ann", 'w'), 0);
	}
	assert_int_equal(try_at(1000, "192.0.2.1", "ann", 'w'), 0); /* nor do they count for others */
	assert_int_equal(try_at(1000, "127.0.0.1", "ann", 'r'), 0);
	assert_int_equal(guess_admit(g, address("127.0.0.1"), STR("ann"), 1000, &attempt, &wait_ms).code,
	                 ERR_OK);
	assert_true(attempt.known); /* its hash goes before those of guesses */
}

/* Strangers without number push out neither a pair nor what is known of an account under attack. */
static void test_flood(void **state)
{
	char name[32], peer[40];
	struct buf b;

	(void)state;
	assert_int_equal(try_at(1000, "192.0.2.7", "ann", 'r'), 0);
	for (int i = 0; i < 9; i++)
		(void)try_at(1000 + i * 100000, "203.0.113.1", "ann", 'w');
	for (uint32_t i = 0; i < 4 * LIMIT_GUESS_ACCOUNTS; i++) {
		buf_init_fixed(&b, peer, sizeof peer - 1);
		buf_add_format(&b, "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
		peer[b.len] = '\0';
		(void)try_at(900000, peer, name_of(name, (int)i), 'w');
	}
	assert_int_equal(try_at(900000, "203.0.113.1", "ann", 'x'), 0);
	assert_int_equal(try_at(900000, "203.0.113.1", "ann", 'x'), 16000);
	assert_int_equal(try_at(900000, "192.0.2.7", "ann", 'x'), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_network_v6, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loopback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
