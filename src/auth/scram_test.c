#include "auth/scram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/limits.h"

#define EXPORTER "0123456789abcdef0123456789abcdef"
#define END_POINT "fedcba9876543210"

static const struct scram_channel clear = { 0 };
static const struct scram_channel tls = { .plus_offered = true,
	                                  .bindings = { { STR_INIT("tls-exporter"), STR_INIT(EXPORTER) },
	                                                { STR_INIT("tls-server-end-point"),
	                                                  STR_INIT(END_POINT) } } };
static const struct scram_channel plus = { .plus = true,
	                                   .plus_offered = true,
	                                   .bindings = { { STR_INIT("tls-exporter"), STR_INIT(EXPORTER) },
	                                                 { STR_INIT("tls-server-end-point"),
	                                                   STR_INIT(END_POINT) } } };
static const struct scram_channel plus_old = { .plus = true,
	                                       .plus_offered = true,
	                                       .bindings = { { STR_INIT("tls-exporter"), { 0 } },
	                                                     { STR_INIT("tls-server-end-point"),
	                                                       STR_INIT(END_POINT) } } };

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

static struct scram_verifier pencil(void)
{
	struct scram_verifier v;

	assert_int_equal(scram_verifier_parse(STR("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	                                          "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
	                                          "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
	                                      &v)
	                         .code,
	                 ERR_OK);
	return v;
}

/* The exchange of RFC 7677 §3. */
#define FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CHALLENGE "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL "c=biws,r=" NONCE ",p=" PROOF

static void begin(struct scram *s)
{
	struct scram_verifier v = pencil();
	str challenge;

	assert_int_equal(scram_first(s, &arena, &clear, STR(FIRST)).code, ERR_OK);
	assert_true(str_eq(s->name, STR("user")));
	assert_int_equal(s->authzid.len, 0);
	assert_int_equal(scram_challenge(s, &v, STR("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"), &challenge).code,
	                 ERR_OK);
	assert_true(str_eq(challenge, STR(CHALLENGE)));
}

static void test_example(void **state)
{
	struct scram s;
	str message;

	(void)state;
	begin(&s);
	assert_int_equal(scram_final(&s, STR(FINAL), &message).code, ERR_OK);
	assert_true(str_eq(message, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
}

static const struct {
	str message;
	err_code code;
} finals[] = {
	{ STR_INIT(""), ERR_SYNTAX },
	{ STR_INIT("p=" PROOF), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ","), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",p="), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",p=AAAA"), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",p=" PROOF "AAAA"), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",p=" PROOF ",x=1"), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",m=1,=,p=" PROOF), ERR_SYNTAX },
	{ STR_INIT("r=" NONCE ",c=biws,p=" PROOF), ERR_SYNTAX },
	{ STR_INIT("c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR="),
	  ERR_SYNTAX }, /* bits over */
	{ STR_INIT("c=biws,r=" NONCE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), ERR_DENIED },
	{ STR_INIT("c=biws,r=" NONCE "x,p=" PROOF), ERR_DENIED },
	{ STR_INIT("c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" PROOF), ERR_DENIED },
	{ STR_INIT("c=eSws,r=" NONCE ",p=" PROOF), ERR_DENIED }, /* "y,,": the header was another */
	{ STR_INIT("c=biwsAA==,r=" NONCE ",p=" PROOF), ERR_DENIED },
	{ STR_INIT("c=biws,r=" NONCE ",x=1,p=" PROOF), ERR_DENIED }, /* legal, but not what was signed */
};

static void test_finals(void **state)
{
	struct scram s;

	(void)state;
	for (size_t i = 0; i < sizeof finals / sizeof finals[0]; i++) {
		str message = STR("untouched");

		print_message("%s\n", finals[i].message.ptr);
		begin(&s);
		assert_int_equal(scram_final(&s, finals[i].message, &message).code, finals[i].code);
		assert_true(str_eq(message, STR("untouched")));
	}
}

static const struct {
	const struct scram_channel *channel;
	str message;
	err_code code;
	const char *name, *authzid;
} firsts[] = {
	{ &clear, STR_INIT("n,,n=user,r=abc"), ERR_OK, "user", "" },
	{ &clear, STR_INIT("y,,n=user,r=abc"), ERR_OK, "user", "" },
	{ &clear, STR_INIT("n,a=ann@shop.example,n=ann@shop.example,r=abc"), ERR_OK, "ann@shop.example",
	  "ann@shop.example" },
	{ &clear, STR_INIT("n,a=a=2Cb,n=c=3Dd,r=abc,x=1,y=2"), ERR_OK, "c=d", "a,b" },
	{ &clear, STR_INIT("n,,n=\xc3\xa9,r=!-~"), ERR_OK, "\xc3\xa9", "" },
	{ &tls, STR_INIT("n,,n=user,r=abc"), ERR_OK, "user", "" },
	{ &plus, STR_INIT("p=tls-exporter,,n=user,r=abc"), ERR_OK, "user", "" },
	{ &plus, STR_INIT("p=tls-server-end-point,,n=user,r=abc"), ERR_OK, "user", "" },
	{ &plus_old, STR_INIT("p=tls-server-end-point,,n=user,r=abc"), ERR_OK, "user", "" },
	/* channel bindings that must not be */
	{ &tls, STR_INIT("y,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &clear, STR_INIT("p=tls-exporter,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &tls, STR_INIT("p=tls-exporter,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &plus, STR_INIT("n,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &plus, STR_INIT("y,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &plus, STR_INIT("p=tls-unique,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &plus_old, STR_INIT("p=tls-exporter,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	{ &plus, STR_INIT("p=,,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &plus, STR_INIT("p=tls_exporter,,n=user,r=abc"), ERR_DENIED, NULL, NULL },
	/* what is no such message */
	{ &clear, STR_INIT(""), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("N,,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("F,n,,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,a=,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,b=x,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=us=er,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=us=2c,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=us=2,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,a=x=,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=us\0er,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,r=abc"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,r="), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,r=a b"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,r=a\xc3\xa9"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,r=abc,"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,n=user,r=abc,1=x"), ERR_SYNTAX, NULL, NULL },
	{ &clear, STR_INIT("n,,m=must,n=user,r=abc"), ERR_SYNTAX, NULL, NULL },
};

static void test_firsts(void **state)
{
	struct scram s;

	(void)state;
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		print_message("%s\n", firsts[i].message.ptr);
		err e = scram_first(&s, &arena, firsts[i].channel, firsts[i].message);
		assert_int_equal(e.code, firsts[i].code);
		if (e.code != ERR_OK) {
			assert_non_null(e.what);
			continue;
		}
		assert_true(str_eq(s.name, str_of(firsts[i].name)));
		assert_true(str_eq(s.authzid, str_of(firsts[i].authzid)));
	}
}

/* A client of its own, as RFC 5802 §3 has it: c is what it believes the channel to be. */
static str client_final(str password, str first_bare, str challenge, str header_and_binding)
{
	struct scram_verifier v = pencil();
	struct digest salted, client_key, stored_key, signature;
	struct buf without, text;
	str rest = challenge;

	buf_init(&without, &arena, 4096);
	buf_add(&without, STR("c="));
	base64_add(&without, header_and_binding);
	buf_add_char(&without, ',');
	buf_add(&without, str_cut(&rest, ','));
	buf_init(&text, &arena, 4096);
	buf_add(&text, first_bare);
	buf_add_char(&text, ',');
	buf_add(&text, challenge);
	buf_add_char(&text, ',');
	buf_add(&text, buf_str(&without));
	assert_int_equal(digest_pbkdf2(password, scram_verifier_salt(&v), v.rounds, &salted).code, ERR_OK);
	assert_int_equal(digest_hmac(digest_str(&salted), STR("Client Key"), &client_key).code, ERR_OK);
	assert_int_equal(digest_sha256(digest_str(&client_key), STR(""), &stored_key).code, ERR_OK);
	assert_int_equal(digest_hmac(digest_str(&stored_key), buf_str(&text), &signature).code, ERR_OK);
	for (size_t i = 0; i < DIGEST_OCTETS; i++)
		signature.octets[i] = (char)(signature.octets[i] ^ client_key.octets[i]);
	buf_add(&without, STR(",p="));
	base64_add(&without, digest_str(&signature));
	return buf_str(&without);
}

static const struct {
	const char *header, *binding, *password;
	err_code code;
} bound[] = {
	{ "p=tls-exporter,,", EXPORTER, "pencil", ERR_OK },
	{ "p=tls-server-end-point,,", END_POINT, "pencil", ERR_OK },
	{ "p=tls-exporter,a=user,", EXPORTER, "pencil", ERR_OK },
	{ "p=tls-exporter,,", EXPORTER, "pen", ERR_DENIED },
	{ "p=tls-exporter,,", END_POINT, "pencil", ERR_DENIED }, /* somebody in between has another channel */
	{ "p=tls-exporter,,", "", "pencil", ERR_DENIED },
};

static void test_channel_binding(void **state)
{
	struct scram_verifier v = pencil();
	struct scram s;

	(void)state;
	for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
		struct buf first, believed;
		str bare = STR("n=user,r=abc"), challenge, message;

		print_message("%s %s\n", bound[i].header, bound[i].password);
		buf_init(&first, &arena, 256);
		buf_add(&first, str_of(bound[i].header));
		buf_add(&first, bare);
		assert_int_equal(scram_first(&s, &arena, &plus, buf_str(&first)).code, ERR_OK);
		assert_int_equal(scram_challenge(&s, &v, STR("def"), &challenge).code, ERR_OK);
		buf_init(&believed, &arena, 256);
		buf_add(&believed, str_of(bound[i].header));
		buf_add(&believed, str_of(bound[i].binding));
		str final = client_final(str_of(bound[i].password), bare, challenge, buf_str(&believed));
		assert_int_equal(scram_final(&s, final, &message).code, bound[i].code);
	}
}

static void test_fake(void **state)
{
	struct scram_verifier a, b;
	struct scram s;
	str challenge, message;

	(void)state;
	assert_int_equal(scram_verifier_fake(STR("key"), STR("nobody"), 4096, &a).code, ERR_OK);
	assert_int_equal(scram_verifier_fake(STR("key"), STR("nobody"), 4096, &b).code, ERR_OK);
	assert_true(
		str_eq(scram_verifier_salt(&a), scram_verifier_salt(&b))); /* asking twice tells nothing */
	assert_int_equal(a.salt_len, SCRAM_SALT_OCTETS);
	assert_int_equal(scram_verifier_fake(STR("key"), STR("nobodz"), 4096, &b).code, ERR_OK);
	assert_false(str_eq(scram_verifier_salt(&a), scram_verifier_salt(&b)));
	assert_int_equal(scram_verifier_fake(STR("kez"), STR("nobody"), 4096, &b).code, ERR_OK);
	assert_false(str_eq(scram_verifier_salt(&a), scram_verifier_salt(&b)));
	assert_int_equal(scram_first(&s, &arena, &clear, STR("n,,n=nobody,r=abc")).code, ERR_OK);
	assert_int_equal(scram_challenge(&s, &a, STR("def"), &challenge).code, ERR_OK);
	str final = client_final(STR("pencil"), STR("n=nobody,r=abc"), challenge, STR("n,,"));
	assert_int_equal(scram_final(&s, final, &message).code, ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_example, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_finals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_firsts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_channel_binding, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fake, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
