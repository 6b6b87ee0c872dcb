#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static void test_round_trip(void **state)
{
	struct arena arena;
	str phc = STR("untouched"), again;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_int_equal(password_hash(&arena, STR("correct horse"), &phc).code, ERR_OK);
	assert_int_equal(password_hash(&arena, STR("correct horse"), &again).code, ERR_OK);
	assert_true(str_starts(phc, STR("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_false(str_eq(phc, again)); /* each has its own salt */
	assert_int_equal(password_check(phc, STR("correct horse")).code, ERR_OK);
	assert_int_equal(password_check(phc, STR("correct horse ")).code, ERR_DENIED);
	assert_int_equal(password_check(phc, STR("")).code, ERR_DENIED);
	arena_reset(&arena);
}

static void test_limits(void **state)
{
	static char octets[LIMIT_PASSWORD + 1];
	struct arena arena;
	str phc = STR("untouched");

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	memset(octets, '\0', sizeof octets); /* NUL is an octet like any other */
	assert_int_equal(password_hash(&arena, STR(""), &phc).code, ERR_SYNTAX);
	assert_int_equal(password_hash(&arena, (str){ octets, LIMIT_PASSWORD + 1 }, &phc).code, ERR_LIMIT);
	assert_true(str_eq(phc, STR("untouched")));
	assert_int_equal(password_hash(&arena, (str){ octets, LIMIT_PASSWORD }, &phc).code, ERR_OK);
	assert_int_equal(password_check(phc, (str){ octets, LIMIT_PASSWORD }).code, ERR_OK);
	assert_int_equal(password_check(phc, (str){ octets, LIMIT_PASSWORD - 1 }).code, ERR_DENIED);
	assert_int_equal(password_check(phc, (str){ octets, LIMIT_PASSWORD + 1 }).code, ERR_DENIED);
	arena_reset(&arena);
}

static void test_damaged_hashes(void **state)
{
	static const char *const damaged[] = {
		"",
		"x",
		"$argon2id$v=19$",
		"$argon2id$v=19$m=19456,t=2,p=1$AAAA",
		"$2b$12$abcdefghijklmnopqrstuu5s6FWWsUYJXm7cCfFxK1EGz9Sx3HjZC",
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$!!!!",
	};

	(void)state;
	for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
		print_message("%s\n", damaged[i]);
		assert_int_equal(password_check(str_of(damaged[i]), STR("x")).code, ERR_CORRUPT);
	}
}

static const struct {
	const char *password, *address;
	bool weak;
} strengths[] = {
	{ "short", "ann@shop.example", true },
	{ "123456789", "ann@shop.example", true },
	{ "1234567890", "ann@shop.example", true },
	{ "PASSWORD123", "ann@shop.example", true },
	{ "aaaaaaaaaaaaaaaa", "ann@shop.example", true },
	{ "annabelle1", "annabelle@shop.example", true },
	{ "Annabelle!2026", "annabelle@shop.example", true },
	{ "annabelle and the tide", "annabelle@shop.example", false },
	{ "correct horse battery", "ann@shop.example", false },
	{ "tr0ub4dor&3", "al@shop.example", false },
};

static void test_weakness(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strengths / sizeof strengths[0]; i++) {
		print_message("%s\n", strengths[i].password);
		assert_int_equal(password_weakness(str_of(strengths[i].password),
		                                   str_of(strengths[i].address)) != NULL,
		                 strengths[i].weak);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_limits),
		                            cmocka_unit_test(test_damaged_hashes),
		                            cmocka_unit_test(test_weakness) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
