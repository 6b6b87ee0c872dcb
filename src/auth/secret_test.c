#include "auth/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static void test_form(void **state)
{
	struct arena arena;
	str secret = { 0 }, verifier = { 0 }, other = { 0 }, ignored = { 0 };
	bool met[256] = { false };
	unsigned kinds = 0;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (int round = 0; round < 40; round++) {
		assert_int_equal(secret_make(&arena, &secret, &verifier).code, ERR_OK);
		assert_int_equal(secret.len, SECRET_ROOM);
		assert_true(secret_is_verifier(verifier));
		for (size_t i = 0; i < secret.len; i++)
			met[(unsigned char)secret.ptr[i]] = true;
		for (size_t i = 4; i < secret.len; i += 5)
			assert_int_equal(secret.ptr[i], '-');
	}
	for (int c = 0; c < 256; c++)
		kinds += met[c];
	assert_int_equal(kinds, 33); /* 1,120 letters: each of the 32 occurs but for odds of 10^-14 */
	assert_false(met['0'] || met['1'] || met['l'] || met['o'] || met['O'] || met['I']);
	assert_int_equal(secret_make(&arena, &other, &ignored).code, ERR_OK);
	assert_false(str_eq(other, secret));
	arena_reset(&arena);
}

static void test_check(void **state)
{
	struct arena arena;
	struct scram_verifier scram, derived;
	str secret = { 0 }, verifier = { 0 }, other = { 0 }, others = { 0 };

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_int_equal(secret_make(&arena, &secret, &verifier).code, ERR_OK);
	assert_int_equal(secret_make(&arena, &other, &others).code, ERR_OK);
	assert_int_equal(secret_check(verifier, secret).code, ERR_OK);
	assert_int_equal(secret_check(verifier, other).code, ERR_DENIED);
	assert_int_equal(secret_check(others, secret).code, ERR_DENIED);
	assert_int_equal(secret_check(verifier, STR("")).code, ERR_DENIED);
	assert_int_equal(secret_check(verifier, str_slice(secret, 0, secret.len - 1)).code, ERR_DENIED);
	assert_int_equal(secret_check_nobody(secret).code, ERR_DENIED);
	/* SCRAM's side knows the same secret. */
	assert_true(verifier_find_scram(verifier, &scram));
	assert_int_equal(scram.rounds, SCRAM_ROUNDS_GENERATED);
	assert_int_equal(
		scram_verifier_derive(secret, scram_verifier_salt(&scram), scram.rounds, &derived).code,
		ERR_OK);
	assert_true(digest_equal(&derived.stored_key, &scram.stored_key));
	arena_reset(&arena);
}

#define HASH "$sha256$bm9ib2R5J3Mgc2FsdC4uLg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SCRAM \
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static const struct {
	const char *text;
	bool checks, has_scram;
} stored[] = {
	{ HASH " " SCRAM, true, true },
	{ HASH, true, false },
	{ "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA " SCRAM, false, true },
	{ "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", false, false },
	{ SCRAM, false, true },
	{ "", false, false },
	{ "$sha256$", false, false },
	{ "$sha256$$", false, false },
	{ "$sha256$bm9ib2R5J3Mgc2FsdC4uLg==$", false, false },
	{ "$sha256$bm9ib2R5J3Mgc2FsdC4uLg==$AAAA", false, false },
	{ "$sha256$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false, false },
	{ "$sha512$bm9ib2R5J3Mgc2FsdC4uLg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false, false },
	{ " " HASH " " SCRAM, false, true },
};

static void test_stored(void **state)
{
	struct scram_verifier scram;

	(void)state;
	for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
		str text = str_of(stored[i].text);

		print_message("%s\n", stored[i].text);
		assert_int_equal(secret_check(text, STR("x")).code,
		                 stored[i].checks ? ERR_DENIED : ERR_CORRUPT);
		assert_int_equal(verifier_find_scram(text, &scram), stored[i].has_scram);
		assert_int_equal(secret_is_verifier(text), stored[i].checks && stored[i].has_scram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_form), cmocka_unit_test(test_check),
		                            cmocka_unit_test(test_stored) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
