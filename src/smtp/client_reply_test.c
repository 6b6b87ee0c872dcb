#include "smtp/client_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

static struct client_reply_parser p;

/* Every reply of `octets`, given in pieces of `size`, one a line: "250 2.1.0 text|text". */
static err read_all(str octets, size_t size, char *room, size_t room_size)
{
	struct client_reply reply;
	struct buf out;
	bool found;

	buf_init_fixed(&out, room, room_size);
	client_reply_init(&p);
	for (size_t at = 0; at < octets.len; at += size) {
		str piece = str_slice(octets, at, at + size < octets.len ? at + size : octets.len);
		do {
			TRY(client_reply_take(&p, &piece, &reply, &found));
			if (!found)
				continue;
			buf_add_u64(&out, reply.code);
			buf_add_char(&out, ' ');
			buf_add_u64(&out, reply.status.class);
			buf_add_char(&out, '.');
			buf_add_u64(&out, reply.status.subject);
			buf_add_char(&out, '.');
			buf_add_u64(&out, reply.status.detail);
			buf_add_char(&out, ' ');
			for (size_t i = 0; i < reply.text.len; i++)
				buf_add_char(&out, reply.text.ptr[i] == '\n' ? '|' : reply.text.ptr[i]);
			buf_add_char(&out, '\n');
		} while (found);
	}
	buf_add_char(&out, '\0');
	return buf_err(&out);
}

static const struct {
	str octets;
	err_code expected;
	const char *replies;
} rows[] = {
#define ROW(octets, expected, replies) \
	{ \
		{ (octets), sizeof(octets) - 1 }, expected, replies \
	}
	ROW("220 mx.example ESMTP\r\n", ERR_OK, "220 0.0.0 mx.example ESMTP\n"),
	ROW("250-a\r\n250-b\r\n250 c\r\n", ERR_OK, "250 0.0.0 a|b|c\n"),
	ROW("250 2.1.0 ok\r\n", ERR_OK, "250 2.1.0 2.1.0 ok\n"),
	ROW("550-5.1.1 nobody\r\n550 5.1.1 here\r\n", ERR_OK, "550 5.1.1 5.1.1 nobody|5.1.1 here\n"),
	ROW("450 5.1.1 a lie\r\n", ERR_OK, "450 0.0.0 5.1.1 a lie\n"),
	ROW("250 2.0.0\r\n", ERR_OK, "250 2.0.0 2.0.0\n"),
	ROW("250 2.0.0x\r\n", ERR_OK, "250 0.0.0 2.0.0x\n"),
	ROW("550 5.7.515 denied\r\n", ERR_OK, "550 5.7.515 5.7.515 denied\n"),
	ROW("550 5.7.1234 no\r\n", ERR_OK, "550 0.0.0 5.7.1234 no\n"),
	ROW("250\r\n", ERR_OK, "250 0.0.0 \n"),
	ROW("250-\r\n250\r\n", ERR_OK, "250 0.0.0 |\n"),
	ROW("250 lf alone\n221 bye\n", ERR_OK, "250 0.0.0 lf alone\n221 0.0.0 bye\n"),
	ROW("250-one\r\n550 another\r\n", ERR_OK, "550 0.0.0 one|another\n"),
	ROW("250 a\tb\0c\177d\r\n", ERR_OK, "250 0.0.0 a?b?c?d\n"),
	ROW("250 bare\rcr\r\r\n", ERR_OK, "250 0.0.0 bare?cr?\n"),
	ROW("250 gr\303\274n\r\n", ERR_OK, "250 0.0.0 gr\303\274n\n"),
	ROW("250\ttab\r\n", ERR_OK, "250 0.0.0 tab\n"),
	ROW("250 a\r\n250 b\r\n354 go\r\n", ERR_OK, "250 0.0.0 a\n250 0.0.0 b\n354 0.0.0 go\n"),
	ROW("250 not yet", ERR_OK, ""),
	ROW("HTTP/1.1 400 Bad Request\r\n", ERR_SYNTAX, ""),
	ROW("\r\n", ERR_SYNTAX, ""),
	ROW("25\r\n", ERR_SYNTAX, ""),
	ROW("2500 x\r\n", ERR_SYNTAX, ""),
	ROW("150 x\r\n", ERR_SYNTAX, ""),
	ROW("650 x\r\n", ERR_SYNTAX, ""),
	ROW("25\r0 x\r\n", ERR_SYNTAX, ""),
	ROW("250-a\r\nb\r\n", ERR_SYNTAX, ""),
	ROW("\26\3\1\0\5", ERR_SYNTAX, ""), /* TLS where none was asked for */
};

/* The same however the octets are cut. */
static void test_replies(void **state)
{
	char room[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t size = 1; size <= rows[i].octets.len; size++) {
			err e = read_all(rows[i].octets, size, room, sizeof room);
			if (e.code != rows[i].expected)
				fail_msg("%s: %d", rows[i].octets.ptr, (int)e.code);
			if (e.code == ERR_OK)
				assert_string_equal(room, rows[i].replies);
		}
}

/* Of a long reply the beginning is kept; one without an end is refused. */
static void test_long(void **state)
{
	char *octets = malloc(2 * LIMIT_REPLY);
	struct client_reply reply;
	bool found;
	size_t n = 0;

	(void)state;
	assert_non_null(octets);
	while (n < LIMIT_REPLY - 2000) {
		memset(octets + n, 'x', 1000);
		memcpy(octets + n, "250-", 4);
		memcpy(octets + n + 998, "\r\n", 2);
		n += 1000;
	}
	memcpy(octets + n, "250 end\r\n", 9);
	str in = { octets, n + 9 };
	client_reply_init(&p);
	assert_int_equal(client_reply_take(&p, &in, &reply, &found).code, ERR_OK);
	assert_true(found && reply.code == 250 && reply.text.len == LIMIT_REPLY_TEXT);
	assert_int_equal(reply.lines, n / 1000 + 1);
	memset(octets, 'y', 2 * LIMIT_REPLY);
	memcpy(octets, "250 ", 4);
	in = (str){ octets, 2 * LIMIT_REPLY };
	client_reply_init(&p);
	assert_int_equal(client_reply_take(&p, &in, &reply, &found).code, ERR_LIMIT);
	free(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_replies), cmocka_unit_test(test_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
