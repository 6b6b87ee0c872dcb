#include "smtp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

/* RFC 5321 §4.2.1, RFC 2034 §4, RFC 3463 §2: what every row must obey. */
static void test_rows(void **state)
{
	char long_detail[LIMIT_DOMAIN];

	(void)state;
	memset(long_detail, 'x', sizeof long_detail);
	for (unsigned r = 0; r < SMTP_REPLY_COUNT; r++) {
		char room[LIMIT_SMTP_REPLY];
		struct buf out;
		str line;
		uint16_t code = smtp_reply_code(r);
		bool without_status = code == 354 || r == SMTP_REPLY_GREETING ||
		                      r == SMTP_REPLY_GREETING_LMTP || r == SMTP_REPLY_HELLO ||
		                      r == SMTP_REPLY_BAD_HELLO;

		buf_init_fixed(&out, room, sizeof room);
		smtp_reply_add(&out, r, (str){ long_detail, sizeof long_detail });
		buf_add(&out, CRLF);
		assert_int_equal(buf_err(&out).code, ERR_OK);
		line = buf_str(&out);
		print_message(STR_FMT, STR_ARG(line));
		assert_true(code >= 200 && code < 600);
		assert_true(line.ptr[3] == ' ' && line.len > 8);
		assert_true(str_find(line, STR("{}")) == line.len);
		for (size_t i = 0; i + 2 < line.len; i++)
			assert_true(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
		if (!without_status) {
			assert_int_equal(line.ptr[4], line.ptr[0]);
			assert_int_equal(line.ptr[5], '.');
		}
	}
}

static void test_detail(void **state)
{
	char room[LIMIT_SMTP_REPLY];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, room, sizeof room);
	smtp_reply_add(&out, SMTP_REPLY_ACCEPTED, STR("0MWT"));
	assert_true(str_eq(buf_str(&out), STR("250 2.0.0 Ok, delivered as 0MWT")));
	buf_clear(&out);
	smtp_reply_add(&out, SMTP_REPLY_GREETING, STR("mail.shop.example"));
	assert_true(str_eq(buf_str(&out), STR("220 mail.shop.example ESMTP postrider")));
}

/* A failure that may pass is never told as a permanent one. */
static void test_errors(void **state)
{
	static const struct {
		err_code code;
		uint16_t reply;
	} cases[] = {
		{ ERR_SYNTAX, 501 },  { ERR_LIMIT, 552 },  { ERR_MISSING, 451 }, { ERR_EXISTS, 451 },
		{ ERR_DENIED, 550 },  { ERR_BUSY, 451 },   { ERR_NOSPACE, 452 }, { ERR_QUOTA, 452 },
		{ ERR_TIMEOUT, 451 }, { ERR_CLOSED, 451 }, { ERR_IO, 451 },      { ERR_CORRUPT, 451 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(smtp_reply_code(smtp_reply_of_err((err){ cases[i].code, 0, "x" })),
		                 cases[i].reply);
	assert_int_equal(smtp_reply_of_commit(OK), SMTP_REPLY_ACCEPTED);
	assert_int_equal(smtp_reply_of_commit((err){ ERR_IO, 0, "x" }), SMTP_REPLY_REOPENING);
	assert_int_equal(smtp_reply_of_commit((err){ ERR_MISSING, 0, "x" }), SMTP_REPLY_GONE);
	assert_int_equal(smtp_reply_of_commit((err){ ERR_QUOTA, 0, "x" }), SMTP_REPLY_FULL);
}

/* What a full queue, or a store that gets stricter, would say: no client can bring these about. */
static void test_text_of_errors(void **state)
{
	static const struct {
		err e;
		const char *begins;
	} cases[] = {
		{ { ERR_BUSY, 0, "x" }, "451 4.3.2 The server is too busy for this message" },
		{ { ERR_DENIED, 0, "x" }, "550 5.7.1 This is not permitted: x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char room[LIMIT_SMTP_REPLY];
		struct buf out;

		buf_init_fixed(&out, room, sizeof room);
		smtp_reply_add(&out, smtp_reply_of_err(cases[i].e), str_of(cases[i].e.what));
		assert_true(str_starts(buf_str(&out), str_of(cases[i].begins)));
	}
	struct buf out;
	char room[LIMIT_SMTP_REPLY];
	buf_init_fixed(&out, room, sizeof room);
	smtp_reply_add(&out, SMTP_REPLY_LOCAL_UNKNOWN, STR("mail.shop.example"));
	assert_true(str_starts(buf_str(&out), STR("421 4.3.0 mail.shop.example can't find out who you are")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_detail),
		                            cmocka_unit_test(test_errors),
		                            cmocka_unit_test(test_text_of_errors) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
