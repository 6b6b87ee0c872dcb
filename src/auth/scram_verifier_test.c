#include "auth/scram_verifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/base64.h"

/* RFC 7677 §3: password "pencil". */
#define SALT64 "W22ZaJ0SNY7soEsUEjb6gQ=="
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define EXAMPLE "SCRAM-SHA-256$4096:" SALT64 "$" STORED ":" SERVER

static void test_digests(void **state)
{
	char room[64];
	struct digest d;
	struct buf hex;

	(void)state;
	buf_init_fixed(&hex, room, sizeof room);
	assert_int_equal(digest_sha256(STR("a"), STR("bc"), &d).code, ERR_OK); /* FIPS 180-2 appendix B.1 */
	buf_add_hex(&hex, digest_str(&d));
	assert_true(str_eq(buf_str(&hex), STR("ba7816bf8f01cfea414140de5dae2223"
	                                      "b00361a396177a9cb410ff61f20015ad")));
	buf_clear(&hex); /* RFC 4231 §4.3 */
	assert_int_equal(digest_hmac(STR("Jefe"), STR("what do ya want for nothing?"), &d).code, ERR_OK);
	buf_add_hex(&hex, digest_str(&d));
	assert_true(str_eq(buf_str(&hex), STR("5bdcc146bf60754e6a042426089575c7"
	                                      "5a003f089d2739839dec58b964ec3843")));
	buf_clear(&hex);
	assert_int_equal(digest_pbkdf2(STR("password"), STR("salt"), 2, &d).code, ERR_OK);
	buf_add_hex(&hex, digest_str(&d));
	assert_true(str_eq(buf_str(&hex), STR("ae4d0c95af6b46d32d0adff928f06dd0"
	                                      "2a303f8ef3c251dfd6e2d85a95474c43")));
	assert_int_equal(digest_hmac(STR(""), STR(""), &d).code, ERR_OK);
	assert_int_equal(digest_pbkdf2(STR(""), STR("salt"), 1, &d).code, ERR_OK);
}

static void test_example(void **state)
{
	char room[200], salt[SCRAM_SALT_OCTETS];
	struct scram_verifier v = { 0 }, again = { 0 };
	struct buf b;

	(void)state;
	buf_init_fixed(&b, salt, sizeof salt);
	assert_int_equal(base64_decode(STR(SALT64), &b).code, ERR_OK);
	assert_int_equal(scram_verifier_derive(STR("pencil"), buf_str(&b), 4096, &v).code, ERR_OK);
	buf_init_fixed(&b, room, sizeof room);
	scram_verifier_format(&b, &v);
	assert_true(str_eq(buf_str(&b), STR(EXAMPLE)));
	assert_int_equal(scram_verifier_parse(STR(EXAMPLE), &again).code, ERR_OK);
	assert_memory_equal(&again, &v, sizeof v);
}

static const char *const refused[] = {
	"",
	"SCRAM-SHA-256$",
	"SCRAM-SHA-1$4096:" SALT64 "$" STORED ":" SERVER,
	"scram-sha-256$4096:" SALT64 "$" STORED ":" SERVER,
	"SCRAM-SHA-256$4095:" SALT64 "$" STORED ":" SERVER,
	"SCRAM-SHA-256$10000001:" SALT64 "$" STORED ":" SERVER,
	"SCRAM-SHA-256$-4096:" SALT64 "$" STORED ":" SERVER,
	"SCRAM-SHA-256$:" SALT64 "$" STORED ":" SERVER,
	"SCRAM-SHA-256$4096:$" STORED ":" SERVER,
	"SCRAM-SHA-256$4096:" SALT64 "$" STORED,
	"SCRAM-SHA-256$4096:" SALT64 "$" STORED ":",
	"SCRAM-SHA-256$4096:" SALT64 "$" STORED ":" SALT64,
	"SCRAM-SHA-256$4096:" SALT64 "$" SALT64 ":" SERVER,
	"SCRAM-SHA-256$4096:" SALT64 "$" STORED ":" SERVER " ",
	"SCRAM-SHA-256$4096:AAAA$" STORED ":" STORED STORED,
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gR==$" STORED ":" SERVER, /* not what an encoder writes */
	/* a salt of 66 octets */
	"SCRAM-SHA-256$4096:"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$" STORED
	":" SERVER,
};

static void test_refusals(void **state)
{
	struct scram_verifier v = { .rounds = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		print_message("%s\n", refused[i]);
		assert_int_equal(scram_verifier_parse(str_of(refused[i]), &v).code, ERR_SYNTAX);
		assert_int_equal(v.rounds, 7); /* untouched */
	}
}

static void test_salts(void **state)
{
	struct scram_verifier a, b;

	(void)state;
	assert_int_equal(scram_verifier_make(STR("pencil"), 4096, &a).code, ERR_OK);
	assert_int_equal(scram_verifier_make(STR("pencil"), 4096, &b).code, ERR_OK);
	assert_int_equal(a.salt_len, SCRAM_SALT_OCTETS);
	assert_false(str_eq(scram_verifier_salt(&a), scram_verifier_salt(&b)));
	assert_false(digest_equal(&a.stored_key, &b.stored_key));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_digests), cmocka_unit_test(test_example),
		                            cmocka_unit_test(test_refusals), cmocka_unit_test(test_salts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
