#include "pop3/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

/* RFC 1939 §3, RFC 2449 §4 and §8: what every row must obey. */
static void test_rows(void **state)
{
	char long_detail[LIMIT_DOMAIN];

	(void)state;
	memset(long_detail, 'x', sizeof long_detail);
	for (unsigned r = 0; r < POP3_REPLY_COUNT; r++) {
		char room[LIMIT_POP3_REPLY];
		struct buf out;
		str line;

		buf_init_fixed(&out, room, sizeof room);
		pop3_reply_add(&out, r, (str){ long_detail, sizeof long_detail });
		buf_add(&out, CRLF);
		assert_int_equal(buf_err(&out).code, ERR_OK);
		line = buf_str(&out);
		print_message(STR_FMT, STR_ARG(line));
		assert_true(str_starts(line, pop3_reply_is_ok(r) ? STR("+OK ") : STR("-ERR ")));
		assert_true(str_find(line, STR("{}")) == line.len);
		for (size_t i = 0; i + 2 < line.len; i++)
			assert_true(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
		/* A "[" at this place begins a response code and nothing else. */
		if (!pop3_reply_is_ok(r) && line.ptr[5] == '[')
			assert_true(str_starts(line, STR("-ERR [AUTH] ")) ||
			            str_starts(line, STR("-ERR [IN-USE] ")) ||
			            str_starts(line, STR("-ERR [SYS/TEMP] ")) ||
			            str_starts(line, STR("-ERR [SYS/PERM] ")) ||
			            str_starts(line, STR("-ERR [UTF8] ")));
		assert_true(!pop3_reply_is_ok(r) || line.ptr[4] != '[');
	}
}

static void test_detail(void **state)
{
	char room[LIMIT_POP3_REPLY];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, room, sizeof room);
	pop3_reply_add(&out, POP3_REPLY_STAT, STR("2 320"));
	assert_true(str_eq(buf_str(&out), STR("+OK 2 320")));
	buf_clear(&out);
	pop3_reply_add(&out, POP3_REPLY_DELETED, STR("7"));
	assert_true(str_eq(buf_str(&out), STR("+OK Bye, 7 deleted")));
}

/* A failure that may pass is never told as a permanent one (RFC 3206 §3). */
/* Where a surrogate can't be made is mime/surrogate_test.c's to show. */
static void test_needs_utf8(void **state)
{
	char room[LIMIT_POP3_REPLY];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, room, sizeof room);
	pop3_reply_add(&out, POP3_REPLY_NEEDS_UTF8, STR(""));
	assert_true(str_starts(buf_str(&out), STR("-ERR [UTF8] This message is in UTF-8")));
}

static void test_errors(void **state)
{
	static const struct {
		err_code code;
		const char *begins;
	} cases[] = {
		{ ERR_SYNTAX, "-ERR [SYS/TEMP] " },
		{ ERR_LIMIT, "-ERR [SYS/TEMP] " },
		{ ERR_MISSING, "-ERR This " },
		{ ERR_EXISTS, "-ERR [SYS/TEMP] " },
		{ ERR_DENIED, "-ERR [SYS/TEMP] " },
		{ ERR_BUSY, "-ERR [SYS/TEMP] The server is too busy" },
		{ ERR_NOSPACE, "-ERR [SYS/TEMP] " },
		{ ERR_QUOTA, "-ERR [SYS/TEMP] " },
		{ ERR_TIMEOUT, "-ERR [SYS/TEMP] " },
		{ ERR_CLOSED, "-ERR [SYS/TEMP] " },
		{ ERR_IO, "-ERR [SYS/TEMP] The server failed here" },
		{ ERR_CORRUPT, "-ERR [SYS/PERM] " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char room[LIMIT_POP3_REPLY];
		struct buf out;

		buf_init_fixed(&out, room, sizeof room);
		pop3_reply_add(&out, pop3_reply_of_err((err){ cases[i].code, 0, "x" }), STR(""));
		assert_true(str_starts(buf_str(&out), str_of(cases[i].begins)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_detail),
		                            cmocka_unit_test(test_needs_utf8),
		                            cmocka_unit_test(test_errors) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
