#include "mime/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

#define BINARY "Content-Transfer-Encoding: binary\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n"
#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"
#define MESSAGE "Content-Type: message/rfc822\r\n"

static const struct {
	const char *name;
	str in, want; /* want empty: as in */
	err_code code;
} cases[] = {
	{ "nothing", STR_INIT(""), STR_INIT(""), ERR_OK },
	{ "plain", STR_INIT("Subject: x\r\n\r\nbody\r\n"), STR_INIT(""), ERR_OK },
	{ "no last line end", STR_INIT("Subject: x\r\n\r\nbody"), STR_INIT(""), ERR_OK },
	{ "8bit stays", STR_INIT(EIGHT "\r\n\xff\xfe\r\n"), STR_INIT(""), ERR_OK },
	{ "base64 stays", STR_INIT(BASE64 "\r\nAAEC\r\n"), STR_INIT(""), ERR_OK },
	{ "a binary message", STR_INIT(BINARY "A: b\r\n\r\n\0\n\r\xff"),
	  STR_INIT("A: b\r\n" BASE64 "\r\nAAoN/w==\r\n"), ERR_OK },
	{ "in any case, folded, with a comment",
	  STR_INIT("content-transfer-encoding :\r\n BINARY (raw)\r\n\r\n\n"), STR_INIT(BASE64 "\r\nCg==\r\n"),
	  ERR_OK },
	{ "its last line end is its own", STR_INIT(BINARY "\r\nx\r\n"), STR_INIT(BASE64 "\r\neA0K\r\n"),
	  ERR_OK },
	{ "an empty one", STR_INIT(BINARY "\r\n"), STR_INIT(BASE64 "\r\n"), ERR_OK },
	{ "a header alone", STR_INIT(BINARY), STR_INIT(BASE64), ERR_OK },
	{ "a cut header", STR_INIT("A: b\r\nContent-Transfer-Encoding: binary"), STR_INIT("A: b\r\n" BASE64),
	  ERR_OK },
	{ "a header cut later", STR_INIT(BINARY "A: b"), STR_INIT("A: b\r\n" BASE64), ERR_OK },
	{ "parts",
	  STR_INIT(MIXED BINARY "\r\npre\r\n--b\r\n" BINARY "\r\n\0\r\n--b \r\n\r\nx\r\n--b--\r\npost\r\n"),
	  STR_INIT(MIXED EIGHT "\r\npre\r\n--b\r\n" BASE64 "\r\nAA==\r\n--b \r\n\r\nx\r\n--b--\r\npost\r\n"),
	  ERR_OK },
	{ "an empty part", STR_INIT(MIXED "\r\n--b\r\n" BINARY "\r\n--b\r\n" BINARY "\r\n\r\n--b--"),
	  STR_INIT(MIXED "\r\n--b\r\n" BASE64 "\r\n--b\r\n" BASE64 "\r\n\r\n--b--"), ERR_OK },
	{ "a part without an empty line", STR_INIT(MIXED "\r\n--b\r\n" BINARY "--b--\r\n"),
	  STR_INIT(MIXED "\r\n--b\r\n" BASE64 "--b--\r\n"), ERR_OK },
	{ "an LF is no line end in it",
	  STR_INIT(MIXED "\r\n--b\r\n" BINARY "\r\n\n--b\r\n\r--b\r\n--bb\r\n--b\n\r\n--b--\r\n"),
	  STR_INIT(MIXED "\r\n--b\r\n" BASE64 "\r\nCi0tYg0KDS0tYg0KLS1iYg0KLS1iCg==\r\n--b--\r\n"), ERR_OK },
	{ "a part that is not closed", STR_INIT(MIXED "\r\n--b\r\n" BINARY "\r\n\0\r\n--"),
	  STR_INIT(MIXED "\r\n--b\r\n" BASE64 "\r\nAA0KLS0=\r\n"), ERR_OK },
	{ "a message", STR_INIT(MESSAGE BINARY "\r\n" BINARY "\r\n\0"),
	  STR_INIT(MESSAGE EIGHT "\r\n" BASE64 "\r\nAA==\r\n"), ERR_OK },
	{ "in a message in a digest",
	  STR_INIT("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" BINARY "\r\n\0\r\n--b--"),
	  STR_INIT("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" BASE64
	           "\r\nAA==\r\n--b--"),
	  ERR_OK },
	{ "inner delimiters of an outer multipart",
	  STR_INIT(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=bb\r\n" BINARY "\r\n--bb\r\n" BINARY
	                 "\r\n\1\r\n--b--\r\n"),
	  STR_INIT(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=bb\r\n" EIGHT "\r\n--bb\r\n" BASE64
	                 "\r\nAQ==\r\n--b--\r\n"),
	  ERR_OK },
	{ "a multipart without a boundary", STR_INIT("Content-Type: multipart/mixed\r\n" BINARY "\r\n\0"),
	  STR_INIT("Content-Type: multipart/mixed\r\n" BASE64 "\r\nAA==\r\n"), ERR_OK },

	{ "NUL in a header", STR_INIT("A: \0\r\n\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "bare LF in a header", STR_INIT("A: b\nB: c\r\n\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "bare CR in a header", STR_INIT("A: b\rB: c\r\n\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "bare CR in a field that goes", STR_INIT("Content-Transfer-Encoding: binary\r"), STR_INIT(""),
	  ERR_SYNTAX },
	{ "NUL in a body", STR_INIT("\r\n\0"), STR_INIT(""), ERR_SYNTAX },
	{ "bare LF in a body", STR_INIT("\r\n\n"), STR_INIT(""), ERR_SYNTAX },
	{ "bare CR in a body", STR_INIT("\r\nx\ry"), STR_INIT(""), ERR_SYNTAX },
	{ "CR CR LF", STR_INIT("\r\nx\r\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "bare CR at the end of a header", STR_INIT(BINARY "x\r"), STR_INIT(""), ERR_SYNTAX },
	{ "bare CR at the end", STR_INIT("\r\nx\r"), STR_INIT(""), ERR_SYNTAX },
	{ "binary octets in 8bit", STR_INIT(EIGHT "\r\n\0"), STR_INIT(""), ERR_SYNTAX },
	{ "in what stands before the parts", STR_INIT(MIXED BINARY "\r\n\n\r\n--b--\r\n"), STR_INIT(""),
	  ERR_SYNTAX },
	{ "in what stands after them", STR_INIT(MIXED BINARY "\r\n--b--\r\n\n"), STR_INIT(""), ERR_SYNTAX },
	{ "binary, and 8bit too", STR_INIT(BINARY EIGHT "\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "8bit, and binary too", STR_INIT(EIGHT BINARY "\r\n"), STR_INIT(""), ERR_SYNTAX },
	{ "binary twice", STR_INIT(BINARY BINARY "\r\n"), STR_INIT(""), ERR_SYNTAX },
};

static err recode(str in, size_t chunk, struct buf *out)
{
	struct mime_recode *r;
	struct arena arena;
	str run;

	arena_init(&arena, NULL, LIMIT_MB);
	TRY(mime_recode_new(&arena, &r));
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_recode_next(r, &some, &run))
			buf_add(out, run);
		assert_int_equal(some.len, 0);
	}
	str none = STR("");
	mime_recode_end(r);
	while (mime_recode_next(r, &none, &run))
		buf_add(out, run);
	err e = mime_recode_err(r);
	arena_reset(&arena);
	return e;
}

static void test_messages(void **state)
{
	char octets[4096];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t chunk = 1; chunk <= cases[i].in.len + 1; chunk++) {
			print_message("%s, by %zu\n", cases[i].name, chunk);
			buf_init_fixed(&out, octets, sizeof octets);
			err e = recode(cases[i].in, chunk, &out);
			assert_int_equal(e.code, cases[i].code);
			if (e.code != ERR_OK) {
				assert_non_null(e.what);
				continue;
			}
			str want = cases[i].want.len ? cases[i].want : cases[i].in;
			print_message("%.*s\n", STR_ARG(buf_str(&out)));
			assert_true(str_eq(buf_str(&out), want));
		}
	}
}

/* A multipart in a multipart …, the innermost part binary. */
static void nest(unsigned levels, struct buf *out)
{
	for (unsigned i = 0; i < levels; i++)
		buf_add_format(out, "Content-Type: multipart/mixed; boundary=\"%u\"\r\n\r\n--%u\r\n", i, i);
	buf_add(out, STR("A: b\r\n" BINARY "\r\n"));
}

static void test_depth(void **state)
{
	char octets[8192], recoded[8192];
	struct buf in, out;

	(void)state;
	buf_init_fixed(&in, octets, sizeof octets);
	buf_init_fixed(&out, recoded, sizeof recoded);
	nest(LIMIT_MIME_DEPTH, &in);
	buf_add(&in, (str){ "\0", 1 });
	assert_int_equal(recode(buf_str(&in), 7, &out).code, ERR_OK);
	assert_true(str_ends_nocase(buf_str(&out), STR("A: b\r\n" BASE64 "\r\nAA==\r\n")));

	/* One more: the innermost multipart is a leaf, and what stands in it declares nothing. */
	buf_clear(&in);
	nest(LIMIT_MIME_DEPTH + 1, &in);
	assert_int_equal(recode(buf_str(&in), 7, &out).code, ERR_OK);
	buf_add(&in, (str){ "\0", 1 });
	assert_int_equal(recode(buf_str(&in), 7, &out).code, ERR_SYNTAX);

	/* It may not be declared binary itself: base64 can't stand in its place. */
	buf_clear(&in);
	nest(LIMIT_MIME_DEPTH, &in);
	in.len -= 2;
	buf_add(&in, STR(MIXED "\r\n"));
	assert_int_equal(recode(buf_str(&in), 7, &out).code, ERR_LIMIT);
}

static void test_size(void **state)
{
	static char octets[300 * 1024], recoded[500 * 1024], again[500 * 1024];
	static const size_t chunks[] = { 1, 100, 4096, sizeof octets };
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)(i * 7 + i / 256);
	memcpy(octets, BINARY "\r\n", sizeof BINARY "\r\n" - 1);
	buf_init_fixed(&out, recoded, sizeof recoded);
	assert_int_equal(recode((str){ octets, sizeof octets }, sizeof octets, &out).code, ERR_OK);
	size_t body = sizeof octets - (sizeof BINARY "\r\n" - 1);
	size_t quanta = (body + 2) / 3;
	assert_int_equal(out.len, sizeof BASE64 "\r\n" - 1 + 4 * quanta + 2 * ((quanta + 18) / 19));
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		struct buf other;
		buf_init_fixed(&other, again, sizeof again);
		assert_int_equal(recode((str){ octets, sizeof octets }, chunks[i], &other).code, ERR_OK);
		assert_true(str_eq(buf_str(&other), buf_str(&out)));
	}
}

/* A field that is not held whole passes; the fields around it count. */
static void test_long_field(void **state)
{
	static char octets[300 * 1024], recoded[300 * 1024];
	static const size_t chunks[] = { 1, 1000, LIMIT_HEADER_FIELD, sizeof octets };
	struct buf in, out;

	(void)state;
	buf_init_fixed(&in, octets, sizeof octets);
	buf_add(&in, STR(BINARY "X:"));
	size_t field = in.len - 2;
	for (size_t i = 0; in.len - field < LIMIT_HEADER_FIELD + 100; i++)
		buf_add(&in, i % 10 == 9 ? STR("\r\n folded") : STR("long long long"));
	buf_add(&in, STR("\r\nMIME-Version: 1.0\r\n\r\n\n"));
	size_t end = in.len - field - 3;
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		buf_init_fixed(&out, recoded, sizeof recoded);
		assert_int_equal(recode(buf_str(&in), chunks[i], &out).code, ERR_OK);
		assert_true(str_eq(str_slice(buf_str(&out), 0, end),
		                   str_slice(buf_str(&in), field, field + end)));
		assert_true(str_eq(str_from(buf_str(&out), end), STR(BASE64 "\r\nCg==\r\n")));
	}
}

static void test_memory(void **state)
{
	struct mime_recode *r = NULL;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 4096);
	assert_int_equal(mime_recode_new(&arena, &r).code, ERR_NOSPACE);
	assert_null(r);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),   cmocka_unit_test(test_depth),  cmocka_unit_test(test_size),
		cmocka_unit_test(test_long_field), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
