#include "mime/content_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* "type/subtype" and ";name=value" for each parameter; "!" in front where the type was none. */
static const struct {
	const char *body, *want;
} types[] = {
	{ "text/plain", "text/plain" },
	{ "Text/HTML; Charset=\"UTF-8\"", "text/html;charset=UTF-8" },
	{ "text/plain; charset=us-ascii (Plain text)", "text/plain;charset=us-ascii" },
	{ "multipart/mixed; boundary=\"gc0p4Jq0M:2Yt08jU534c0p\"",
	  "multipart/mixed;boundary=gc0p4Jq0M:2Yt08jU534c0p" },
	{ "multipart/mixed;boundary=a=b", "multipart/mixed;boundary=a=b" },
	{ "text/plain charset=utf-8", "text/plain;charset=utf-8" },
	{ "text/plain; a=\"x\" b=y", "text/plain;a=x;b=y" },
	{ "application/pdf; name=my report (1).pdf; x=y", "application/pdf;name=my report (1).pdf;x=y" },
	{ "a/b; q=\"a \\\"b\\\\ c\"", "a/b;q=a \"b\\ c" },
	{ "a/b; ; =x; y; n = v ;", "a/b;n=v" },
	{ "a/b; n=\"not closed", "a/b;n=not closed" },
	{ "a/b; n=\"end\\", "a/b;n=end" },
	{ "a/b; n=\"\"; m=", "a/b;n=;m=" },
	/* RFC 2231 §3, §4, §4.1 */
	{ "message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub\"",
	  "message/external-body;url=ftp://cs.utk.edu/pub;access-type=URL" },
	{ "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
	  "application/x-stuff;title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A" },
	{ "a/b; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; "
	  "title*2=\"isn't "
	  "it!\"",
	  "a/b;title*=us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!" },
	{ "a/b; t*1=b; t*0=a; t*3=d", "a/b;t=ab;t*3=d" },
	{ "a/b; t*0=a; t*0=x", "a/b;t=a;t*0=x" },
	{ "a/b; t*0=a; t*1*=%62", "a/b;t*=''a%62" },
	{ "a/b; t*x=a; *=b; t*1000=c", "a/b;t*x=a;*=b;t*1000=c" },
	/* no type: RFC 2045 §5.2 */
	{ "", "!text/plain" },
	{ "text", "!text/plain" },
	{ "multipart", "!text/plain" },
	{ "/plain; charset=x", "!text/plain;charset=x" },
	{ "text/", "!text/plain" },
	{ "text/plain/x", "!text/plain" },
	{ "te@xt/plain", "!text/plain" },
	{ "; charset=utf-8", "!text/plain;charset=utf-8" },
};

static void show(struct buf *out, const struct mime_parameter_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		buf_add_char(out, ';');
		buf_add(out, l->list[i].name);
		buf_add_char(out, '=');
		buf_add(out, l->list[i].value);
	}
}

static void test_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		char room[1024], shown[512] = "";
		struct buf scratch, out;
		struct mime_content_type t;
		str body = str_of(types[i].body);

		print_message("%s\n", types[i].body);
		buf_init_fixed(&scratch, room, 3 * body.len + 64);
		buf_init_fixed(&out, shown, sizeof shown - 1);
		mime_content_type_parse(body, &scratch, &t);
		buf_add(&out, t.defaulted ? STR("!") : STR(""));
		buf_add(&out, t.type);
		buf_add_char(&out, '/');
		buf_add(&out, t.subtype);
		show(&out, &t.parameters);
		assert_false(t.parameters.cut);
		assert_string_equal(shown, types[i].want);
	}
}

static const struct {
	const char *body, *want;
} dispositions[] = {
	{ "inline", "inline" },
	{ "ATTACHMENT; filename=genome.jpeg; size=17", "attachment;filename=genome.jpeg;size=17" },
	{ "attachment; filename*=utf-8''a%20b", "attachment;filename*=utf-8''a%20b" },
	{ "filename=x", ";filename=x" },
	{ "", "" },
	{ ";;", "" },
};

static void test_dispositions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dispositions / sizeof dispositions[0]; i++) {
		char room[512], shown[512] = "";
		struct buf scratch, out;
		struct mime_disposition d;

		print_message("%s\n", dispositions[i].body);
		buf_init_fixed(&scratch, room, sizeof room);
		buf_init_fixed(&out, shown, sizeof shown - 1);
		mime_disposition_parse(str_of(dispositions[i].body), &scratch, &d);
		buf_add(&out, d.value);
		show(&out, &d.parameters);
		assert_string_equal(shown, dispositions[i].want);
	}
}

static void test_limit(void **state)
{
	char body[4096], room[3 * 4096 + 64];
	struct mime_content_type t;
	struct buf scratch;
	int len = snprintf(body, sizeof body, "a/b");

	(void)state;
	for (unsigned i = 0; i < LIMIT_MIME_PARAMETERS; i++)
		len += snprintf(body + len, sizeof body - (size_t)len, ";p%u=%u", i, i);
	buf_init_fixed(&scratch, room, sizeof room);
	mime_content_type_parse((str){ body, (size_t)len }, &scratch, &t);
	assert_int_equal(t.parameters.count, LIMIT_MIME_PARAMETERS);
	assert_false(t.parameters.cut);
	len += snprintf(body + len, sizeof body - (size_t)len, ";one=more");
	buf_clear(&scratch);
	mime_content_type_parse((str){ body, (size_t)len }, &scratch, &t);
	assert_int_equal(t.parameters.count, LIMIT_MIME_PARAMETERS);
	assert_true(t.parameters.cut);
}

static const struct {
	const char *value, *want;
} values[] = {
	{ "us-ascii'en'a%20b", "a b" },
	{ "iso-8859-1''%A3%20rates", "\xc2\xa3 rates" },
	{ "UTF-8''%e2%82%ac%20rates", "\xe2\x82\xac rates" },
	{ "''plain", "plain" },
	{ "no quotes %41", "no quotes A" },
	{ "utf-8''100%", "100%" },
	{ "utf-8''%4", "%4" },
	{ "utf-8''%zz%41", "%zzA" },
	{ "utf-8''%ff", "\xef\xbf\xbd" },
	{ "x-unknown''%e4", "\xc3\xa4" },
	{ "", "" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		char room[256] = "";
		unsigned conversions = 1;
		struct buf out;

		print_message("%s\n", values[i].value);
		buf_init_fixed(&out, room, sizeof room - 1);
		buf_add(&out, STR("="));
		mime_parameter_decode(str_of(values[i].value), &out, &conversions);
		assert_int_equal(out.len, 1 + strlen(values[i].want));
		assert_memory_equal(room + 1, values[i].want, strlen(values[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_dispositions),
		                            cmocka_unit_test(test_limit), cmocka_unit_test(test_values) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
