/* Servers that refuse, lie, stall and go. */
#include "smtp/toy_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FAST SHORT_TIMES
#define REFUSED CLIENT_END_REFUSED
#define BROKEN CLIENT_END_BROKEN
#define LOST CLIENT_END_LOST
#define QUITS CLIENT_END_QUIT
#define DATA "C DATA\nS 354 go\nD\n"
#define PIPE_TWO PIPE MAIL ANN BOB "C DATA\n"

static const struct row rows[] = {
	/* greeting and EHLO */
	{ "greeting 554", 0, 1, 1, "S 554 5.7.1 go away\nC QUIT\n", "", REFUSED, NULL },
	{ "greeting 421", 0, 1, 1, "S 421 4.3.2 later\nC QUIT\n", "", REFUSED, NULL },
	{ "greeting 354", 0, 1, 1, "S 354 go\n", "", BROKEN, NULL },
	{ "greeting is none", 0, 1, 1, "S SSH-2.0-OpenSSH\n", "", BROKEN, NULL },
	{ "greeting 1xx", 0, 1, 1, "S 120 wait\n", "", BROKEN, NULL },
	{ "greeting without end", 0, 1, 1, "E\n", "", BROKEN, NULL },
	{ "greeting twice", WHOLE, 1, 1, "s 220 hi\\r\\n220 again\\r\\n\n", "", BROKEN, NULL },
	{ "EHLO 421", 0, 1, 1, HELLO "S 421 no\nC QUIT\n", "", REFUSED, NULL },
	{ "EHLO 451", 0, 1, 1, HELLO "S 451 no\nC QUIT\n", "", REFUSED, NULL },
	{ "EHLO 354", 0, 1, 1, HELLO "S 354 no\n", "", BROKEN, NULL },
	{ "EHLO and HELO 5xx", 0, 1, 1, HELLO "S 500 no\nC HELO me.example\nS 554 5.7.0 no\nC QUIT\n", "",
	  REFUSED, NULL },
	{ "HELO 421", 0, 1, 1, HELLO "S 500 no\nC HELO me.example\nS 421 no\nC QUIT\n", "", REFUSED, NULL },
	{ "HELO 3xx", 0, 1, 1, HELLO "S 500 no\nC HELO me.example\nS 334 no\n", "", BROKEN, NULL },
	{ "LHLO 500", LMTP, 1, 1, "S 220 hi\nC LHLO me.example\nS 500 no\nC QUIT\n", "", REFUSED, NULL },
	{ "EHLO twice", WHOLE, 1, 1, HELLO "s 250 mx\\r\\n250 ok\\r\\n\n", "-/", BROKEN, NULL },
	/* TLS */
	{ "TLS is not offered", REQUIRE, 1, 1, PLAIN "C QUIT\n", "", CLIENT_END_TLS_LACKING, NULL },
	{ "TLS with HELO", VERIFY, 1, 1, HELLO "S 502 no\nC HELO me.example\nS 250 mx\nC QUIT\n", "",
	  CLIENT_END_TLS_LACKING, NULL },
	{ "STARTTLS 454", REQUIRE, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 454 no\nC QUIT\n", "",
	  CLIENT_END_TLS_LACKING, NULL },
	{ "STARTTLS 421", MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 421 no\n", "", LOST,
	  NULL },
	{ "STARTTLS 334", MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 334 no\n", "", BROKEN,
	  NULL },
	{ "a stranger's certificate", VERIFY, 1, 1, HELLO_TLS "C QUIT\n", "", CLIENT_END_MISTRUSTED, NULL },
	{ "garbage for a handshake", MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nG\n",
	  "", CLIENT_END_TLS_FAILED, NULL },
	{ "garbage for a handshake at once", TLS_FIRST, 1, 1, "G\n", "", CLIENT_END_TLS_FAILED, NULL },
	{ "closed instead of the handshake", MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nX\n", "",
	  CLIENT_END_TLS_FAILED, NULL },
	{ "closed in the handshake", MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nX\n",
	  "", CLIENT_END_TLS_FAILED, NULL },
	{ "replies behind the 220 in the clear", MAY | WHOLE, 1, 1,
	  HELLO "S 250-mx\nS 250 STARTTLS\nC STARTTLS\ns 220 go\\r\\n250-evil\\r\\n250 AUTH "
	        "PLAIN\\r\\n\nT\nC EHLO me.example\n"
	        "S 250 mx\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA "S 250 ok\n" QUIT,
	  "S/", QUITS, NULL },
	{ "what was said before TLS is forgotten", MAY, 1, 1,
	  HELLO "S 250-mx\nS 250-PIPELINING\nS 250-SIZE 1\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nT\nC EHLO "
	        "me.example\n"
	        "S 250 mx\n" MAIL "S 550 no\n" QUIT,
	  "N/", QUITS, "550 no" },
	{ "EHLO refused under TLS", REQUIRE, 1, 1, HELLO_TLS "C EHLO me.example\nS 450 no\nC QUIT\n", "",
	  REFUSED, NULL },
	/* logins */
	{ "AUTH 535 to the password itself", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH PLAIN LOGIN\n?\nS 535 5.7.8 wrong\nC QUIT\n", "", CLIENT_END_LOGIN,
	  NULL },
	{ "AUTH 535", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH PLAIN\n?\nS 535 5.7.8 wrong\nC QUIT\n", "", CLIENT_END_LOGIN, NULL },
	{ "AUTH 454", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH PLAIN LOGIN\n?\nS 454 later\nC QUIT\n", "", CLIENT_END_LOGIN, NULL },
	{ "AUTH 421", LOGIN | IN_CLEAR, 1, 1, HELLO "S 250-mx\nS 250 AUTH PLAIN\n?\nS 421 later\n", "", LOST,
	  NULL },
	{ "AUTH 354", LOGIN | IN_CLEAR, 1, 1, HELLO "S 250-mx\nS 250 AUTH PLAIN\n?\nS 354 go\nC QUIT\n", "",
	  CLIENT_END_LOGIN, NULL },
	{ "one challenge too many", LOGIN | IN_CLEAR, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH PLAIN\n?\nS 334 \nC QUIT\n", "", CLIENT_END_LOGIN, NULL },
	{ "AUTH in the clear", LOGIN, 1, 1, HELLO "S 250-mx\nS 250 AUTH PLAIN LOGIN\nC QUIT\n", "",
	  CLIENT_END_LOGIN, NULL },
	{ "no AUTH", LOGIN | IN_CLEAR, 1, 1, PLAIN "C QUIT\n", "", CLIENT_END_LOGIN, NULL },
	{ "a token in the clear", TOKEN, 1, 1, HELLO "S 250-mx\nS 250 AUTH XOAUTH2\nC QUIT\n", "",
	  CLIENT_END_LOGIN, NULL },
	{ "SCRAM without the server's proof", LOGIN, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH SCRAM-SHA-256\n?\nS 235 come in\nC QUIT\n", "", CLIENT_END_LOGIN,
	  NULL },
	{ "closed while the proof is made", LOGIN, 1, 1, HELLO "S 250-mx\nS 250 AUTH SCRAM-SHA-256\nm\nX\n",
	  "", LOST, NULL },
	{ "a reply while the proof is made", LOGIN, 1, 1,
	  HELLO "S 250-mx\nS 250 AUTH SCRAM-SHA-256\nm\nS 235 come in\n", "", BROKEN, NULL },
	/* MAIL */
	{ "MAIL 550", 0, 1, 2, PLAIN MAIL "S 550 5.7.1 no\n" QUIT, "NN/", QUITS, "550 5.7.1 no" },
	{ "MAIL 451", 0, 1, 2, PLAIN MAIL "S 451 no\n" QUIT, "LL/", QUITS, "451 no" },
	{ "MAIL 421", 0, 1, 2, PLAIN MAIL "S 421 no\n", "--/", LOST, NULL },
	{ "MAIL 354", 0, 1, 2, PLAIN MAIL "S 354 no\n", "--/", BROKEN, NULL },
	{ "MAIL 550, pipelined", 0, 2, 2,
	  PIPE_TWO "S 550 5.7.1 no\nS 503 a\nS 503 b\nS 503 c\n"
	           "C RSET\n" MAIL ANN BOB "C DATA\nS 250 ok\nS 450 no\nS 503 a\nS 503 b\nS 503 c\n" QUIT,
	  "NN/LL/", QUITS, "450 no" },
	{ "MAIL 550, DATA 354", 0, 1, 2,
	  PIPE_TWO "S 550 no\nS 503 a\nS 503 b\nS 354 go\nC .\nS 554 nobody\n" QUIT, "NN/", QUITS, "550 no" },
	{ "MAIL 550, a recipient is taken, DATA 354", 0, 1, 2,
	  PIPE_TWO "S 550 no\nS 503 a\nS 250 b\nS 354 go\n", "NN/", BROKEN, "550 no" },
	{ "MAIL 421, pipelined", 0, 1, 2, PIPE_TWO "S 421 no\n", "--/", LOST, NULL },
	/* RCPT */
	{ "one of three is refused", 0, 1, 3,
	  PIPE MAIL ANN BOB CY
	  "C DATA\nS 250 ok\nS 250 ok\nS 550-5.1.1 no\nS 550 5.1.1 bob\nS 252 perhaps\nS 354 go\nD\n"
	  "S 250 ok\n" QUIT,
	  "SNS/", QUITS, "250 ok" },
	{ "all are refused", 0, 2, 2,
	  PIPE_TWO "S 250 ok\nS 550 a\nS 450 b\nS 554 nobody\nC RSET\n" MAIL ANN BOB
	           "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 ok\n" QUIT,
	  "NL/SS/", QUITS, NULL },
	{ "all are refused, DATA 354", 0, 1, 2,
	  PIPE_TWO "S 250 ok\nS 550 a\nS 550 b\nS 354 go\nC .\nS 250 ok\n" QUIT, "NN/", QUITS, "550 b" },
	{ "all are refused, one by one", 0, 2, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 550 a\nC RSET\nS 250 ok\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA
	             "S 250 ok\n" QUIT,
	  "N/S/", QUITS, NULL },
	{ "all are refused, chunks", 0, 2, 1,
	  CHUNK MAIL ANN "S 250 ok\nS 550 a\nC RSET\n" MAIL ANN "S 250 ok\nS 250 ok\nS 250 ok\n" BDAT
	                 "S 250 ok\n" QUIT,
	  "N/S/", QUITS, NULL },
	{ "RSET 500", 0, 2, 1, PLAIN MAIL "S 250 ok\n" ANN "S 550 a\nC RSET\nS 500 no\n", "N/-/", BROKEN,
	  NULL },
	{ "RCPT 421", 0, 1, 3, PIPE MAIL ANN BOB CY "C DATA\nS 250 ok\nS 250 ok\nS 550 b\nS 421 no\n", "-N-/",
	  LOST, "550 b" },
	{ "RCPT 334", 0, 1, 2, PIPE_TWO "S 250 ok\nS 334 a\n", "--/", BROKEN, NULL },
	{ "too many", 0, 1, 3,
	  PIPE MAIL ANN BOB CY
	  "C DATA\nS 250 ok\nS 250 ok\nS 452 4.5.3 enough\nS 552 enough\nS 354 go\nD\nS 250 ok\n" QUIT,
	  "S--/", QUITS, NULL },
	{ "too many at the first", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 452 4.5.3 enough\n" QUIT, "L/",
	  QUITS, NULL },
	{ "full mailboxes", 0, 1, 3,
	  PIPE MAIL ANN BOB CY
	  "C DATA\nS 250 ok\nS 250 ok\nS 452 4.2.2 full\nS 552 5.2.2 full\nS 354 go\nD\nS 250 ok\n" QUIT,
	  "SLN/", QUITS, NULL },
	/* DATA and the content */
	{ "DATA 554", 0, 1, 2, PIPE_TWO "S 250 ok\nS 250 ok\nS 550 b\nS 554 no\n" QUIT, "NN/", QUITS, NULL },
	{ "DATA 451", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 451 no\n" QUIT, "L/", QUITS,
	  "451 no" },
	{ "DATA 421", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 421 no\n", "-/", LOST, NULL },
	{ "DATA 250", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 250 no\n", "-/", BROKEN,
	  NULL },
	{ "content 554", 0, 2, 1,
	  PIPE MAIL ANN "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 554 5.6.0 spam\n" MAIL ANN
	                "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 451 4.3.0 later\n" QUIT,
	  "N/L/", QUITS, "451 4.3.0 later" },
	{ "content 421", 0, 1, 2, PIPE_TWO "S 250 ok\nS 250 ok\nS 550 b\nS 354 go\nD\nS 421 4.3.2 no\n",
	  "LN/", LOST, NULL },
	{ "content 354", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA "S 354 more\n", "L/", BROKEN,
	  NULL },
	{ "content answered by garbage", 0, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA "S okay\n",
	  "L/", BROKEN, NULL },
	{ "chunk 554", 0, 1, 2, CHUNK MAIL ANN BOB "S 250 ok\nS 250 ok\nS 250 ok\n" BDAT "S 554 no\n" QUIT,
	  "NN/", QUITS, "554 no" },
	{ "chunk 421", 0, 1, 1, CHUNK MAIL ANN "S 250 ok\nS 250 ok\n" BDAT "S 421 no\n", "L/", LOST,
	  "421 no" },
	{ "lmtp, closed between the answers", LMTP, 1, 2,
	  "S 220 hi\nC LHLO me.example\nS 250 mx\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" BOB "S 250 ok\n" DATA
	  "S 250 ok\nX\n",
	  "SL/", LOST, NULL },
	{ "lmtp, 421 between the answers", LMTP, 1, 2,
	  "S 220 hi\nC LHLO me.example\nS 250 mx\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" BOB "S 250 ok\n" DATA
	  "S 250 ok\nS 421 no\n",
	  "SL/", LOST, "421 no" },
	{ "refused before its end was sent", HOLD | NEVER_RELEASE, 1, 1,
	  PIPE MAIL ANN "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nS 552 5.3.4 too large\n", "N/", LOST,
	  "552 5.3.4 too large" },
	{ "taken before its end was sent", HOLD | NEVER_RELEASE, 1, 1,
	  PIPE MAIL ANN "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nS 250 ok\n", "-/", BROKEN, NULL },
	{ "closed while held", HOLD | NEVER_RELEASE, 1, 1,
	  PIPE MAIL ANN "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nX\n", "-/", LOST, NULL },
	{ "an answer while a chunk is held", HOLD | NEVER_RELEASE, 1, 1,
	  CHUNK MAIL ANN "S 250 ok\nS 250 ok\nS 552 no\n", "-/", BROKEN, NULL },
	{ "held, and comes to nothing", HOLD | NEVER_RELEASE, 1, 1,
	  PIPE MAIL ANN "C DATA\nS 250 ok\nS 550 a\nS 503 no\n" QUIT, "N/", QUITS, NULL },
	{ "content is damaged", DAMAGED, 1, 2, PIPE_TWO "S 250 ok\nS 250 ok\nS 550 b\nS 354 go\n", "LN/",
	  LOST, NULL },
	/* between messages */
	{ "an answer too many", STAY, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA "s 250 ok\\r\\n250 ok\\r\\n\n", "S/", BROKEN, NULL },
	{ "421 while idle", STAY, 0, 1, PLAIN "S 421 4.4.2 you sleep\n", "", LOST, NULL },
	{ "250 while idle", STAY, 0, 1, PLAIN "S 250 hello?\n", "", BROKEN, NULL },
	{ "closed while idle", STAY, 0, 1, PLAIN "X\n", "", LOST, NULL },
	{ "QUIT 500", 0, 0, 1, PLAIN "C QUIT\nS 500 no\n", "", QUITS, NULL },
	{ "aborted", ABORT, 1, 2, PLAIN, "--/", QUITS, NULL },
	/* LIMITS (RFC 9422) and what is lacking */
	{ "MAILMAX", 0, 3, 1,
	  HELLO "S 250-mx\nS 250 LIMITS MAILMAX=1\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA
	        "S 250 ok\n" QUIT,
	  "S/", QUITS, NULL },
	{ "RCPTMAX", LIMITED, 1, 3,
	  HELLO "S 250-mx\nS 250 LIMITS RCPTMAX=2\n" MAIL "S 250 ok\n" ANN "S 250 ok\n" BOB "S 250 ok\n" DATA
	        "S 250 ok\n" QUIT,
	  "SS-/", QUITS, NULL },
	{ "RCPTDOMAINMAX", LIMITED, 1, 5,
	  HELLO "S 250-mx\nS 250-PIPELINING\nS 250 LIMITS RCPTDOMAINMAX=2\n" MAIL ANN BOB CY
	        "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 ok\n" QUIT,
	  "SSS--/", QUITS, NULL },
	{ "SIZE", 0, 2, 2, HELLO "S 250-mx\nS 250 SIZE 38\n" QUIT, "XX/XX/", QUITS, NULL },
	{ "8BITMIME", EIGHT_BIT, 1, 1, PLAIN QUIT, "X/", QUITS, NULL },
	{ "BINARYMIME", BINARY, 1, 1, CHUNK QUIT, "X/", QUITS, NULL },
	/* time-outs */
	{ "no greeting", FAST, 1, 1, "W\n", "", CLIENT_END_TIMEOUT, NULL },
	{ "no answer to EHLO", FAST, 1, 1, HELLO "W\n", "", CLIENT_END_TIMEOUT, NULL },
	{ "no answer to STARTTLS", FAST | MAY, 1, 1, HELLO "S 250-mx\nS 250 STARTTLS\nW\n", "",
	  CLIENT_END_TIMEOUT, NULL },
	{ "no answer to AUTH", FAST | LOGIN | IN_CLEAR, 1, 1, HELLO "S 250-mx\nS 250 AUTH PLAIN\nW\n", "",
	  CLIENT_END_TIMEOUT, NULL },
	{ "no answer to MAIL", FAST, 1, 1, PLAIN "W\n", "-/", CLIENT_END_TIMEOUT, NULL },
	{ "no answer to RCPT", FAST, 1, 2, PIPE_TWO "S 250 ok\nS 550 no\nW\n", "N-/", CLIENT_END_TIMEOUT,
	  NULL },
	{ "no answer to DATA", FAST, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nW\n", "-/",
	  CLIENT_END_TIMEOUT, NULL },
	{ "no answer to the content", FAST, 1, 1, PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\n" DATA "W\n", "L/",
	  CLIENT_END_TIMEOUT, NULL },
	{ "half an answer", FAST, 1, 1, PLAIN MAIL "s 250 o\nW\n", "-/", CLIENT_END_TIMEOUT, NULL },
	{ "an answer that dribbles", FAST, 1, 1, PLAIN MAIL "d\n", "-/", CLIENT_END_TIMEOUT, NULL },
	{ "much content is not read", FAST | BIG, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 354 go\nZ\n", "-/", CLIENT_END_TIMEOUT, NULL },
	{ "much content is refused before it is there", BIG | FAST, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 354 go\np\nS 552 5.3.4 too large\nZ\n", "N/", LOST,
	  "552 5.3.4 too large" },
	{ "much content is taken before it is there", BIG | FAST, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 354 go\np\nS 250 thanks\nZ\n", "-/", BROKEN,
	  NULL },
	{ "much content is heard by who says nothing any more", BIG, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 354 go\np\nH\np\nL\n", "L/", LOST, NULL },
	{ "much content is heard in part by who says nothing any more", BIG, 1, 1,
	  PLAIN MAIL "S 250 ok\n" ANN "S 250 ok\nC DATA\nS 354 go\np\nH\np\nX\n", "-/", LOST, NULL },
	{ "nobody listens", UNIX, 1, 1, NULL, "", CLIENT_END_UNREACHABLE, NULL },
	{ "no answer to QUIT", FAST, 0, 1, PLAIN "W\n", "", QUITS, NULL },
};

static void test_rows(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		good &= talk_goes(&rows[i], false);
	assert_true(good);
}

static void test_split(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!(rows[i].flags & (FAST | WHOLE)))
			good &= talk_goes(&rows[i], true);
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_split) };

	talk_set_up();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	talk_tear_down();
	return failed;
}
