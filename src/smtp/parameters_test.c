#include "smtp/parameters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"
#include "store/queue.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

/* --- MAIL --- */

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define ENVID_MOST FIFTY FIFTY FIFTY FIFTY FIFTY "012345" /* LIMIT_ENVID */

static const struct {
	const char *in;
	err_code code;
	uint64_t size;
} mails[] = {
	{ "", ERR_OK, 0 },
	{ " SIZE=1000", ERR_OK, 1000 },
	{ " size=0", ERR_OK, 0 },
	{ " BODY=8BITMIME SIZE=5", ERR_OK, 5 },
	{ "  body=7bit", ERR_OK, 0 },
	{ " SIZE=18446744073709551615", ERR_OK, UINT64_MAX },
	{ " SIZE=99999999999999999999", ERR_OK, UINT64_MAX },
	{ " SIZE=100000000000000000000", ERR_SYNTAX, 0 },
	{ " SIZE", ERR_SYNTAX, 0 },
	{ " SIZE=", ERR_SYNTAX, 0 },
	{ " SIZE=-1", ERR_SYNTAX, 0 },
	{ " SIZE=1k", ERR_SYNTAX, 0 },
	{ " AUTH=<> SIZE=5", ERR_OK, 5 },
	{ " auth=ann@shop.example", ERR_OK, 0 },
	{ " AUTH=a+3Db", ERR_OK, 0 },
	{ " AUTH=a+00b", ERR_OK, 0 },
	{ " AUTH=a+3db", ERR_SYNTAX, 0 },
	{ " AUTH=a+3", ERR_SYNTAX, 0 },
	{ " AUTH=+", ERR_SYNTAX, 0 },
	{ " AUTH=\xc3\xb6", ERR_SYNTAX, 0 },
	{ " AUTH", ERR_SYNTAX, 0 },
	{ " AUTH=<> AUTH=<>", ERR_SYNTAX, 0 },
	{ " SIZE=1 SIZE=1", ERR_SYNTAX, 0 },
	{ " BODY=7BIT BODY=7BIT", ERR_SYNTAX, 0 },
	{ " SIZE=3 BODY=BinaryMime", ERR_OK, 3 },
	{ " BODY=BINARY", ERR_SYNTAX, 0 },
	{ " BODY=BINARYMIME BODY=7BIT", ERR_SYNTAX, 0 },
	{ " BODY", ERR_SYNTAX, 0 },
	{ " SMTPUTF8", ERR_OK, 0 },
	{ " SIZE=7 smtputf8 BODY=8BITMIME", ERR_OK, 7 },
	{ " SMTPUTF8=", ERR_SYNTAX, 0 },
	{ " SMTPUTF8=yes", ERR_SYNTAX, 0 },
	{ " SMTPUTF8 SMTPUTF8", ERR_SYNTAX, 0 },
	{ " NOTIFY=NEVER", ERR_MISSING, 0 },
	{ " ORCPT=rfc822;a@b", ERR_MISSING, 0 },
	{ " XYZ", ERR_MISSING, 0 },
	{ "SIZE=1", ERR_SYNTAX, 0 },
	{ " =1", ERR_SYNTAX, 0 },
	{ " -A=1", ERR_SYNTAX, 0 },
	{ " SIZE=1=2", ERR_SYNTAX, 0 },
	{ " SIZE=1\t", ERR_SYNTAX, 0 },
	{ " X=\x7f", ERR_SYNTAX, 0 },
	{ " ", ERR_SYNTAX, 0 },
	{ " RET=FULL ENVID=QQ314159 SIZE=9", ERR_OK, 9 },
	{ " RET=BODY", ERR_SYNTAX, 0 },
	{ " RET", ERR_SYNTAX, 0 },
	{ " RET=FULL RET=FULL", ERR_SYNTAX, 0 },
	{ " ENVID", ERR_SYNTAX, 0 },
	{ " ENVID=a+2", ERR_SYNTAX, 0 },
	{ " ENVID=a+0D+0A", ERR_SYNTAX, 0 },
	{ " ENVID=a+FF", ERR_SYNTAX, 0 },
	{ " ENVID=\xc3\xb6", ERR_SYNTAX, 0 },
	{ " ENVID=a ENVID=a", ERR_SYNTAX, 0 },
	{ " ENVID=" ENVID_MOST, ERR_OK, 0 },
	{ " ENVID=" ENVID_MOST "6", ERR_LIMIT, 0 },
	{ " HOLDFOR=1", ERR_OK, 0 },
	{ " HOLDFOR=999999999", ERR_OK, 0 },
	{ " HOLDFOR=1000000000", ERR_SYNTAX, 0 },
	{ " HOLDFOR=0", ERR_SYNTAX, 0 },
	{ " HOLDFOR=01", ERR_SYNTAX, 0 },
	{ " HOLDFOR=-1", ERR_SYNTAX, 0 },
	{ " HOLDFOR", ERR_SYNTAX, 0 },
	{ " HOLDFOR=1 HOLDFOR=1", ERR_SYNTAX, 0 },
	{ " HOLDFOR=1 HOLDUNTIL=2026-11-23T12:00:00Z", ERR_SYNTAX, 0 },
	{ " HOLDUNTIL=2026-11-23T12:00:00Z HOLDFOR=1", ERR_SYNTAX, 0 },
	{ " HOLDUNTIL=2026-11-23", ERR_SYNTAX, 0 },
	{ " HOLDUNTIL=2026-11-23T12:00:00+01:00", ERR_SYNTAX, 0 },
	{ " HOLDUNTIL", ERR_SYNTAX, 0 },
	{ " BY=1;R", ERR_OK, 0 },
	{ " BY=0;R", ERR_SYNTAX, 0 },
	{ " BY=-1;R", ERR_SYNTAX, 0 },
	{ " BY=1000000000;N", ERR_SYNTAX, 0 },
	{ " BY=1;X", ERR_SYNTAX, 0 },
	{ " BY=1;NX", ERR_SYNTAX, 0 },
	{ " BY=1;NTT", ERR_SYNTAX, 0 },
	{ " BY=1;", ERR_SYNTAX, 0 },
	{ " BY=1", ERR_SYNTAX, 0 },
	{ " BY=;N", ERR_SYNTAX, 0 },
	{ " BY=--1;N", ERR_SYNTAX, 0 },
	{ " BY", ERR_SYNTAX, 0 },
	{ " BY=1;N BY=1;N", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY=9", ERR_OK, 0 },
	{ " MT-PRIORITY=10", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY=+1", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY=-0", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY=-", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY", ERR_SYNTAX, 0 },
	{ " MT-PRIORITY=1 MT-PRIORITY=1", ERR_SYNTAX, 0 },
};

static void test_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mails / sizeof mails[0]; i++) {
		struct smtp_mail_parameters got = { .size = 77 };
		scan s = { str_of(mails[i].in), 0 };

		print_message("'%s'\n", mails[i].in);
		assert_int_equal(smtp_mail_parameters_parse(&s, &arena, &got).code, mails[i].code);
		assert_int_equal(got.size, mails[i].code == ERR_OK ? mails[i].size : 77);
	}
}

/* What they say. */
static const struct {
	const char *in;
	char ret;
	const char *envid;
	int64_t hold_for_s, hold_until_ms;
	char by_mode;
	bool by_trace;
	int64_t by_s;
	int8_t priority;
} said[] = {
	{ "", 0, "", 0, 0, 0, false, 0, 0 },
	{ " ret=hdrs envid=a+20b+2B+3D", 'H', "a b+=", 0, 0, 0, false, 0, 0 },
	{ " RET=Full", 'F', "", 0, 0, 0, false, 0, 0 },
	{ " HOLDFOR=86400", 0, "", 86400, 0, 0, false, 0, 0 },
	{ " HOLDUNTIL=2026-11-23T12:00:00Z", 0, "", 0, 1795435200000, 0, false, 0, 0 },
	{ " BY=120;R", 0, "", 0, 0, 'R', false, 120, 0 },
	{ " by=+999999999;rt", 0, "", 0, 0, 'R', true, 999999999, 0 },
	{ " BY=-999999999;NT", 0, "", 0, 0, 'N', true, -999999999, 0 },
	{ " BY=0;n", 0, "", 0, 0, 'N', false, 0, 0 },
	{ " MT-PRIORITY=0", 0, "", 0, 0, 0, false, 0, 0 },
	{ " mt-priority=-9", 0, "", 0, 0, 0, false, 0, -9 },
};

static void test_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		struct smtp_mail_parameters got;
		scan s = { str_of(said[i].in), 0 };

		print_message("'%s'\n", said[i].in);
		assert_int_equal(smtp_mail_parameters_parse(&s, &arena, &got).code, ERR_OK);
		assert_int_equal(got.ret, said[i].ret);
		assert_true(str_eq(got.envid, str_of(said[i].envid)));
		assert_int_equal(got.hold_for_s, said[i].hold_for_s);
		assert_int_equal(got.hold_until_ms, said[i].hold_until_ms);
		assert_int_equal(got.has_hold, said[i].hold_for_s || said[i].hold_until_ms);
		assert_int_equal(got.by_mode, said[i].by_mode);
		assert_int_equal(got.by_trace, said[i].by_trace);
		assert_int_equal(got.by_s, said[i].by_s);
		assert_int_equal(got.priority, said[i].priority);
	}
}

/* --- RCPT --- */

enum {
	NEVER = QUEUE_NOTIFY_NEVER,
	SUCC = QUEUE_NOTIFY_SUCCESS,
	FAIL = QUEUE_NOTIFY_FAILURE,
	LATE = QUEUE_NOTIFY_DELAY
};

#define ORCPT_MOST FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY TEN TEN "0" /* and rfc822; */

static const struct {
	const char *in;
	err_code code;
	uint8_t notify;
	const char *orcpt;
	bool is_wide;
} rcpts[] = {
	{ "", ERR_OK, 0, "", false },
	{ " NOTIFY=NEVER", ERR_OK, NEVER, "", false },
	{ " notify=Success,FAILURE,delay", ERR_OK, SUCC | FAIL | LATE, "", false },
	{ " NOTIFY=FAILURE,FAILURE", ERR_OK, FAIL, "", false },
	{ " NOTIFY=SUCCESS ORCPT=rfc822;Bob@Ivory.EDU", ERR_OK, SUCC, "rfc822;Bob@Ivory.EDU", false },
	{ " ORCPT=RFC822;a+2Bb+3Dc+20@x NOTIFY=DELAY", ERR_OK, LATE, "RFC822;a+b=c @x", false },
	{ " ORCPT=x400;/S=a/", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=x400;/S+3Da/", ERR_OK, 0, "x400;/S=a/", false },
	{ " ORCPT=utf-8;j\\x{F6}rg@b\\x{FC}cher.example", ERR_OK, 0,
	  "utf-8;j\xc3\xb6rg@b\xc3\xbc"
	  "cher.example",
	  false },
	{ " ORCPT=UTF-8;j\xc3\xb6rg@x\\x{2B}y", ERR_OK, 0, "UTF-8;j\xc3\xb6rg@x+y", true },
	{ " ORCPT=utf-8;\\x{10FFFF}\\x{5C}", ERR_OK, 0, "utf-8;\xf4\x8f\xbf\xbf\\", false },
	{ " ORCPT=rfc822;" ORCPT_MOST, ERR_OK, 0, "rfc822;" ORCPT_MOST, false },
	{ " ORCPT=rfc822;" ORCPT_MOST "1", ERR_LIMIT, 0, "", false },
	{ " NOTIFY", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=NEVER,FAILURE", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=FAILURE,NEVER", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=SUCCESS,", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=,SUCCESS", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=SUCCESS;DELAY", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=ALWAYS", ERR_SYNTAX, 0, "", false },
	{ " NOTIFY=NEVER NOTIFY=NEVER", ERR_SYNTAX, 0, "", false },
	{ " ORCPT", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=;a@b", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc(822;a@b", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;a+2", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;a+2b", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;a+0Ab", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;a+C3+B6", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc822;\xc3\xb6@x", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=rfc\xc3\xb6;a@b", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;a+2Bb", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;a\\b", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{9}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{0A}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{7F}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{85}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{D800}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{110000}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{0010FFFF}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{F6", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\\x{f6}", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\xff", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\xc2\x85", ERR_SYNTAX, 0, "", false },
	{ " ORCPT=utf-8;\xc2\xa0", ERR_OK, 0, "utf-8;\xc2\xa0", true },
	{ " ORCPT=rfc822;a ORCPT=rfc822;a", ERR_SYNTAX, 0, "", false },
	{ " SIZE=1", ERR_MISSING, 0, "", false },
	{ " RET=FULL", ERR_MISSING, 0, "", false },
	{ "NOTIFY=NEVER", ERR_SYNTAX, 0, "", false },
	{ " X=\x7f", ERR_SYNTAX, 0, "", false },
	{ " ", ERR_SYNTAX, 0, "", false },
};

static void test_rcpt(void **state)
{
	(void)state;
	static_assert(sizeof ORCPT_MOST - 1 + 7 == LIMIT_ORCPT, "the longest is at the limit");
	for (size_t i = 0; i < sizeof rcpts / sizeof rcpts[0]; i++) {
		struct smtp_rcpt_parameters got = { .notify = 77 };
		scan s = { str_of(rcpts[i].in), 0 };
		bool taken = rcpts[i].code == ERR_OK;

		print_message("'%s'\n", rcpts[i].in);
		assert_int_equal(smtp_rcpt_parameters_parse(&s, &arena, &got).code, rcpts[i].code);
		assert_int_equal(got.notify, taken ? rcpts[i].notify : 77);
		assert_true(str_eq(got.orcpt, str_of(rcpts[i].orcpt)));
		assert_int_equal(got.is_wide, taken && rcpts[i].is_wide);
	}
}

static void test_memory(void **state)
{
	struct smtp_mail_parameters mail = { .size = 77 };
	struct smtp_rcpt_parameters rcpt = { .notify = 77 };
	scan in = { STR(" SIZE=1 ENVID=a"), 0 }, in_rcpt = { STR(" NOTIFY=NEVER ORCPT=rfc822;a"), 0 };
	struct arena none;

	(void)state;
	arena_init(&none, NULL, 0);
	assert_int_equal(smtp_mail_parameters_parse(&in, &none, &mail).code, ERR_NOSPACE);
	assert_int_equal(smtp_rcpt_parameters_parse(&in_rcpt, &none, &rcpt).code, ERR_NOSPACE);
	assert_int_equal(mail.size, 77);
	assert_int_equal(rcpt.notify, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mail), cmocka_unit_test(test_said),
		                            cmocka_unit_test(test_rcpt), cmocka_unit_test(test_memory) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
