#include "mime/seven_bit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

enum { ROOM = LIMIT_MB };

static struct arena arena;

/* `chunk` octets at a time. */
static err convert(str in, size_t chunk, struct mime_seven_bit_plan *plan, str *out)
{
	struct mime_seven_bit_survey *s;
	struct mime_seven_bit *f;
	struct buf b;
	str none = STR(""), run;

	TRY(mime_seven_bit_survey_new(&arena, &s));
	for (size_t at = 0; at < in.len; at += chunk)
		mime_seven_bit_survey_push(s, str_slice(in, at, in.len - at < chunk ? in.len : at + chunk));
	TRY(mime_seven_bit_survey_end(s, plan));
	TRY(mime_seven_bit_new(&arena, plan, &f));
	buf_init(&b, &arena, 4 * ROOM);
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_seven_bit_next(f, &some, &run))
			buf_add(&b, run);
		assert_int_equal(some.len, 0);
	}
	mime_seven_bit_end(f);
	while (mime_seven_bit_next(f, &none, &run))
		buf_add(&b, run);
	TRY(mime_seven_bit_err(f));
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

static void check(const char *name, str in, err_code code, str expected)
{
	static const size_t chunks[] = { 1, 2, 7, 64, ROOM };

	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		struct mime_seven_bit_plan plan = { .marks = STR("untouched") };
		str out = STR("");

		arena_init(&arena, NULL, 64u * LIMIT_MB);
		err e = convert(in, chunks[i], &plan, &out);
		if (e.code != code || (code == ERR_OK && !str_eq(out, expected)))
			print_error("%s, %zu: %d %s\n%.*s\n", name, chunks[i], (int)e.code,
			            e.what ? e.what : "", STR_ARG(out));
		assert_int_equal(e.code, code);
		if (code == ERR_OK) {
			assert_true(str_eq(out, expected));
			assert_int_equal(plan.changes, !str_eq(in, expected));
		} else {
			assert_true(str_eq(plan.marks, STR("untouched")));
		}
		arena_reset(&arena);
	}
}

#define V "MIME-Version: 1.0\r\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"
#define CTE "Content-Transfer-Encoding: "
#define E_ACUTE "\xc3\xa9"
#define CYRILLIC "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\r\n"
#define X62 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* What becomes of a message; `out` empty: it stays as it is. */
static const struct {
	const char *name;
	str in, out;
} converted[] = {
	{ "text with its encoding replaced where it stands",
	  STR_INIT(V CTE "8bit\r\n" TEXT "Subject: x\r\n\r\ncaf" E_ACUTE " au lait, s'il vous plait\r\n"),
	  STR_INIT(V CTE "quoted-printable\r\n" TEXT
	                 "Subject: x\r\n\r\ncaf=C3=A9 au lait, s'il vous plait\r\n") },
	{ "text without an encoding", STR_INIT(V TEXT "\r\ncaf" E_ACUTE " au lait, s'il vous plait\r\n"),
	  STR_INIT(V TEXT CTE "quoted-printable\r\n\r\ncaf=C3=A9 au lait, s'il vous plait\r\n") },
	{ "text that is short in base64", STR_INIT(V TEXT CTE "8bit\r\n\r\n" CYRILLIC),
	  STR_INIT(V TEXT CTE "base64\r\n\r\n0J/RgNC40LLQtdGCDQo=\r\n") },
	{ "no text", STR_INIT(V "Content-Type: image/png\r\n" CTE "binary\r\n\r\n\x89PNG\r\n\r\n"),
	  STR_INIT(V "Content-Type: image/png\r\n" CTE "base64\r\n\r\niVBORw0KDQo=\r\n") },
	{ "older than MIME (RFC 1428)", STR_INIT("Subject: x\r\n\r\ncaf\xe9 au lait\r\n"),
	  STR_INIT("Subject: x\r\n" V "Content-Type: text/plain; charset=unknown-8bit\r\n" CTE
	           "quoted-printable\r\n\r\ncaf=E9 au lait\r\n") },
	{ "its version forgotten", STR_INIT(TEXT "\r\ncaf" E_ACUTE " au lait, s'il vous plait\r\n"),
	  STR_INIT(TEXT V CTE "quoted-printable\r\n\r\ncaf=C3=A9 au lait, s'il vous plait\r\n") },
	{ "its type forgotten", STR_INIT(V "\r\ncaf\xe9 au lait\r\n"),
	  STR_INIT(V CTE "quoted-printable\r\n\r\ncaf=E9 au lait\r\n") },
	{ "one part of three",
	  STR_INIT(V MIXED CTE "8bit\r\n\r\npreamble\r\n--b\r\n\r\nplain\r\n"
	                       "--b\r\n" TEXT CTE "8bit\r\n\r\ncaf" E_ACUTE
	                       " au lait, s'il vous plait\r\n--b\r\n" CTE
	                       "8bit\r\n\r\nplain\r\n--b--\r\nepilogue\r\n"),
	  STR_INIT(V MIXED CTE "7bit\r\n\r\npreamble\r\n--b\r\n\r\nplain\r\n"
	                       "--b\r\n" TEXT CTE
	                       "quoted-printable\r\n\r\ncaf=C3=A9 au lait, s'il vous plait\r\n--b\r\n" CTE
	                       "8bit\r\n\r\nplain\r\n--b--\r\nepilogue\r\n") },
	{ "a message within, whose parts are encoded",
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n" CTE
	                   "8bit\r\n\r\nSubject: y\r\n\r\ncaf\xe9 au lait\r\n--b--\r\n"),
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n" CTE "7bit\r\n\r\nSubject: y\r\n" V
	                   "Content-Type: text/plain; charset=unknown-8bit\r\n" CTE
	                   "quoted-printable\r\n\r\ncaf=E9 au lait\r\n--b--\r\n") },
	{ "a part of a multipart without end",
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: image/png\r\n\r\n\x89PNG"),
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: image/png\r\n" CTE "base64\r\n\r\niVBORw==\r\n") },
	{ "base64 before a delimiter",
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"),
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Type: image/png\r\n" CTE
	                   "base64\r\n\r\niVBORw==\r\n--b--\r\n") },
	{ "a long line", STR_INIT(V "\r\n" X62 "-" X62 "\r\n"), { 0 } },
	{ "a line that a soft line end would make a delimiter",
	  STR_INIT(V MIXED "\r\n--b\r\n\r\n" X62 "\xe9yyyyyyyyyy--b\r\n--b--\r\n"),
	  STR_INIT(V MIXED "\r\n--b\r\n" CTE "quoted-printable\r\n\r\n" X62
	                   "=E9yyyyyyyyyy=\r\n=2D-b\r\n--b--\r\n") },
	{ "a line that an escape would make a delimiter",
	  STR_INIT(V "Content-Type: multipart/mixed; boundary=\"b=E9\"\r\n\r\n--b=E9\r\n\r\n--b\xe9\r\n"
	             "and more text\r\n--b=E9--\r\n"),
	  STR_INIT(V "Content-Type: multipart/mixed; boundary=\"b=E9\"\r\n\r\n--b=E9\r\n" CTE
	             "quoted-printable\r\n\r\n=2D-b=E9\r\nand more text\r\n--b=E9--\r\n") },
	{ "a bare LF and a bare CR", STR_INIT(V TEXT "\r\none\ntwo\rthree, four, five\r\n"),
	  STR_INIT(V TEXT CTE "quoted-printable\r\n\r\none=0Atwo=0Dthree, four, five\r\n") },
	{ "a CR at the end", STR_INIT(V TEXT "\r\none\r"),
	  STR_INIT(V TEXT CTE "quoted-printable\r\n\r\none=0D") },
	{ "7-bit under any label", STR_INIT(V TEXT CTE "8bit\r\n\r\ncafe\r\n"), { 0 } },
	{ "7-bit within signed",
	  STR_INIT(V "Content-Type: multipart/signed; boundary=b\r\n\r\n"
	             "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n"),
	  { 0 } },
	{ "encoded already", STR_INIT(V TEXT CTE "quoted-printable\r\n\r\ncaf=C3=A9\r\n"), { 0 } },
	{ "an encoding nobody knows, and 7-bit", STR_INIT(V CTE "x-uuencode\r\n\r\nbegin 644\r\n"), { 0 } },
	{ "two encodings, and 7-bit", STR_INIT(V CTE "8bit\r\n" CTE "base64\r\n\r\nx\r\n"), { 0 } },
	{ "a header alone", STR_INIT("Subject: x\r\n"), { 0 } },
	{ "nothing", STR_INIT(""), { 0 } },
	{ "a status report in 7-bit",
	  STR_INIT(V "Content-Type: message/delivery-status\r\n\r\nx: y\r\n"),
	  { 0 } },
};

static void test_converted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof converted / sizeof converted[0]; i++) {
		print_message("%s\n", converted[i].name);
		check(converted[i].name, converted[i].in, ERR_OK,
		      converted[i].out.len ? converted[i].out : converted[i].in);
	}
}

#define SIGNED "Content-Type: multipart/signed; protocol=x; boundary=b\r\n"

static const struct {
	const char *name;
	str in;
} refused[] = {
	{ "a subject in UTF-8", STR_INIT("Subject: caf" E_ACUTE "\r\n\r\nx\r\n") },
	{ "a subject in Latin-1", STR_INIT("Subject: caf\xe9\r\n\r\nx\r\n") },
	{ "a line that is no field", STR_INIT("caf\xe9\r\n\r\nx\r\n") },
	{ "the header of a part",
	  STR_INIT(V MIXED "\r\n--b\r\nContent-Description: caf\xe9\r\n\r\nx\r\n--b--\r\n") },
	{ "the header of a message within",
	  STR_INIT(V "Content-Type: message/rfc822\r\n\r\nSubject: caf\xe9\r\n\r\nx\r\n") },
	{ "a preamble", STR_INIT(V MIXED "\r\ncaf\xe9\r\n--b\r\n\r\nx\r\n--b--\r\n") },
	{ "an epilogue", STR_INIT(V MIXED "\r\n--b\r\n\r\nx\r\n--b--\r\ncaf\xe9\r\n") },
	{ "what is signed", STR_INIT(V SIGNED "\r\n--b\r\n\r\ncaf\xe9\r\n--b\r\n\r\nx\r\n--b--\r\n") },
	{ "the signature", STR_INIT(V SIGNED "\r\n--b\r\n\r\nx\r\n--b\r\n\r\ncaf\xe9\r\n--b--\r\n") },
	{ "a message within what is signed",
	  STR_INIT(V SIGNED "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\r\ncaf\xe9\r\n--b--\r\n") },
	{ "base64 that is none", STR_INIT(V CTE "base64\r\n\r\ncaf\xe9\r\n") },
	{ "quoted-printable that is none", STR_INIT(V CTE "quoted-printable\r\n\r\ncaf\xe9\r\n") },
	{ "an encoding nobody knows", STR_INIT(V CTE "x-uuencode\r\n\r\ncaf\xe9\r\n") },
	{ "two encodings", STR_INIT(V CTE "8bit\r\n" CTE "base64\r\n\r\ncaf\xe9\r\n") },
	{ "a multipart under base64", STR_INIT(V MIXED CTE "base64\r\n\r\n--b\r\n\r\ncaf\xe9\r\n--b--\r\n") },
	{ "a message under base64",
	  STR_INIT(V "Content-Type: message/rfc822\r\n" CTE "base64\r\n\r\ncaf\xe9\r\n") },
	{ "a multipart without a boundary", STR_INIT(V "Content-Type: multipart/mixed\r\n\r\ncaf\xe9\r\n") },
	{ "a fragment of a message", STR_INIT(V "Content-Type: message/partial\r\n\r\ncaf\xe9\r\n") },
	{ "a body elsewhere", STR_INIT(V "Content-Type: message/external-body\r\n\r\n\r\ncaf\xe9\r\n") },
	{ "a status report", STR_INIT(V "Content-Type: message/delivery-status\r\n\r\ncaf\xe9\r\n") },
	{ "a NUL between parts", STR_INIT(V MIXED "\r\n\0\r\n--b\r\n\r\nx\r\n--b--\r\n") },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		print_message("%s\n", refused[i].name);
		check(refused[i].name, refused[i].in, ERR_DENIED, STR(""));
	}
}

/* `before`, `count` times `c`, `after`. */
static str around(const char *before, char c, size_t count, const char *after)
{
	static char octets[ROOM];
	size_t n = strlen(before);

	memcpy(octets, before, n);
	memset(octets + n, c, count);
	n += count;
	memcpy(octets + n, after, strlen(after));
	return (str){ octets, n + strlen(after) };
}

static bool changes(str in)
{
	struct mime_seven_bit_plan plan;
	str out = STR("");

	arena_init(&arena, NULL, 64u * LIMIT_MB);
	assert_int_equal(convert(in, ROOM, &plan, &out).code, ERR_OK);
	bool differs = !str_eq(in, out), longer = false;
	while (out.len)
		longer |= str_cut(&out, '\n').len > 999;
	assert_false(differs && longer);
	arena_reset(&arena);
	return differs;
}

/* 998 octets and CRLF (RFC 2045 §2.7). */
static void test_line_limit(void **state)
{
	(void)state;
	assert_false(changes(around(V TEXT "\r\n", 'x', 998, "\r\n")));
	assert_true(changes(around(V TEXT "\r\n", 'x', 999, "\r\n")));
	assert_false(changes(around(V TEXT "\r\nfirst\r\n", 'x', 998, "\r\nlast\r\n")));
	assert_true(changes(around(V TEXT "\r\nfirst\r\n", 'x', 999, "")));
	assert_false(changes(around(V MIXED "\r\n--b\r\n\r\n", 'x', 998, "\r\n--b--\r\n")));
	assert_true(changes(around(V MIXED "\r\n--b\r\n\r\n", 'x', 999, "\r\n--b--\r\n")));
	/* Where it may not be changed a long line stays, and is nobody's reason to return the message. */
	assert_false(changes(around(V SIGNED "\r\n--b\r\n\r\n", 'x', 999, "\r\n--b--\r\n")));
	assert_false(changes(around(V CTE "base64\r\n\r\n", 'x', 9999, "\r\n")));
	assert_false(changes(around(V MIXED "\r\n", 'x', 999, "\r\n--b\r\n\r\nx\r\n--b--\r\n")));
	assert_false(changes(around("X: ", 'x', 100000, "\r\n\r\nx\r\n")));
}

/* `depth` multiparts around one octet. */
static str nested(size_t depth)
{
	static char octets[LIMIT_MB];
	size_t n = 0;

	for (size_t i = 0; i < depth; i++)
		n += (size_t)snprintf(octets + n, sizeof octets - n,
		                      "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", i, i);
	n += (size_t)snprintf(octets + n, sizeof octets - n, "\r\n\xe9\r\n");
	return (str){ octets, n };
}

static err_code code_of(str in, size_t arena_octets)
{
	struct mime_seven_bit_plan plan;
	str out;

	arena_init(&arena, NULL, arena_octets);
	err e = convert(in, ROOM, &plan, &out);
	arena_reset(&arena);
	return e.code;
}

static void test_limits(void **state)
{
	static char octets[16 * LIMIT_SEVEN_BIT_PARTS];
	size_t n = 0;

	(void)state;
	assert_int_equal(code_of(nested(LIMIT_MIME_DEPTH), 64u * LIMIT_MB), ERR_OK);
	assert_int_equal(code_of(nested(LIMIT_MIME_DEPTH + 1), 64u * LIMIT_MB), ERR_LIMIT);
	n += (size_t)snprintf(octets, sizeof octets, V MIXED "\r\n");
	for (size_t i = 2; i < LIMIT_SEVEN_BIT_PARTS; i++)
		n += (size_t)snprintf(octets + n, sizeof octets - n, "--b\r\n\r\nx\r\n");
	size_t most = n + (size_t)snprintf(octets + n, sizeof octets - n, "--b\r\n\r\n\xe9\r\n");
	assert_int_equal(code_of((str){ octets, most }, 64u * LIMIT_MB), ERR_OK);
	most = n + (size_t)snprintf(octets + n, sizeof octets - n, "--b\r\n\r\nx\r\n--b\r\n\r\n\xe9\r\n");
	assert_int_equal(code_of((str){ octets, most }, 64u * LIMIT_MB), ERR_LIMIT);
	most = n + (size_t)snprintf(octets + n, sizeof octets - n, "--b\r\n\r\nx\r\n--b\r\n\r\nx\r\n");
	assert_int_equal(code_of((str){ octets, most }, 64u * LIMIT_MB), ERR_OK);
}

/* Without memory it says so, wherever that begins. */
static void test_memory(void **state)
{
	str in = around(V MIXED "\r\n--b\r\nX: ", 'x', 5000, "\r\n\r\n\xe9\r\n--b--\r\n");
	bool fits = false;

	(void)state;
	for (size_t octets = 0; octets < 400 * LIMIT_KB; octets += 2 * LIMIT_KB) {
		err_code code = code_of(in, octets);
		assert_true(code == ERR_NOSPACE || code == ERR_OK);
		assert_false(fits && code != ERR_OK);
		fits = code == ERR_OK;
	}
	assert_true(fits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_converted),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_line_limit), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
