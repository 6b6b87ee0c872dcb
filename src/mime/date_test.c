#include "mime/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

#define S(seconds) ((int64_t)(seconds)*1000)

static const struct {
	const char *text;
	int64_t ms;
	int16_t zone;
	bool bad;
} cases[] = {
	/* RFC 5322 appendix A */
	{ "Fri, 21 Nov 1997 09:55:06 -0600", S(880127706), -360, false },
	{ "Tue, 1 Jul 2003 10:52:37 +0200", S(1057049557), 120, false },
	{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
	  "(Newfoundland Time)",
	  S(-27723480), -210, false },
	{ "21 Nov 97 09:55:06 GMT", S(880106106), 0, false },
	/* obsolete years and zones, RFC 5322 §4.3 */
	{ "1 Jan 49 00:00 Z", S(2493072000), 0, false },
	{ "1 Jan 50 00:00 UT", S(-631152000), 0, false },
	{ "1 Jan 102 00:00 PDT", S(1009868400), -420, false },
	{ "1 Jan 2000 00:00 EST", S(946702800), -300, false },
	{ "1 Jan 2000 00:00 K", S(946684800), 0, false },
	{ "1 Jan 2000 00:00 MESZ", S(946684800), 0, false },
	/* lenient */
	{ "Fri Nov 21 09:55:06 1997", S(880106106), 0, false },
	{ "Fri Nov 21 09:55:06 1997 +0100", S(880102506), 60, false },
	{ "21-Nov-1997 09:55:06 +0100", S(880102506), 60, false },
	{ "fri , 21 november 1997 09 : 55", S(880070400), 0, false },
	{ "21 Nov 1997", S(880070400), 0, false },
	{ "21 Nov 1997 09.55.06", S(880106106), 0, false },
	{ "(a (b) c) 29 Feb 2000 24:00:00 +0000", S(951782400), 0, false },
	{ "21 Nov 1997 09:55:06 +01", S(880102506), 60, false },
	{ "21 Nov 1997 09:55:06 +0160", S(880106106), 0, false },
	{ "31 Dec 1998 23:59:60 +0000", S(915148799), 0, false },
	{ "31 Dec 9999 23:59:60 -0001", S(253402300859), -1, false },
	/* no date */
	{ "", 0, 0, true },
	{ "yesterday", 0, 0, true },
	{ "Nov 1997", 0, 0, true },
	{ "21 1997 09:55", 0, 0, true },
	{ "21 Nov", 0, 0, true },
	{ "29 Feb 1900 00:00 +0000", 0, 0, true },
	{ "29 Feb 2001 00:00 +0000", 0, 0, true },
	{ "31 Apr 2001 00:00 +0000", 0, 0, true },
	{ "0 Jan 2001 00:00 +0000", 0, 0, true },
	{ "32 Jan 2001 00:00 +0000", 0, 0, true },
	{ "1 Jan 1899 00:00 +0000", 0, 0, true },
	{ "1 Jan 99999 00:00 +0000", 0, 0, true },
	{ "1 Jan 00000000000000000000002001", 0, 0, true },
	{ "1 Ja 2001 00:00 +0000", 0, 0, true },
	{ "(21 Nov 1997 09:55:06 -0600", 0, 0, true },
	{ "2001-01-01T00:00:00Z", 0, 0, true },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mime_date got = { 7, 7 };
		err e = mime_date_parse(str_of(cases[i].text), &got);

		print_message("%s\n", cases[i].text);
		assert_int_equal(e.code, cases[i].bad ? ERR_SYNTAX : ERR_OK);
		assert_int_equal(got.ms, cases[i].bad ? 7 : cases[i].ms);
		assert_int_equal(got.zone, cases[i].bad ? 7 : cases[i].zone);
	}
}

static const struct {
	struct mime_date date;
	const char *text;
} formats[] = {
	{ { S(880127706), -360 }, "Fri, 21 Nov 1997 09:55:06 -0600" },
	{ { S(0), 0 }, "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ { S(951782399), 0 }, "Mon, 28 Feb 2000 23:59:59 +0000" },
	{ { S(951782400) + 999, 0 }, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ { S(-27723480), -210 }, "Thu, 13 Feb 1969 23:32:00 -0330" },
	{ { S(-1), 0 }, "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ { S(253402300799), 0 }, "Fri, 31 Dec 9999 23:59:59 +0000" },
	{ { S(946684800), 825 }, "Sat, 1 Jan 2000 13:45:00 +1345" },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		char octets[40] = "";
		struct buf b;

		print_message("%s\n", formats[i].text);
		buf_init_fixed(&b, octets, sizeof octets - 1);
		mime_date_format(formats[i].date, &b);
		assert_int_equal(buf_err(&b).code, ERR_OK);
		assert_string_equal(octets, formats[i].text);
	}
}

static void put(char *to, str s) { memcpy(to, s.ptr, s.len); }

/* What stands past LIMIT_DATE octets is not looked at. */
static void test_limit(void **state)
{
	char text[LIMIT_DATE + 1];
	struct mime_date got;

	(void)state;
	memset(text, ' ', sizeof text);
	put(text + LIMIT_DATE - 10, STR("1 Jan 2000"));
	assert_int_equal(mime_date_parse((str){ text, LIMIT_DATE }, &got).code, ERR_OK);
	memset(text, ' ', sizeof text);
	put(text + LIMIT_DATE - 7, STR("1 Jan 20"));
	assert_int_equal(mime_date_parse((str){ text, LIMIT_DATE + 1 }, &got).code, ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_format),
		                            cmocka_unit_test(test_limit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
