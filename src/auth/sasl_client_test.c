#include "auth/sasl_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "auth/mechanism.h"
#include "base/base64.h"
#include "base/limits.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_SASL_ARENA);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

enum {
	PLAIN = SASL_CLIENT_PLAIN,
	LOGIN = SASL_CLIENT_LOGIN,
	CRAM = SASL_CLIENT_CRAM_MD5,
	SCRAM = SASL_CLIENT_SCRAM_SHA_256,
	XOAUTH2 = SASL_CLIENT_XOAUTH2,
	BEARER = SASL_CLIENT_OAUTHBEARER,
	ALL = PLAIN | LOGIN | CRAM | SCRAM | XOAUTH2 | BEARER,
};

static const struct {
	unsigned offered;
	bool clear, token;
	unsigned chosen; /* 0: none */
} choices[] = {
	{ ALL, true, false, SCRAM },
	{ ALL, false, false, SCRAM },
	{ ALL & ~(unsigned)SCRAM, true, false, PLAIN },
	{ ALL & ~(unsigned)SCRAM, false, false, CRAM },
	{ LOGIN | CRAM, true, false, LOGIN },
	{ LOGIN | CRAM, false, false, CRAM },
	{ CRAM, true, false, CRAM },
	{ ALL, true, true, BEARER },
	{ ALL & ~(unsigned)BEARER, true, true, XOAUTH2 },
	{ PLAIN, false, false, 0 },
	{ LOGIN, false, false, 0 },
	{ PLAIN | LOGIN, false, false, 0 },
	{ XOAUTH2 | BEARER, true, false, 0 },
	{ XOAUTH2 | BEARER, false, false, 0 },
	{ XOAUTH2 | BEARER, false, true, 0 },
	{ ALL, false, true, 0 }, /* a token is never a password */
	{ PLAIN | LOGIN | CRAM | SCRAM, true, true, 0 },
	{ 0, true, false, 0 },
	{ 0, true, true, 0 },
	{ ALL + 1, true, false, 0 }, /* a bit that is nobody's */
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		struct sasl_client_login login = { .user = STR("ann"),
			                           .secret = STR("secret"),
			                           .token = choices[i].token ? STR("token") : STR(""),
			                           .clear = choices[i].clear };
		struct sasl_client c = { .mechanism = 0, .response = STR("untouched") };

		print_message("%zu\n", i);
		err e = sasl_client_begin(&c, &arena, &login, choices[i].offered);
		assert_int_equal(e.code, choices[i].chosen ? ERR_OK : ERR_MISSING);
		assert_int_equal(c.mechanism, choices[i].chosen);
		if (!choices[i].chosen)
			assert_true(str_eq(c.response, STR("untouched")));
	}
}

/* What can't be said, whatever the mechanism. */
static const struct {
	str user, secret, token;
	err_code code;
} logins[] = {
	{ STR_INIT("ann"), STR_INIT("x"), { 0 }, ERR_OK },
	{ STR_INIT("\xc3\xa9"), STR_INIT("\xe9\x01"), { 0 }, ERR_OK }, /* a password is any octets */
	{ STR_INIT("ann"), { 0 }, STR_INIT("t"), ERR_OK },
	{ STR_INIT(""), STR_INIT("x"), { 0 }, ERR_SYNTAX },
	{ STR_INIT("ann"), { 0 }, { 0 }, ERR_SYNTAX },
	{ STR_INIT("ann\0ben"), STR_INIT("x"), { 0 }, ERR_SYNTAX },
	{ STR_INIT("ann\r\n"), STR_INIT("x"), { 0 }, ERR_SYNTAX },
	{ STR_INIT("\xe9"), STR_INIT("x"), { 0 }, ERR_SYNTAX },
	{ STR_INIT("ann"), STR_INIT("x\0y"), { 0 }, ERR_SYNTAX },
	{ STR_INIT("ann\x01"
	           "auth=x"),
	  { 0 },
	  STR_INIT("t"),
	  ERR_SYNTAX },
	{ STR_INIT("ann"), { 0 }, STR_INIT("t\x01"), ERR_SYNTAX },
	{ STR_INIT("ann"), { 0 }, STR_INIT("t\n"), ERR_SYNTAX },
};

static void test_logins(void **state)
{
	(void)state;
	for (unsigned bit = 1; bit <= BEARER; bit <<= 1)
		for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
			struct sasl_client_login login = { .user = logins[i].user,
				                           .secret = logins[i].secret,
				                           .token = logins[i].token,
				                           .clear = true };
			bool fits =
				(bit & (XOAUTH2 | BEARER)) != 0 ? login.token.len > 0 : login.token.len == 0;
			struct sasl_client c;

			if (logins[i].code == ERR_OK && !fits)
				continue;
			print_message("%u %zu\n", bit, i);
			assert_int_equal(sasl_client_begin(&c, &arena, &login, bit).code, logins[i].code);
		}
}

/* A whole line has to fit LIMIT_SASL_LINE: the longest token, and one octet more. */
static void test_longest(void **state)
{
	static char octets[LIMIT_SASL_LINE];
	const size_t most = (LIMIT_SASL_LINE - 64) / 4 * 3 -
	                    sizeof "user=a\x01"
	                           "auth=Bearer \x01\x01" +
	                    1;
	struct sasl_client_login login = { .user = STR("a"), .clear = true };
	struct sasl_client c;

	(void)state;
	memset(octets, 't', sizeof octets);
	login.token = (str){ octets, most };
	assert_int_equal(sasl_client_begin(&c, &arena, &login, XOAUTH2).code, ERR_OK);
	assert_true(c.response.len + sizeof "AUTH XOAUTH2 \r\n" < LIMIT_SASL_LINE);
	login.token = (str){ octets, most + 1 };
	assert_int_equal(sasl_client_begin(&c, &arena, &login, XOAUTH2).code, ERR_SYNTAX);
	assert_int_equal(sasl_client_begin(&c, &arena, &login, BEARER).code, ERR_SYNTAX);
}

enum { STEPS = 3 };

/* Exchanges as the documents give them. `response` NULL: the challenge before it is refused. */
static const struct {
	enum sasl_client_mechanism mechanism;
	struct sasl_client_login login;
	const char *initial; /* NULL: none */
	struct {
		const char *challenge, *response;
	} steps[STEPS];
} exchanges[] = {
	/* RFC 4616 §4 */
	{ SASL_CLIENT_PLAIN,
	  { .user = STR_INIT("tim"), .secret = STR_INIT("tanstaaftanstaaf") },
	  "AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
	  { { "", NULL } } },
	/* RFC 2195 §2 */
	{ SASL_CLIENT_CRAM_MD5,
	  { .user = STR_INIT("tim"), .secret = STR_INIT("tanstaaftanstaaf") },
	  NULL,
	  { { "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
	      "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw" },
	    { "PDE4OTY+", NULL } } },
	{ SASL_CLIENT_CRAM_MD5,
	  { .user = STR_INIT("tim"), .secret = STR_INIT("x") },
	  NULL,
	  { { "<1896@postoffice>", NULL } } },
	/* draft-murchison-sasl-login; prompts as Exchange, as nobody, and as those who forget base64 say them
	 */
	{ SASL_CLIENT_LOGIN,
	  { .user = STR_INIT("tim"), .secret = STR_INIT("tanstaaftanstaaf") },
	  NULL,
	  { { "VXNlcm5hbWU6", "dGlt" }, { "UGFzc3dvcmQ6", "dGFuc3RhYWZ0YW5zdGFhZg==" }, { "", NULL } } },
	{ SASL_CLIENT_LOGIN,
	  { .user = STR_INIT("tim"), .secret = STR_INIT("x") },
	  NULL,
	  { { "", "dGlt" }, { "Password:", "eA==" }, { "Password:", NULL } } },
	/* RFC 7628 §4.1 */
	{ SASL_CLIENT_OAUTHBEARER,
	  { .user = STR_INIT("user@example.com"),
	    .token = STR_INIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
	    .host = STR_INIT("server.example.com"),
	    .port = 587 },
	  "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmd"
	  "DRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
	  { { "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", "AQ==" }, { "", NULL } } },
	{ SASL_CLIENT_OAUTHBEARER,
	  { .user = STR_INIT("a,b="), .token = STR_INIT("t") },
	  "bixhPWE9MkNiPTNELAFhdXRoPUJlYXJlciB0AQE=",
	  { { "not base64", NULL } } },
	/* Google, "OAuth 2.0 Mechanism": "SMTP Protocol Exchange" */
	{ SASL_CLIENT_XOAUTH2,
	  { .user = STR_INIT("someuser@example.com"),
	    .token = STR_INIT("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg") },
	  "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1sem"
	  "R"
	  "HRXVZMjl0Q2cBAQ==",
	  { { "eyJzdGF0dXMiOiI0MDEifQ==", "" }, { "", NULL } } },
};

static void test_exchanges(void **state)
{
	enum sasl_client_next next;
	struct sasl_client c;

	(void)state;
	for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
		struct sasl_client_login login = exchanges[i].login;
		const char *initial = exchanges[i].initial;

		print_message("%zu\n", i);
		login.clear = true;
		assert_int_equal(sasl_client_begin(&c, &arena, &login, exchanges[i].mechanism).code, ERR_OK);
		assert_int_equal(c.initial, initial != NULL);
		assert_true(str_eq(c.response, str_of(initial ? initial : "")));
		assert_int_equal(sasl_client_accepted(&c).code, ERR_OK);
		for (size_t k = 0; k < STEPS && exchanges[i].steps[k].challenge; k++) {
			const char *response = exchanges[i].steps[k].response;
			err e = sasl_client_challenge(&c, str_of(exchanges[i].steps[k].challenge), &next);

			assert_int_equal(e.code, response ? ERR_OK : ERR_SYNTAX);
			if (!response)
				break;
			assert_int_equal(next, SASL_CLIENT_SEND);
			assert_true(str_eq(c.response, str_of(response)));
		}
	}
}

static void test_refused_token(void **state)
{
	const struct sasl_client_login login = { .user = STR("ann"), .token = STR("t"), .clear = true };
	enum sasl_client_next next;
	struct sasl_client c;

	(void)state;
	assert_int_equal(sasl_client_begin(&c, &arena, &login, XOAUTH2).code, ERR_OK);
	assert_int_equal(c.said.len, 0);
	assert_int_equal(sasl_client_challenge(&c, STR("eyJzdGF0dXMiOiI0MDEifQ=="), &next).code, ERR_OK);
	assert_true(str_eq(c.said, STR("{\"status\":\"401\"}")));
}

static str encoded(str octets)
{
	struct buf b;

	buf_init(&b, &arena, BASE64_SIZE(octets.len));
	base64_add(&b, octets);
	assert_int_equal(buf_err(&b).code, ERR_OK);
	return buf_str(&b);
}

static str decoded(str text)
{
	struct buf b;

	buf_init(&b, &arena, LIMIT_SASL_LINE);
	assert_int_equal(base64_decode(text, &b).code, ERR_OK);
	return buf_str(&b);
}

/* Our own server's answer to `wants`; the rounds are the server's. */
static err_code serve(struct mechanism *m, uint32_t rounds, enum mechanism_wants *wants)
{
	struct scram_verifier v;

	if (*wants == MECHANISM_WANTS_VERIFIER) {
		assert_true(str_eq(m->name, STR("ann")));
		assert_int_equal(scram_verifier_make(STR("secret x"), rounds, &v).code, ERR_OK);
		return mechanism_verifier(m, &v, STR("theirs"), wants).code;
	}
	return *wants == MECHANISM_WANTS_PROOF ? mechanism_proof(m, wants).code : ERR_OK;
}

static const enum mechanism_name servers[] = { MECHANISM_PLAIN, MECHANISM_LOGIN, MECHANISM_SCRAM_SHA_256 };
static const unsigned clients[] = { PLAIN, LOGIN, SCRAM };

/* Against our own server. The password has a no-break space, which is a space to SASLprep. */
static void test_against_server(void **state)
{
	const struct sasl_client_login login = { .user = STR("ann"),
		                                 .secret = STR("secret\xc2\xa0x"),
		                                 .clear = true };
	const struct scram_channel clear = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
		enum mechanism_wants wants;
		enum sasl_client_next next;
		struct sasl_client c;
		struct mechanism m;
		str initial;

		print_message("%zu\n", i);
		assert_int_equal(sasl_client_begin(&c, &arena, &login, clients[i]).code, ERR_OK);
		initial = decoded(c.response);
		assert_int_equal(
			mechanism_begin(&m, &arena, servers[i], &clear, c.initial ? &initial : NULL, &wants)
				.code,
			ERR_OK);
		assert_int_equal(serve(&m, 4096, &wants), ERR_OK);
		while (wants == MECHANISM_WANTS_RESPONSE) {
			assert_int_equal(sasl_client_accepted(&c).code,
			                 clients[i] == SCRAM ? ERR_DENIED : ERR_OK);
			assert_int_equal(sasl_client_challenge(&c, encoded(m.challenge), &next).code, ERR_OK);
			if (next == SASL_CLIENT_WORK)
				assert_int_equal(sasl_client_work(&c).code, ERR_OK);
			assert_int_equal(mechanism_response(&m, decoded(c.response), &wants).code, ERR_OK);
			assert_int_equal(serve(&m, 4096, &wants), ERR_OK);
		}
		assert_int_equal(sasl_client_accepted(&c).code, ERR_OK);
		if (wants == MECHANISM_WANTS_PASSWORD)
			assert_true(str_eq(m.name, login.user) && str_eq(m.password, login.secret));
	}
}

/* What a server may say in SCRAM that is no way in. */
static void test_scram_refusals(void **state)
{
	const struct sasl_client_login login = { .user = STR("ann"), .secret = STR("secret") };
	enum sasl_client_next next = SASL_CLIENT_WORK;
	struct sasl_client c;

	(void)state;
	assert_int_equal(sasl_client_begin(&c, &arena, &login, ALL).code, ERR_OK);
	assert_int_equal(sasl_client_accepted(&c).code, ERR_DENIED);
	assert_int_equal(sasl_client_challenge(&c, STR("r=x"), &next).code, ERR_SYNTAX);
	assert_int_equal(sasl_client_challenge(&c, STR(""), &next).code, ERR_SYNTAX);
	assert_int_equal(sasl_client_begin(&c, &arena, &login, ALL).code, ERR_OK);
	str first = decoded(c.response), nonce = str_from(first, str_find(first, STR(",r=")) + 1);
	struct buf b;
	buf_init(&b, &arena, 200);
	buf_add(&b, nonce);
	buf_add(&b, STR("theirs,s=QUJD,i=4096"));
	assert_int_equal(sasl_client_challenge(&c, encoded(buf_str(&b)), &next).code, ERR_OK);
	assert_int_equal(next, SASL_CLIENT_WORK);
	assert_int_equal(sasl_client_work(&c).code, ERR_OK);
	struct sasl_client again = c;
	assert_int_equal(sasl_client_challenge(&c, encoded(STR("e=invalid-proof")), &next).code, ERR_OK);
	assert_int_equal(next, SASL_CLIENT_SEND);
	assert_true(c.response.len == 0 && str_eq(c.said, STR("invalid-proof")));
	assert_int_equal(sasl_client_accepted(&c).code, ERR_DENIED);
	str lie = encoded(STR("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	assert_int_equal(sasl_client_challenge(&again, lie, &next).code, ERR_DENIED);
	assert_int_equal(sasl_client_accepted(&again).code, ERR_DENIED);
}

static void test_names(void **state)
{
	struct sasl_client c = { .mechanism = SASL_CLIENT_SCRAM_SHA_256 };

	(void)state;
	assert_true(str_eq(sasl_client_name(&c), STR("SCRAM-SHA-256")));
	c.mechanism = SASL_CLIENT_XOAUTH2;
	assert_true(str_eq(sasl_client_name(&c), STR("XOAUTH2")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_choices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_logins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_longest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exchanges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_against_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scram_refusals, set_up, tear_down),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
