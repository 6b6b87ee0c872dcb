#include "pop3/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	str line;
	err_code code;
	struct pop3_command want;
} cases[] = {
	/* clang-format off */
	{ STR_INIT("CAPA"), ERR_OK, { .verb = POP3_CAPA } },
	{ STR_INIT("quit"), ERR_OK, { .verb = POP3_QUIT } },
	{ STR_INIT("NoOp \t"), ERR_OK, { .verb = POP3_NOOP } },
	{ STR_INIT("STAT"), ERR_OK, { .verb = POP3_STAT } },
	{ STR_INIT("stls"), ERR_OK, { .verb = POP3_STLS } },
	{ STR_INIT("AUTH"), ERR_OK, { .verb = POP3_AUTH } },
	{ STR_INIT("auth PLAIN AGEAYg== "), ERR_OK, { .verb = POP3_AUTH, .text = STR_INIT("PLAIN AGEAYg==") } },
	{ STR_INIT("utf8"), ERR_OK, { .verb = POP3_UTF8 } },
	{ STR_INIT("RSET"), ERR_OK, { .verb = POP3_RSET } },
	{ STR_INIT("LIST"), ERR_OK, { .verb = POP3_LIST } },
	{ STR_INIT("LIST 1"), ERR_OK, { .verb = POP3_LIST, .has_number = true, .number = 1 } },
	{ STR_INIT("LIST  7 "), ERR_OK, { .verb = POP3_LIST, .has_number = true, .number = 7 } },
	{ STR_INIT("UIDL "), ERR_OK, { .verb = POP3_UIDL } },
	{ STR_INIT("UIDL 007"), ERR_OK, { .verb = POP3_UIDL, .has_number = true, .number = 7 } },
	{ STR_INIT("RETR 0"), ERR_OK, { .verb = POP3_RETR, .has_number = true, .number = 0 } },
	{ STR_INIT("RETR 4294967295"), ERR_OK, { .verb = POP3_RETR, .has_number = true, .number = UINT32_MAX } },
	{ STR_INIT("RETR 4294967296"), ERR_OK, { .verb = POP3_RETR, .has_number = true, .number = UINT32_MAX } },
	{ STR_INIT("RETR 18446744073709551617"), ERR_OK, { .verb = POP3_RETR, .has_number = true, .number = UINT32_MAX } },
	{ STR_INIT("DELE 99999999999999999999999"), ERR_OK, { .verb = POP3_DELE, .has_number = true, .number = UINT32_MAX } },
	{ STR_INIT("TOP 1 0"), ERR_OK, { .verb = POP3_TOP, .has_number = true, .number = 1, .lines = 0 } },
	{ STR_INIT("top  3   10 "), ERR_OK, { .verb = POP3_TOP, .has_number = true, .number = 3, .lines = 10 } },
	{ STR_INIT("TOP 0 99999999"), ERR_OK, { .verb = POP3_TOP, .has_number = true, .number = 0, .lines = 99999999 } },
	{ STR_INIT("TOP 1 4294967296"), ERR_OK, { .verb = POP3_TOP, .has_number = true, .number = 1, .lines = UINT32_MAX } },
	{ STR_INIT("TOP 99999999999999999999 99999999999999999999"), ERR_OK, { .verb = POP3_TOP, .has_number = true, .number = UINT32_MAX, .lines = UINT32_MAX } },
	{ STR_INIT("LANG"), ERR_OK, { .verb = POP3_LANG } },
	{ STR_INIT("LANG *"), ERR_OK, { .verb = POP3_LANG, .text = STR_INIT("*") } },
	{ STR_INIT("lang en-GB "), ERR_OK, { .verb = POP3_LANG, .text = STR_INIT("en-GB") } },
	{ STR_INIT("USER ann@shop.example"), ERR_OK, { .verb = POP3_USER, .text = STR_INIT("ann@shop.example") } },
	{ STR_INIT("USER  ann "), ERR_OK, { .verb = POP3_USER, .text = STR_INIT("ann") } },
	{ STR_INIT("PASS correct horse battery"), ERR_OK, { .verb = POP3_PASS, .text = STR_INIT("correct horse battery") } },
	{ STR_INIT("PASS  x "), ERR_OK, { .verb = POP3_PASS, .text = STR_INIT(" x ") } },
	{ STR_INIT("PASS  "), ERR_OK, { .verb = POP3_PASS, .text = STR_INIT(" ") } },
	{ STR_INIT("pass \xc3\xa9\xff"), ERR_OK, { .verb = POP3_PASS, .text = STR_INIT("\xc3\xa9\xff") } },

	{ STR_INIT(""), ERR_MISSING, { 0 } },
	{ STR_INIT(" "), ERR_MISSING, { 0 } },
	{ STR_INIT(" STAT"), ERR_MISSING, { 0 } },
	{ STR_INIT("STA"), ERR_MISSING, { 0 } },
	{ STR_INIT("STATS"), ERR_MISSING, { 0 } },
	{ STR_INIT("APOP ann x"), ERR_MISSING, { 0 } },
	{ STR_INIT("STLS now"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("AUTH PLA\0IN"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("EHLO far.example"), ERR_MISSING, { 0 } },
	{ STR_INIT("GET / HTTP/1.1"), ERR_MISSING, { 0 } },
	{ STR_INIT("QUIT\0"), ERR_MISSING, { 0 } },
	{ STR_INIT("\0QUIT"), ERR_MISSING, { 0 } },
	{ STR_INIT("QUIT\rQUIT"), ERR_MISSING, { 0 } },
	{ STR_INIT("LIST\t1"), ERR_MISSING, { 0 } },
	{ STR_INIT("\xff\xfe"), ERR_MISSING, { 0 } },
	{ STR_INIT("STAT 1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("QUIT now"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("CAPA x"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("NOOP NOOP"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("UTF8 USER"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("UTF-8"), ERR_MISSING, { 0 } },
	{ STR_INIT("RSET 1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("DELE"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR one"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR -1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR +1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR 1 2"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR 1x"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR 0x1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("RETR 1\0"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("LIST 1 2"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1 "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1 -1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP one 1"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1 ten"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1 2 3"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1\t2"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("TOP 1 0\0"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("LANG e\0n"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("LIST 1.5"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("UIDL 1:*"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("DELE 1\r"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("USER"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("USER "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("USER  \t"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("USER ann\0x"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("PASS"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("PASS "), ERR_SYNTAX, { 0 } },
	{ STR_INIT("PASS secret\r"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("PASS sec\nret"), ERR_SYNTAX, { 0 } },
	{ STR_INIT("PASS \0"), ERR_SYNTAX, { 0 } },
	/* clang-format on */
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pop3_command got = { .verb = POP3_VERB_COUNT, .number = 77 };
		err e = pop3_command_parse(cases[i].line, &got);

		print_message("'%s'\n", cases[i].line.ptr);
		assert_int_equal(e.code, cases[i].code);
		if (e.code != ERR_OK) {
			assert_non_null(e.what);
			assert_int_equal(got.verb, POP3_VERB_COUNT); /* untouched */
			assert_int_equal(got.number, 77);
			continue;
		}
		assert_int_equal(got.verb, cases[i].want.verb);
		assert_int_equal(got.has_number, cases[i].want.has_number);
		assert_int_equal(got.number, cases[i].want.number);
		assert_int_equal(got.lines, cases[i].want.lines);
		assert_true(str_eq(got.text, cases[i].want.text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
