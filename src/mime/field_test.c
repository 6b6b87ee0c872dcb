#include "mime/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mime/content_type.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

static const struct {
	const char *text, *want;
} texts[] = {
	{ "", "Subject:\r\n" },
	{ "Hello", "Subject: Hello\r\n" },
	{ " two words ", "Subject: two words\r\n" },
	{ "a  b", "Subject: a =?utf-8?q?_b?=\r\n" },
	{ "Bücher & mehr", "Subject: =?utf-8?q?B=C3=BCcher?= & mehr\r\n" },
	{ "Grüße aus Köln", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?q?K=C3=B6ln?=\r\n" },
	{ "für Größe", "Subject: =?utf-8?b?ZsO8ciBHcsO2w59l?=\r\n" },
	{ "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\n" },
	{ "=?utf-8?q?x?=", "Subject: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?=\r\n" },
	{ "a\r\nBcc: evil@example.net", "Subject: =?utf-8?q?a=0D=0ABcc=3A?= evil@example.net\r\n" },
	{ "\xff", "Subject: =?utf-8?b?77+9?=\r\n" },
	{ "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
	  "Subject: one two three four five six seven eight nine ten eleven twelve\r\n thirteen "
	  "fourteen\r\n" },
	{ "ÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüßÄÖÜäöüß",
	  "Subject: =?utf-8?b?w4TDlsOcw6TDtsO8w5/DhMOWw5zDpMO2w7zDn8OEw5bDnMOkw7Y=?=\r\n"
	  " =?utf-8?b?w7zDn8OEw5bDnMOkw7bDvMOfw4TDlsOcw6TDtsO8w58=?=\r\n" },
};

static void test_texts(void **state)
{
	char octets[4096];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		buf_init_fixed(&out, octets, sizeof octets);
		mime_field_add_text(&out, STR("Subject"), str_of(texts[i].text));
		print_message("%s\n%.*s", texts[i].text, STR_ARG(buf_str(&out)));
		assert_true(str_eq(buf_str(&out), str_of(texts[i].want)));
	}
}

#define ADDRESS(n, m, h) \
	{ \
		.name = STR_INIT(n), .mailbox = STR_INIT(m), .host = STR_INIT(h) \
	}

static const struct {
	struct mime_address list[4];
	const char *want;
} addresses[] = {
	{ { ADDRESS("", "ann", "shop.example") }, "To: ann@shop.example\r\n" },
	{ { ADDRESS("Ann Example", "ann", "shop.example") }, "To: Ann Example <ann@shop.example>\r\n" },
	{ { ADDRESS("Example, Ann", "ann", "shop.example") }, "To: \"Example, Ann\" <ann@shop.example>\r\n" },
	{ { ADDRESS("J. \"Jo\" \\ X", "jo", "a.example") },
	  "To: \"J. \\\"Jo\\\" \\\\ X\" <jo@a.example>\r\n" },
	{ { ADDRESS("Jürgen", "j", "a.example") }, "To: =?utf-8?q?J=C3=BCrgen?= <j@a.example>\r\n" },
	{ { ADDRESS("x =?utf-8?q?y?=", "j", "a.example") },
	  "To: =?utf-8?b?eCA9P3V0Zi04P3E/eT89?= <j@a.example>\r\n" },
	{ { ADDRESS("", "a b", "[192.0.2.1]") }, "To: \"a b\"@[192.0.2.1]\r\n" },
	{ { ADDRESS("", "a..b", "x.example") }, "To: \"a..b\"@x.example\r\n" },
	{ { ADDRESS("", "", "x.example") }, "To: \"\"@x.example\r\n" },
	{ { ADDRESS("", "a\r\nX: y", "x\r\n.example") }, "To: \"a??X: y\"@x??.example\r\n" },
	{ { ADDRESS("", "j\xc3\xbcrgen",
	            "b\xc3\xbc"
	            "cher.example") },
	  "To: j\xc3\xbcrgen@b\xc3\xbc"
	  "cher.example\r\n" },
	{ { ADDRESS("Ann", "ann", "shop.example"), ADDRESS("", "bob", "shop.example") },
	  "To: Ann <ann@shop.example>, bob@shop.example\r\n" },
	{ { { .kind = MIME_ADDRESS_GROUP_BEGIN, .name = STR_INIT("friends") },
	    ADDRESS("", "a", "b.example"),
	    { .kind = MIME_ADDRESS_GROUP_END },
	    ADDRESS("", "c", "d.example") },
	  "To: friends: a@b.example;, c@d.example\r\n" },
	{ { { .kind = MIME_ADDRESS_GROUP_BEGIN }, { .kind = MIME_ADDRESS_GROUP_END } },
	  "To: undisclosed:;\r\n" },
	{ { ADDRESS("A name that is long enough", "a.mailbox.that.is.long.enough", "to.be.folded.example"),
	    ADDRESS("", "and", "another.example") },
	  "To: A name that is long enough\r\n <a.mailbox.that.is.long.enough@to.be.folded.example>,\r\n"
	  " and@another.example\r\n" },
};

static void test_addresses(void **state)
{
	char octets[4096];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct mime_field_writer f;
		buf_init_fixed(&out, octets, sizeof octets);
		mime_field_begin(&f, &out, STR("To"));
		for (size_t j = 0; j < 4; j++) {
			const struct mime_address *a = &addresses[i].list[j];
			if (a->kind != MIME_ADDRESS_MAILBOX || a->mailbox.ptr)
				mime_field_address(&f, a);
		}
		mime_field_end(&f);
		print_message("%s%.*s", addresses[i].want, STR_ARG(buf_str(&out)));
		assert_true(str_eq(buf_str(&out), str_of(addresses[i].want)));
	}
}

static const struct {
	const char *value, *want;
} parameters[] = {
	{ "x.pdf", "; name=x.pdf" },
	{ "", "; name=\"\"" },
	{ "my file.pdf", "; name=\"my file.pdf\"" },
	{ "a\"b\\c", "; name=\"a\\\"b\\\\c\"" },
	{ "Übersicht.pdf", "; name*=utf-8''%C3%9Cbersicht.pdf" },
	{ "a\r\nX: y", "; name*=utf-8''a%0D%0AX%3A%20y" },
	{ "a name that is too long to stand within quotes on one line of a header field.pdf",
	  ";\r\n name*0*=utf-8''a%20name%20that%20is%20too%20long%20to%20stand%20within%20;\r\n"
	  " name*1*=quotes%20on%20one%20line%20of%20a%20header%20field.pdf" },
};

static void test_parameters(void **state)
{
	char octets[4096];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
		struct mime_field_writer f;
		buf_init_fixed(&out, octets, sizeof octets);
		mime_field_begin(&f, &out, STR("C"));
		mime_field_word(&f, STR("a/b"));
		mime_field_parameter(&f, STR("name"), str_of(parameters[i].value));
		print_message("%s\n%.*s\n", parameters[i].value, STR_ARG(buf_str(&out)));
		assert_true(str_eq(str_from(buf_str(&out), sizeof "C: a/b" - 1), str_of(parameters[i].want)));
	}
}

static void test_others(void **state)
{
	char octets[4096];
	struct buf out;
	struct mime_field_writer f;

	(void)state;
	buf_init_fixed(&out, octets, sizeof octets);
	mime_field_add_date(&out, STR("Date"), (struct mime_date){ .ms = 1057049557000, .zone = 120 });
	mime_field_add_id(&out, STR("Message-ID"), STR("1@a.example"));
	mime_field_add_id(&out, STR("Message-ID"), STR("1>\r\nX: <@a"));
	mime_field_begin(&f, &out, STR("MIME-Version"));
	mime_field_word(&f, STR("1.0\r\n"));
	mime_field_end(&f);
	print_message("%.*s", STR_ARG(buf_str(&out)));
	assert_true(str_eq(buf_str(&out), STR("Date: Tue, 1 Jul 2003 10:52:37 +0200\r\n"
	                                      "Message-ID: <1@a.example>\r\n"
	                                      "Message-ID: <1???X:??@a>\r\n"
	                                      "MIME-Version: 1.0??\r\n")));
	buf_init_fixed(&out, octets, 20);
	mime_field_add_text(&out, STR("Subject"), STR("more than there is room for"));
	assert_int_equal(buf_err(&out).code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_addresses),
		                            cmocka_unit_test(test_parameters),
		                            cmocka_unit_test(test_others) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
