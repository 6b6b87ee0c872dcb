#include "mime/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

#define OKAY "From: a@b\r\nDate: 1 Jan 2000 00:00 +0000\r\n"

enum { HEAD = sizeof OKAY - 1 };

/* The one defect of each message, its count and place; none where it is MIME_DEFECT_KINDS. */
static const struct {
	const char *message;
	mime_defect_kind kind;
	uint64_t count, offset;
} cases[] = {
	{ OKAY "\r\nHello\r\n", MIME_DEFECT_KINDS, 0, 0 },
	{ OKAY "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
	  MIME_DEFECT_KINDS, 0, 0 },
	{ OKAY
	  "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n",
	  MIME_DEFECT_KINDS, 0, 0 },
	{ OKAY "Content-Transfer-Encoding: base64\r\n\r\nZm9v\r\nZg==\r\n", MIME_DEFECT_KINDS, 0, 0 },
	{ OKAY "\r\na\rb\rc\r\nd\r", MIME_DEFECT_BARE_CR, 2, HEAD + 3 },
	{ OKAY "\r\na\nb\n", MIME_DEFECT_BARE_LF, 2, HEAD + 3 },
	{ OKAY "no field\r\n\r\n", MIME_DEFECT_NO_FIELD, 1, HEAD },
	{ OKAY "Subject: a\r\nSubject: b\r\n\r\n", MIME_DEFECT_REPEATED_FIELD, 1, HEAD + 12 },
	{ "Date: 1 Jan 2000\r\n\r\n", MIME_DEFECT_NO_FROM, 1, 0 },
	{ "From: a@b\r\n\r\n", MIME_DEFECT_NO_DATE, 1, 0 },
	{ "From: a@b\r\nDate: soon\r\n\r\n", MIME_DEFECT_BAD_DATE, 1, 11 },
	{ OKAY "To: a@b, c d, <e\r\n\r\n", MIME_DEFECT_BAD_ADDRESS, 2, HEAD },
	{ OKAY "Subject: \xc3\xbc\r\n\r\n", MIME_DEFECT_8BIT_HEADER, 1, HEAD + 9 },
	{ OKAY "Subject: \xfc\r\n\r\n", MIME_DEFECT_NOT_UTF8_HEADER, 1, HEAD + 9 },
	{ OKAY "Content-Type: text\r\n\r\n", MIME_DEFECT_BAD_CONTENT_TYPE, 1, HEAD },
	{ OKAY "Content-Type: multipart/mixed\r\n\r\n", MIME_DEFECT_NO_BOUNDARY, 1, 0 },
	{ OKAY "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", MIME_DEFECT_UNCLOSED, 1, 0 },
	{ OKAY "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n", MIME_DEFECT_NO_PARTS, 1,
	  HEAD + 45 },
	{ OKAY "Content-Transfer-Encoding: x-yenc\r\n\r\n", MIME_DEFECT_BAD_ENCODING, 1, 0 },
	{ OKAY "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nZg==",
	  MIME_DEFECT_ENCODED_COMPOSITE, 1, 0 },
	{ OKAY "Content-Transfer-Encoding: base64\r\n\r\nZm9", MIME_DEFECT_BAD_BASE64, 1, HEAD + 37 },
	{ OKAY "Content-Transfer-Encoding: quoted-printable\r\n\r\na=b", MIME_DEFECT_BAD_QUOTED_PRINTABLE, 1,
	  HEAD + 47 },
	{ OKAY "\r\n\xfc", MIME_DEFECT_8BIT_BODY, 1, HEAD + 2 },
	{ OKAY "Content-Type: message/global\r\n\r\nFrom: a@b\r\nDate: 1 Jan 2000\r\n\r\n\xfc",
	  MIME_DEFECT_8BIT_BODY, 1, HEAD + 63 },
	{ OKAY "Content-Type: text/plain; charset=x-none\r\n\r\n", MIME_DEFECT_BAD_CHARSET, 1, 0 },
};

static void test_defects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		struct mime_check c;
		bool none = cases[i].kind == MIME_DEFECT_KINDS;

		print_message("%s\n", cases[i].message);
		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(mime_check(&arena, str_of(cases[i].message), &c).code, ERR_OK);
		assert_int_equal(c.defects_count, !none);
		if (!none) {
			assert_int_equal(c.defects[0].kind, cases[i].kind);
			assert_int_equal(c.defects[0].count, cases[i].count);
			assert_int_equal(c.defects[0].offset, cases[i].offset);
			assert_non_null(c.defects[0].what);
		}
		arena_reset(&arena);
	}
}

/* 998 octets before the line end are legal, 999 are not; a NUL never is. */
static void test_lines(void **state)
{
	char message[LIMIT_KB + 64];

	(void)state;
	for (size_t len = 998; len <= 999; len++) {
		struct arena arena;
		struct mime_check c;
		size_t head = sizeof OKAY "\r\n" - 1;

		memcpy(message, OKAY "\r\n", head);
		memset(message + head, 'x', len);
		memcpy(message + head + len, "\r\n", 2);
		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(mime_check(&arena, (str){ message, head + len + 2 }, &c).code, ERR_OK);
		assert_int_equal(c.defects_count, len == 999);
		assert_int_equal(c.header_fields, 2);
		message[head] = '\0';
		assert_int_equal(mime_check(&arena, (str){ message, head + 4 }, &c).code, ERR_OK);
		assert_int_equal(c.defects_count, 1);
		assert_int_equal(c.defects[0].kind, MIME_DEFECT_NUL);
		arena_reset(&arena);
	}
}

static void test_no_memory(void **state)
{
	struct mime_check c = { .size = 77 };
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 8 * LIMIT_KB);
	assert_int_equal(mime_check(&arena, STR(OKAY), &c).code, ERR_NOSPACE);
	assert_int_equal(c.size, 77);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_defects), cmocka_unit_test(test_lines),
		                            cmocka_unit_test(test_no_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
