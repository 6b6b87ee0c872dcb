#include "auth/mechanism.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static struct arena arena;
static const struct scram_channel clear = { 0 };

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void test_names(void **state)
{
	enum mechanism_name name = MECHANISM_COUNT;

	(void)state;
	assert_true(mechanism_find(STR("plain"), &name) && name == MECHANISM_PLAIN);
	assert_true(mechanism_find(STR("Scram-Sha-256-Plus"), &name) && name == MECHANISM_SCRAM_SHA_256_PLUS);
	name = MECHANISM_COUNT;
	assert_false(mechanism_find(STR(""), &name) || mechanism_find(STR("PLAIN "), &name) ||
	             mechanism_find(STR("CRAM-MD5"), &name) || mechanism_find(STR("SCRAM-SHA-1"), &name));
	assert_int_equal(name, MECHANISM_COUNT);
}

/* RFC 4616 §4's messages, then what its grammar refuses. */
static const struct {
	str message;
	err_code code;
	const char *authzid, *name, *password;
} plain[] = {
	{ STR_INIT("\0tim\0tanstaaftanstaaf"), ERR_OK, "", "tim", "tanstaaftanstaaf" },
	{ STR_INIT("Ursel\0Kurt\0xipj3plmq"), ERR_OK, "Ursel", "Kurt", "xipj3plmq" },
	{ STR_INIT("\0\xc3\xa9\0\xe5"), ERR_OK, "", "\xc3\xa9", "\xe5" }, /* a Latin-1 password */
	{ STR_INIT(""), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("tim"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0tim"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0tim\0"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0\0x"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0tim\0x\0"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0tim\0x\0y"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\0\xe9\0x"), ERR_SYNTAX, NULL, NULL, NULL },
	{ STR_INIT("\xe9\0tim\0x"), ERR_SYNTAX, NULL, NULL, NULL },
};

static void check_plain(size_t i, const struct mechanism *m, err e, enum mechanism_wants wants)
{
	assert_int_equal(e.code, plain[i].code);
	if (e.code != ERR_OK)
		return;
	assert_int_equal(wants, MECHANISM_WANTS_PASSWORD);
	assert_true(str_eq(m->authzid, str_of(plain[i].authzid)));
	assert_true(str_eq(m->name, str_of(plain[i].name)));
	assert_true(str_eq(m->password, str_of(plain[i].password)));
}

static void test_plain(void **state)
{
	struct mechanism m;
	enum mechanism_wants wants;

	(void)state;
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		print_message("%zu\n", i);
		err e = mechanism_begin(&m, &arena, MECHANISM_PLAIN, &clear, &plain[i].message, &wants);
		check_plain(i, &m, e, wants);
		assert_int_equal(mechanism_begin(&m, &arena, MECHANISM_PLAIN, &clear, NULL, &wants).code,
		                 ERR_OK);
		assert_int_equal(wants, MECHANISM_WANTS_RESPONSE);
		assert_int_equal(m.challenge.len, 0);
		e = mechanism_response(&m, plain[i].message, &wants);
		check_plain(i, &m, e, wants);
	}
}

static void test_login(void **state)
{
	struct mechanism m;
	enum mechanism_wants wants;
	char octets[] = "ann@shop.example";
	str name = { octets, sizeof octets - 1 }, empty = STR("");

	(void)state;
	for (int initial = 0; initial < 2; initial++) {
		assert_int_equal(
			mechanism_begin(&m, &arena, MECHANISM_LOGIN, &clear, initial ? &name : NULL, &wants)
				.code,
			ERR_OK);
		if (!initial) {
			assert_true(str_eq(m.challenge, STR("Username:")));
			assert_int_equal(mechanism_response(&m, name, &wants).code, ERR_OK);
		}
		assert_int_equal(wants, MECHANISM_WANTS_RESPONSE);
		assert_true(str_eq(m.challenge, STR("Password:")));
		octets[0] = 'A'; /* the buffer is the next response's */
		assert_int_equal(mechanism_response(&m, STR("sec\0ret"), &wants).code, ERR_OK);
		assert_int_equal(wants, MECHANISM_WANTS_PASSWORD);
		assert_true(str_eq(m.name, STR("ann@shop.example")));
		assert_true(str_eq(m.password, STR("sec\0ret")));
		octets[0] = 'a';
	}
	assert_int_equal(mechanism_begin(&m, &arena, MECHANISM_LOGIN, &clear, &empty, &wants).code,
	                 ERR_SYNTAX);
}

/* RFC 7677 §3 through the machine, without and with an initial response. */
static void test_scram(void **state)
{
	struct scram_verifier v;
	struct mechanism m;
	enum mechanism_wants wants;
	str first = STR("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");

	(void)state;
	assert_int_equal(scram_verifier_parse(STR("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	                                          "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
	                                          "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
	                                      &v)
	                         .code,
	                 ERR_OK);
	for (int initial = 0; initial < 2; initial++) {
		err e = mechanism_begin(&m, &arena, MECHANISM_SCRAM_SHA_256, &clear, initial ? &first : NULL,
		                        &wants);
		assert_int_equal(e.code, ERR_OK);
		if (!initial) {
			assert_int_equal(wants, MECHANISM_WANTS_RESPONSE);
			assert_int_equal(m.challenge.len, 0);
			assert_int_equal(mechanism_response(&m, first, &wants).code, ERR_OK);
		}
		assert_int_equal(wants, MECHANISM_WANTS_VERIFIER);
		assert_true(str_eq(m.name, STR("user")));
		assert_int_equal(
			mechanism_verifier(&m, &v, STR("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"), &wants).code,
			ERR_OK);
		assert_int_equal(wants, MECHANISM_WANTS_RESPONSE);
		assert_int_equal(mechanism_response(&m,
		                                    STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfux"
		                                        "FIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgs"
		                                        "qmmiz7AndVQ="),
		                                    &wants)
		                         .code,
		                 ERR_OK);
		assert_int_equal(wants, MECHANISM_WANTS_PROOF);
		assert_int_equal(mechanism_proof(&m, &wants).code, ERR_OK);
		assert_int_equal(wants, MECHANISM_WANTS_RESPONSE);
		assert_true(str_eq(m.challenge, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
		assert_int_equal(mechanism_response(&m, initial ? STR("") : STR("x"), &wants).code,
		                 initial ? ERR_OK : ERR_SYNTAX);
	}
	assert_int_equal(wants, MECHANISM_WANTS_NOTHING);
}

/* -PLUS is by the name that was begun, whatever the caller filled in. */
static void test_plus(void **state)
{
	const struct scram_channel lie = { .plus = true };
	struct mechanism m;
	enum mechanism_wants wants;
	str first = STR("n,,n=user,r=abc");

	(void)state;
	assert_int_equal(mechanism_begin(&m, &arena, MECHANISM_SCRAM_SHA_256, &lie, &first, &wants).code,
	                 ERR_OK);
	assert_int_equal(
		mechanism_begin(&m, &arena, MECHANISM_SCRAM_SHA_256_PLUS, &clear, &first, &wants).code,
		ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_login, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scram, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_plus, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
