#include "smtp/toy_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct row good[] = {
	{ "one by one", 0, 1, 2,
	  PLAIN MAIL OK250 ANN OK250 BOB
	  "S 251 will forward\nC DATA\nS 354 go\nD\nS 250 2.0.0 queued as 7\n" QUIT,
	  "SS/", CLIENT_END_QUIT, "250 2.0.0 queued as 7" },
	{ "pipelined", 0, 1, 2,
	  PIPE MAIL ANN BOB "C DATA\n" OK250 OK250 OK250 "S 354 go\nD\nS 250 done\n" QUIT, "SS/",
	  CLIENT_END_QUIT, "250 done" },
	{ "three messages", 0, 3, 1,
	  PIPE MAIL ANN "C DATA\n" OK250 OK250 "S 354 go\nD\n" OK250 MAIL ANN "C DATA\n" OK250 OK250
	                "S 354 go\nD\n" OK250 MAIL ANN "C DATA\n" OK250 OK250 "S 354 go\nD\n" OK250 QUIT,
	  "S/S/S/", CLIENT_END_QUIT, NULL },
	{ "a chunk", 0, 2, 1, CHUNK MAIL ANN OK250 OK250 BDAT OK250 MAIL ANN OK250 OK250 BDAT OK250 QUIT,
	  "S/S/", CLIENT_END_QUIT, NULL },
	{ "a chunk, one by one", 0, 1, 1,
	  HELLO "S 250-mx\nS 250 CHUNKING\n" MAIL OK250 ANN OK250 BDAT OK250 QUIT, "S/", CLIENT_END_QUIT,
	  NULL },
	{ "chunks are offered, the last line has no end", NO_LINE_END, 1, 1,
	  CHUNK MAIL ANN "C DATA\n" OK250 OK250 "S 354 go\nD\n" OK250 QUIT, "S/", CLIENT_END_QUIT, NULL },
	{ "binary", BINARY, 1, 1,
	  HELLO "S 250-mx\nS 250-CHUNKING\nS 250 BINARYMIME\n"
	        "C MAIL FROM:<me@here.example> BODY=BINARYMIME\n" OK250 ANN OK250 BDAT OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "lmtp", LMTP, 1, 3,
	  "S 220 hi\nC LHLO me.example\nS 250-mx\nS 250 PIPELINING\n" MAIL ANN BOB CY "C DATA\n" OK250 OK250
	  "S 550 no bob\n" OK250 "S 354 go\nD\nS 250 ann has it\nS 452 4.2.2 cy is full\n" QUIT,
	  "SNL/", CLIENT_END_QUIT, "452 4.2.2 cy is full" },
	{ "lmtp with chunks", LMTP, 2, 2,
	  "S 220 hi\nC LHLO me.example\nS 250-mx\nS 250 CHUNKING\n" MAIL OK250 ANN OK250 BOB OK250 BDAT OK250
	  "S 552 5.2.2 full\n" MAIL OK250 ANN OK250 BOB OK250 BDAT OK250 OK250 QUIT,
	  "SN/SS/", CLIENT_END_QUIT, NULL },
	{ "HELO", 0, 1, 1,
	  "S 220 hi\nC EHLO me.example\nS 502 what\nC HELO me.example\nS 250 mx\n" MAIL OK250 ANN OK250
	  "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "STARTTLS", REQUIRE, 1, 1,
	  HELLO_TLS "C EHLO me.example\nS 250-mx\nS 250 PIPELINING\n" MAIL ANN "C DATA\n" OK250 OK250
	            "S 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "TLS where it may be", MAY, 1, 1,
	  HELLO_TLS "C EHLO me.example\nS 250 mx\n" MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "TLS is not offered where it may be", MAY, 1, 1,
	  PLAIN MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT, "S/", CLIENT_END_QUIT, NULL },
	{ "STARTTLS is refused where it may be", MAY, 1, 1,
	  HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 not now\n" MAIL OK250 ANN OK250
	        "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "TLS first", TLS_FIRST | REQUIRE, 1, 1,
	  "T\n" PLAIN MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT, "S/", CLIENT_END_QUIT, NULL },
	{ "held and released", HOLD, 1, 1, PIPE MAIL ANN "C DATA\n" OK250 OK250 "S 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "held for a while", HOLD | LATE, 2, 1,
	  PIPE MAIL ANN "C DATA\n" OK250 OK250 "S 354 go\nD\n" OK250 MAIL ANN "C DATA\n" OK250 OK250
	                "S 354 go\nD\n" OK250 QUIT,
	  "S/S/", CLIENT_END_QUIT, NULL },
	{ "a chunk held for a while", HOLD | LATE, 1, 1, CHUNK MAIL ANN OK250 OK250 BDAT OK250 QUIT, "S/",
	  CLIENT_END_QUIT, NULL },
	{ "a chunk held and released", HOLD, 1, 1, CHUNK MAIL ANN OK250 OK250 BDAT OK250 QUIT, "S/",
	  CLIENT_END_QUIT, NULL },
	{ "AUTH PLAIN", LOGIN | REQUIRE, 1, 1,
	  HELLO_TLS "C EHLO me.example\nS 250-mx\nS 250 AUTH PLAIN LOGIN\nC AUTH PLAIN AGFubgBzZWNyZXQ=\n"
	            "S 235 ok\n" MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "AUTH LOGIN, in the clear where that may be", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YW5u\nS 334 UGFzc3dvcmQ6\n"
	        "C c2VjcmV0\nS 235 ok\n" MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "AUTH SCRAM-SHA-256, in the clear", LOGIN, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH PLAIN SCRAM-SHA-256\nM\nS 235 ok\n" MAIL OK250 ANN OK250
	        "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "AUTH CRAM-MD5 in the clear", LOGIN, 1, 1,
	  HELLO
	  "S 250-mx\nS 250 AUTH PLAIN CRAM-MD5\nC AUTH CRAM-MD5\nS 334 PDFAbXg+\n?\nS 235 ok\n" MAIL OK250 ANN
	          OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "a weaker mechanism after a refusal", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH SCRAM-SHA-256 PLAIN\n?\nS 535 5.7.8 no\nC AUTH PLAIN AGFubgBzZWNyZXQ=\n"
	        "S 235 ok\n" MAIL OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "AUTH OAUTHBEARER", TOKEN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH OAUTHBEARER XOAUTH2\n?\nS 235 ok\n" MAIL OK250 ANN OK250
	        "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "AUTH XOAUTH2", TOKEN | IN_CLEAR, 1, 1,
	  HELLO
	  "S 250-mx\nS 250 AUTH XOAUTH2\nC AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rAQE=\nS 235 ok\n" MAIL
	          OK250 ANN OK250 "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "MAIL takes what was offered", EIGHT_BIT, 1, 1,
	  HELLO "S 250-mx\nS 250-SIZE 1000\nS 250-DSN\nS 250 8BITMIME\n"
	        "C MAIL FROM:<me@here.example> SIZE=39 BODY=8BITMIME\n" OK250 ANN OK250
	        "C DATA\nS 354 go\nD\n" OK250 QUIT,
	  "S/", CLIENT_END_QUIT, NULL },
	{ "lines end with LF", 0, 1, 1,
	  "s 220 hi\\n\nC EHLO me.example\ns 250-mx\\n250 PIPELINING\\n\n" MAIL ANN
	  "C DATA\ns 250\\n250 ok\\n354 go\\n\nD\ns 250-a\\n250 b\\n\n" QUIT,
	  "S/", CLIENT_END_QUIT, "250 a b" },
	{ "much content", BIG, 1, 1, PLAIN MAIL OK250 ANN OK250 "C DATA\nS 354 go\nL\n" OK250 QUIT, "S/",
	  CLIENT_END_QUIT, NULL },
	{ "much content under TLS, held for a while", BIG | TLS_FIRST | HOLD | LATE, 1, 1,
	  "T\n" PLAIN MAIL OK250 ANN OK250 "C DATA\nS 354 go\nL\n" OK250 QUIT, "S/", CLIENT_END_QUIT, NULL },
	{ "lmtp by a unix socket", LMTP | UNIX, 1, 2,
	  "S 220 hi\nC LHLO me.example\nS 250-mx\nS 250 PIPELINING\n" MAIL ANN BOB
	  "C DATA\n" OK250 OK250 OK250 "S 354 go\nD\n" OK250 OK250 QUIT,
	  "SS/", CLIENT_END_QUIT, NULL },
	{ "no message", 0, 0, 1, PLAIN QUIT, "", CLIENT_END_QUIT, NULL },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(talk_goes(&good[i], false));
}

static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(talk_goes(&good[i], true));
}

/* As many as a transaction may have, in a few writes. */
static void test_many(void **state)
{
	static char script[LIMIT_TRANSACTION_RECIPIENTS * 64], fates[LIMIT_TRANSACTION_RECIPIENTS + 2];
	struct row row = { "many recipients", 0,   1, LIMIT_TRANSACTION_RECIPIENTS, script, fates,
		           CLIENT_END_QUIT,   NULL };
	const size_t count = LIMIT_TRANSACTION_RECIPIENTS;
	struct buf lines;

	(void)state;
	buf_init_fixed(&lines, script, sizeof script - 1);
	buf_add(&lines, STR(PIPE MAIL));
	for (size_t i = 0; i < count + 1; i++) /* and DATA */
		buf_add(&lines, STR("?\n"));
	for (size_t i = 0; i < count + 1; i++) {
		buf_add(&lines, i == 50 ? STR("S 550 no\n") : STR("S 250 ok\n"));
		fates[i] = i < count ? i == 49 ? 'N' : 'S' : '/';
	}
	buf_add(&lines, STR("S 354 go\nD\nS 250 ok\n" QUIT));
	assert_int_equal(buf_err(&lines).code, ERR_OK);
	assert_true(talk_goes(&row, false));
}

/* The other end goes after each line of each script. Nobody is told more than was said (toy_talk.c). */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		size_t lines = good[i].flags & BIG ? 0 : 1;
		for (const char *c = good[i].script; *c && lines > 0; c++)
			lines += *c == '\n';
		for (size_t at = 0; at < lines; at++) {
			struct ours o = talk(&good[i], at, false);
			print_message("%s, %zu: %s %d, %s\n", good[i].name, at, o.fates, (int)o.end, o.why);
			assert_true(o.end != CLIENT_END_NONE);
			assert_true(strlen(o.fates) <= strlen(good[i].fates));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cut),
	};

	talk_set_up();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	talk_tear_down();
	return failed;
}
