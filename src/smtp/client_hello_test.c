#include "smtp/client_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ALL_OF_THEM \
	(HELLO_PIPELINING | HELLO_SIZE | HELLO_8BITMIME | HELLO_CHUNKING | HELLO_BINARYMIME | \
	 HELLO_SMTPUTF8 | HELLO_DSN | HELLO_STARTTLS | HELLO_STATUS_CODES | HELLO_DELIVERBY | \
	 HELLO_PRIORITY | HELLO_FUTURERELEASE | HELLO_REQUIRETLS)

static const struct {
	const char *text;
	struct smtp_hello expected;
} rows[] = {
	{ "mx.example", { 0 } },
	{ "", { 0 } },
	{ "PIPELINING\nSIZE 10", { .extensions = HELLO_SIZE, .size = 10 } }, /* the first line is a name */
	{ "mx "
	  "hello\nPIPELINING\n8BITMIME\nDSN\nCHUNKING\nBINARYMIME\nSMTPUTF8\nSTARTTLS\nENHANCEDSTATUSCODES\n"
	  "DELIVERBY 60\nMT-PRIORITY\nFUTURERELEASE 86400 2030-01-01T00:00:00Z\nREQUIRETLS\nSIZE "
	  "36700160\nHELP\nVRFY",
	  { .extensions = ALL_OF_THEM, .size = 36700160, .by_min_s = 60 } },
	{ "mx\nsize 5\npipelining", { .extensions = HELLO_SIZE | HELLO_PIPELINING, .size = 5 } },
	{ "mx\nSIZE", { .extensions = HELLO_SIZE } },
	{ "mx\nSIZE x", { .extensions = HELLO_SIZE } },
	{ "mx\nSIZE 99999999999999999999999", { .extensions = HELLO_SIZE, .size = UINT64_MAX } },
	{ "mx\nAUTH LOGIN PLAIN", { .mechanisms = HELLO_AUTH_LOGIN | HELLO_AUTH_PLAIN } },
	{ "mx\nAUTH=LOGIN cram-md5", { .mechanisms = HELLO_AUTH_LOGIN | HELLO_AUTH_CRAM_MD5 } },
	{ "mx\nAUTH SCRAM-SHA-256 XOAUTH2 OAUTHBEARER GSSAPI",
	  { .mechanisms = HELLO_AUTH_SCRAM_SHA_256 | HELLO_AUTH_XOAUTH2 | HELLO_AUTH_OAUTHBEARER } },
	{ "mx\nAUTHPLAIN\nSIZES 7\nX-DSN", { 0 } },
	{ "mx\nLIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1 OTHER=9",
	  { .rcpt_max = 20, .mail_max = 5, .rcpt_domain_max = 1 } },
	{ "mx\nLIMITS RCPTMAX RCPTDOMAINMAX=99999999999", { .rcpt_domain_max = UINT32_MAX } },
	{ "mx\n\n DSN\nDSN ", { .extensions = HELLO_DSN } },
};

static void test_hello(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct smtp_hello *want = &rows[i].expected;
		struct smtp_hello got;
		smtp_hello_parse(str_of(rows[i].text), &got);
		if (got.extensions != want->extensions || got.mechanisms != want->mechanisms ||
		    got.size != want->size || got.mail_max != want->mail_max ||
		    got.rcpt_max != want->rcpt_max || got.rcpt_domain_max != want->rcpt_domain_max ||
		    got.by_min_s != want->by_min_s)
			fail_msg("%s", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hello) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
