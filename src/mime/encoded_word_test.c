#include "mime/encoded_word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"
#include "mime/charset.h"

static const struct {
	const char *text, *want;
} cases[] = {
	/* RFC 2047 §8 */
	{ "=?US-ASCII?Q?Keith_Moore?=", "Keith Moore" },
	{ "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xc3\xb8rn Simonsen" },
	{ "=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
	  "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
	  "If you can read this you understand the example." },
	{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
	{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?_b?=", "a b" },
	/* RFC 2231 §5 */
	{ "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" },
	/* a character cut in two, no padding, missing spaces, a charset for iconv */
	{ "=?utf-8?Q?=C3?= =?UTF-8?Q?=BC?=", "\xc3\xbc" },
	{ "=?utf-8?B?w7w?=", "\xc3\xbc" },
	{ "x=?utf-8?q?y?=z", "xyz" },
	{ "=?utf-8?q?a b?= c", "a b c" },
	{ "=?koi8-r?B?8NLJ18XU?=", "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82" },
	{ "=?iso-2022-jp?B?GyRCJDMbKEI=?=", "\xe3\x81\x93" },
	/* 8-bit text: UTF-8, else windows-1252 */
	{ "J\xc3\xb8rn", "J\xc3\xb8rn" },
	{ "J\xf8rn \x80", "J\xc3\xb8rn \xe2\x82\xac" },
	/* what is none */
	{ "", "" },
	{ "=?", "=?" },
	{ "=?utf-8?Q?a", "=?utf-8?Q?a" },
	{ "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
	{ "=??Q?a?=", "=??Q?a?=" },
	{ "=?utf-8?Q?", "=?utf-8?Q?" },
	{ "=?utf-8 ?Q?a?=", "=?utf-8 ?Q?a?=" },
	{ "=?=?utf-8?Q?a?=", "=?a" },
	{ "=?utf-8?Q?\?=", "" },
	{ "=?utf-8?Q?=zz=4?=", "=zz=4" },
	{ "=?utf-8?B?****?=", "" },
	{ "=?utf-8?Q?=FF?=", "\xef\xbf\xbd" },
	{ "=?x-unknown?Q?=E4?=", "\xc3\xa4" },
	{ "=?cp1252//IGNORE?Q?=E4?=", "\xc3\xa4" },
	{ "a =?utf-8?Q?b?= c =?utf-8?Q?d?=", "a b c d" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[256] = "";
		unsigned conversions = 2;
		struct buf out;

		print_message("%s\n", cases[i].text);
		buf_init_fixed(&out, octets, sizeof octets - 1);
		mime_words_decode(str_of(cases[i].text), &out, &conversions);
		assert_string_equal(octets, cases[i].want);
	}
}

/* Without conversions left a known charset is guessed at. */
static void test_conversions(void **state)
{
	char octets[64] = "";
	unsigned conversions = 1;
	struct buf out;

	(void)state;
	buf_init_fixed(&out, octets, sizeof octets - 1);
	mime_words_decode(STR("=?koi8-r?Q?=C1?= x =?koi8-r?Q?=C1?="), &out, &conversions);
	assert_string_equal(octets, "\xd0\xb0 x \xc3\x81");
	assert_int_equal(conversions, 0);
}

static const struct {
	const char *charset, *octets, *want;
	bool known;
} charsets[] = {
	{ "utf-8", "\xc3\xbc", "\xc3\xbc", true },
	{ "UTF-8", "a\xc3", "a\xef\xbf\xbd", true },
	{ "utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true },
	{ "us-ascii", "\xc3\xbc", "\xc3\xbc", true },
	{ "us-ascii", "\xfc", "\xc3\xbc", true },
	{ "iso-8859-1", "\x93\x81", "\xe2\x80\x9c\xef\xbf\xbd", true },
	{ "windows-1251", "\xcf", "\xd0\x9f", true },
	{ "ks_c_5601-1987", "\xb0\xa1", "\xea\xb0\x80", true },
	{ "x-sjis", "\x82\xa0", "\xe3\x81\x82", true },
	{ "hz-gb-2312", "~{VP~}", "~{VP~}", false },
	{ "gb2312", "\xd6\xd0\xff", "\xe4\xb8\xad\xef\xbf\xbd", true },
	{ "euc-jp", "\xa4", "\xef\xbf\xbd", true },
	{ "", "a", "a", false },
	{ "utf-8 ", "a", "a", false },
	{ "UTF-8//TRANSLIT", "\xfc", "\xc3\xbc", false },
	{ "ISO-2022-CN-EXT", "\xfc", "\xc3\xbc", false },
	{ "unknown-8bit", "\xfc", "\xc3\xbc", false },
};

static void test_charsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
		char octets[64] = "";
		unsigned conversions = 1;
		struct buf out;

		print_message("%s\n", charsets[i].charset);
		buf_init_fixed(&out, octets, sizeof octets - 1);
		bool known = mime_to_utf8(str_of(charsets[i].charset), str_of(charsets[i].octets), &out,
		                          &conversions);
		assert_string_equal(octets, charsets[i].want);
		assert_int_equal(known, charsets[i].known);
		assert_int_equal(mime_charset_known(str_of(charsets[i].charset)), charsets[i].known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_conversions),
		                            cmocka_unit_test(test_charsets) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
