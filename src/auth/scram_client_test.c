#include "auth/scram_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "auth/scram.h"
#include "base/limits.h"

static struct arena arena;

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

/* The exchange of RFC 7677 §3. */
#define OURS "rOprNGfwEbeRWgbNEkqO"
#define NONCE OURS "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define CHALLENGE "r=" NONCE ",s=" SALT ",i=4096"
#define FINAL "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void begin(struct scram_client *c)
{
	str message;

	assert_int_equal(scram_client_first(c, &arena, STR("user"), STR(OURS), &message).code, ERR_OK);
	assert_true(str_eq(message, STR("n,,n=user,r=" OURS)));
}

/* As far as the server's last message. */
static void prove(struct scram_client *c)
{
	str message;

	begin(c);
	assert_int_equal(scram_client_challenge(c, STR(CHALLENGE)).code, ERR_OK);
	assert_int_equal(scram_client_final(c, STR("pencil"), &message).code, ERR_OK);
	assert_true(str_eq(message, STR(FINAL)));
}

#define R20 "rrrrrrrrrrrrrrrrrrrr"
#define SALT_64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define SALT_65 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const struct {
	str message;
	err_code code;
} challenges[] = {
	{ STR_INIT(CHALLENGE), ERR_OK },
	{ STR_INIT(CHALLENGE ",x=1,y=2"), ERR_OK }, /* extensions that may be passed over */
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=2000000"), ERR_OK },
	{ STR_INIT("r=" NONCE ",s=" SALT_64 ",i=4096"), ERR_OK },
	{ STR_INIT("r=" OURS "x,s=QQ==,i=4096"), ERR_OK },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=2000001"), ERR_LIMIT },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=4294967296"), ERR_LIMIT },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=4095"), ERR_DENIED },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=1"), ERR_DENIED },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=0"), ERR_DENIED },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=-1"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=99999999999999999999"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i="), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=4096 "), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT ",i=4096,"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=,i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=" SALT_65 ",i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",s=W22Z*,i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",i=4096,s=" SALT), ERR_SYNTAX }, /* the order is fixed */
	{ STR_INIT("m=1," CHALLENGE), ERR_SYNTAX },             /* mandatory, and unknown here */
	{ STR_INIT("r=" OURS ",s=" SALT ",i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" R20 "more,s=" SALT ",i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" OURS "\x7f,s=" SALT ",i=4096"), ERR_SYNTAX },
	{ STR_INIT("r=" OURS " x,s=" SALT ",i=4096"), ERR_SYNTAX },
	{ STR_INIT("e=other-error"), ERR_SYNTAX },
	{ STR_INIT("v=" SIGNATURE), ERR_SYNTAX },
	{ STR_INIT(""), ERR_SYNTAX },
};

static void test_challenges(void **state)
{
	struct scram_client c;

	(void)state;
	for (size_t i = 0; i < sizeof challenges / sizeof challenges[0]; i++) {
		print_message("%.*s\n", STR_ARG(challenges[i].message));
		begin(&c);
		assert_int_equal(scram_client_challenge(&c, challenges[i].message).code, challenges[i].code);
	}
}

static const struct {
	str message;
	err_code code;
	str failure;
} finals[] = {
	{ STR_INIT("v=" SIGNATURE), ERR_OK, STR_INIT("") },
	{ STR_INIT("v=" SIGNATURE ",x=1"), ERR_OK, STR_INIT("") },
	{ STR_INIT("e=invalid-proof"), ERR_OK, STR_INIT("invalid-proof") },
	{ STR_INIT("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), ERR_DENIED, { 0 } },
	{ STR_INIT("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), ERR_DENIED, { 0 } },
	{ STR_INIT("v="), ERR_SYNTAX, { 0 } },
	{ STR_INIT("v=AAAA"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("v=" SIGNATURE "AAAA"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("v=" SIGNATURE ","), ERR_SYNTAX, { 0 } },
	{ STR_INIT("v=" SIGNATURE " "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("e="), ERR_SYNTAX, { 0 } },
	{ STR_INIT(SIGNATURE), ERR_SYNTAX, { 0 } },
	{ STR_INIT(CHALLENGE), ERR_SYNTAX, { 0 } },
	{ STR_INIT(""), ERR_SYNTAX, { 0 } },
};

static void test_finals(void **state)
{
	struct scram_client c;

	(void)state;
	prove(&c);
	for (size_t i = 0; i < sizeof finals / sizeof finals[0]; i++) {
		str failure = STR("untouched");

		print_message("%.*s\n", STR_ARG(finals[i].message));
		assert_int_equal(scram_client_verify(&c, finals[i].message, &failure).code, finals[i].code);
		assert_true(str_eq(failure, finals[i].code == ERR_OK ? finals[i].failure : STR("untouched")));
	}
}

/* Names that need the "=2C" form, and messages of another exchange. */
static void test_names(void **state)
{
	struct scram_client c;
	str message;

	(void)state;
	assert_int_equal(scram_client_first(&c, &arena, STR("a,b=c,"), STR("n"), &message).code, ERR_OK);
	assert_true(str_eq(message, STR("n,,n=a=2Cb=3Dc=2C,r=n")));
	assert_int_equal(scram_client_first(&c, &arena, STR(""), STR("n"), &message).code, ERR_OK);
	assert_int_equal(scram_client_challenge(&c, STR(CHALLENGE)).code, ERR_SYNTAX);
}

/* Both sides of ours, with the right password and with another. */
static void test_both_sides(void **state)
{
	const struct scram_channel clear = { 0 };
	struct scram_verifier v;
	struct scram_client c;
	struct scram s;
	str message, failure;

	(void)state;
	for (int wrong = 0; wrong < 2; wrong++) {
		assert_int_equal(scram_verifier_make(STR("p\xc3\xa4ncil"), 4096, &v).code, ERR_OK);
		assert_int_equal(scram_client_first(&c, &arena, STR("a=,"), STR(OURS), &message).code,
		                 ERR_OK);
		assert_int_equal(scram_first(&s, &arena, &clear, message).code, ERR_OK);
		assert_true(str_eq(s.name, STR("a=,")));
		assert_int_equal(scram_challenge(&s, &v, STR("theirs"), &message).code, ERR_OK);
		assert_int_equal(scram_client_challenge(&c, message).code, ERR_OK);
		assert_int_equal(
			scram_client_final(&c, wrong ? STR("pencil") : STR("p\xc3\xa4ncil"), &message).code,
			ERR_OK);
		assert_int_equal(scram_final(&s, message, &message).code, wrong ? ERR_DENIED : ERR_OK);
		if (!wrong)
			assert_int_equal(scram_client_verify(&c, message, &failure).code, ERR_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_challenges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_finals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_both_sides, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
