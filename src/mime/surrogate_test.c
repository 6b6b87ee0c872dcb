#include "mime/surrogate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

#define INVALID "<invalid@internationalized-address.invalid>"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"

static const struct {
	const char *name;
	const char *in, *want; /* want NULL: as in */
} cases[] = {
	{ "nothing", "", NULL },
	{ "ASCII", "Subject: x\r\nFrom: a@b.example\r\n\r\n\xc3\xa4\r\n", NULL },
	{ "LF line ends", "Subject: x\nFrom: a@b.example\n\nx\n", NULL },
	{ "no last line end", "Subject: x", NULL },
	{ "subject (RFC 6858 §2.3)", "Subject: Gr\xc3\xbc\xc3\x9f\x65\r\n\r\n",
	  "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n" },
	{ "half encoded, folded", "Subject: =?utf-8?q?=C3=A4?= and\r\n \xc3\xb6\r\n\r\n",
	  "Subject: =?utf-8?q?=C3=A4?= and =?utf-8?q?=C3=B6?=\r\n\r\n" },
	{ "an internationalized address (§2.1)", "From: Fred Foo <fred@\xc3\xa9x.example>\r\n\r\n",
	  "From: =?utf-8?q?Fred_Foo_=3Cfred=40=C3=A9x=2Eexample=3E?=\r\n " INVALID "\r\n\r\n" },
	{ "without a name", "To: \xc3\xa9@x.example\r\n\r\n",
	  "To: =?utf-8?q?=C3=A9=40x=2Eexample?=\r\n " INVALID "\r\n\r\n" },
	{ "among others", "Cc: a@b.example, \xc3\xa9 <c@d.example>,\r\n g: \xc3\xa9@x.example;\r\n\r\n",
	  "Cc: a@b.example, =?utf-8?q?=C3=A9?= <c@d.example>, g:\r\n"
	  " =?utf-8?q?=C3=A9=40x=2Eexample?=\r\n " INVALID ";\r\n\r\n" },
	{ "every field of them",
	  "Resent-Sender: \xc3\xa9@x.example\r\nRETURN-PATH: <\xc3\xa9@x.example>\r\n\r\n",
	  "Resent-Sender: =?utf-8?q?=C3=A9=40x=2Eexample?=\r\n " INVALID "\r\nRETURN-PATH: " INVALID
	  "\r\n\r\n" },
	{ "no address", "To: \xc3\xa9t\xc3\xa9\r\n\r\n", "To: =?utf-8?b?w6l0w6k=?= " INVALID "\r\n\r\n" },
	{ "no address at all", "To: (\xc3\xa9)\r\nSubject: \xc3\xa9\r\n\r\n",
	  "Subject: =?utf-8?q?=C3=A9?=\r\n\r\n" },
	{ "parameters (§2.2)", "Content-Disposition: attachment; filename=\xc3\xa9;\r\n size=1\r\n\r\n",
	  "Content-Disposition: attachment;\r\n size=1\r\n\r\n" },
	{ "the example there", "Content-Disposition: attachment; filename=F\xc3\xa9\r\n\r\n",
	  "Content-Disposition: attachment\r\n\r\n" },
	{ "all sections", "Content-Type: a/b; x=\"1;\xc3\xa9\"; Y*0=a; z=2; y*1=\xc3\xa9 (;\"c)\r\n\r\n",
	  "Content-Type: a/b; z=2\r\n\r\n" },
	{ "the value itself", "Content-Type: a/\xc3\xa9; x=y\r\n\r\n", "\r\n" },
	{ "and another", "Content-Type: a/b\xc3\xa9\r\n" MIXED "\r\n--b\r\n\xc3\xa9: x\r\n\r\n",
	  "\r\n--b\r\n\xc3\xa9: x\r\n\r\n" },
	{ "one that does not count", "Content-Type: \xc3\xa9\r\n" MIXED "\r\n--b\r\n\xc3\xa9: x\r\n\r\n",
	  MIXED "\r\n--b\r\n\r\n" },
	{ "the encoding", "Content-Transfer-Encoding: base64 (\xc3\xa9)\r\n\r\nQUJD\r\n",
	  "Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n" },
	{ "a boundary that was hidden", "Content-Type: multipart/x; a boundary=\xc3\xa9; boundary=b\r\n\r\n",
	  "\r\n" },
	{ "other fields (§2.4)",
	  "Comments: \xc3\xa9\r\nA: b\r\nX\xc3\xa9: y\r\n\xc3\xa9\r\nReferences: <\xc3\xa9@x>\r\n\r\n",
	  "A: b\r\n\r\n" },
	{ "parts and their messages",
	  MIXED
	  "\r\n--b\r\nContent-Description: \xc3\xa9\r\n\r\n\xc3\xa9\r\n--b\r\n"
	  "Content-Type: message/rfc822\r\n\r\nSubject: \xc3\xa9\r\n\r\n\xc3\xa9\r\n--b--\r\n\xc3\xa9: x\r\n",
	  MIXED "\r\n--b\r\n\r\n\xc3\xa9\r\n--b\r\n"
	        "Content-Type: message/rfc822\r\n\r\nSubject: "
	        "=?utf-8?q?=C3=A9?=\r\n\r\n\xc3\xa9\r\n--b--\r\n\xc3\xa9: x\r\n" },
	{ "Latin-1", "Subject: \xe9t\xe9\r\n\r\n", "Subject: =?utf-8?b?w6l0w6k=?=\r\n\r\n" },
	{ "controls", "Subject: \xc3\xa9\r\r\n X\r\n\r\n", "Subject: =?utf-8?b?w6kN?= X\r\n\r\n" },
};

static err surrogate(str in, size_t chunk, struct buf *out)
{
	struct mime_surrogate *s;
	struct arena arena;
	str run;

	arena_init(&arena, NULL, 4 * LIMIT_MB);
	TRY(mime_surrogate_new(&arena, &s));
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_surrogate_next(s, &some, &run))
			buf_add(out, run);
		assert_int_equal(some.len, 0);
	}
	str none = STR("");
	mime_surrogate_end(s);
	while (mime_surrogate_next(s, &none, &run))
		buf_add(out, run);
	err e = mime_surrogate_err(s);
	arena_reset(&arena);
	return e;
}

static void test_messages(void **state)
{
	char octets[4096];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t chunk = 1; chunk <= strlen(cases[i].in) + 1; chunk++) {
			buf_init_fixed(&out, octets, sizeof octets);
			assert_int_equal(surrogate(str_of(cases[i].in), chunk, &out).code, ERR_OK);
			const char *want = cases[i].want ? cases[i].want : cases[i].in;
			print_message("%s, by %zu\n%.*s\n", cases[i].name, chunk, STR_ARG(buf_str(&out)));
			assert_true(str_eq(buf_str(&out), str_of(want)));
		}
	}
}

/* Of a field at the limit there is a surrogate; past it, its 8-bit octets go. */
static void test_long_field(void **state)
{
	static char octets[LIMIT_HEADER_FIELD + 64], made[2 * LIMIT_HEADER_FIELD];
	static const size_t chunks[] = { 999, sizeof octets };

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
			struct buf in, out;
			buf_init_fixed(&in, octets, sizeof octets);
			buf_init_fixed(&out, made, sizeof made);
			buf_add(&in, STR("Comments: \xc3\xa9"));
			while (in.len < LIMIT_HEADER_FIELD - 2 + more)
				buf_add_char(&in, 'x');
			buf_add(&in, STR("\r\n\r\n"));
			assert_int_equal(surrogate(buf_str(&in), chunks[i], &out).code, ERR_OK);
			assert_int_equal(out.len, more ? in.len - 2 : 2);
			assert_true(str_starts(buf_str(&out), more ? STR("Comments: xxx") : CRLF));
		}
	}
}

static void test_memory(void **state)
{
	static char octets[LIMIT_HEADER_FIELD];
	struct mime_surrogate *s = NULL;
	struct arena arena;
	str run, in = { octets, sizeof octets };

	(void)state;
	arena_init(&arena, NULL, 1024);
	assert_int_equal(mime_surrogate_new(&arena, &s).code, ERR_NOSPACE);
	assert_null(s);
	arena_reset(&arena);
	arena_init(&arena, NULL, 32 * LIMIT_KB);
	assert_int_equal(mime_surrogate_new(&arena, &s).code, ERR_OK);
	memset(octets, 'x', sizeof octets);
	while (mime_surrogate_next(s, &in, &run))
		;
	assert_int_equal(mime_surrogate_err(s).code, ERR_NOSPACE);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_messages),
		                            cmocka_unit_test(test_long_field),
		                            cmocka_unit_test(test_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
