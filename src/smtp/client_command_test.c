#include "smtp/client_command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"

#define EVERYTHING \
	(HELLO_SIZE | HELLO_8BITMIME | HELLO_CHUNKING | HELLO_BINARYMIME | HELLO_SMTPUTF8 | HELLO_DSN | \
	 HELLO_DELIVERBY | HELLO_PRIORITY)

#define ANN .reverse_path = STR_INIT("ann@shop.example"), .size = 1000

static void test_mail(void **state)
{
	static const struct {
		unsigned extensions;
		struct client_mail mail;
		const char *line;
	} rows[] = {
		{ 0, { ANN }, "MAIL FROM:<ann@shop.example>\r\n" },
		{ 0, { .size = 7 }, "MAIL FROM:<>\r\n" },
		{ HELLO_SIZE, { ANN }, "MAIL FROM:<ann@shop.example> SIZE=1000\r\n" },
		{ EVERYTHING, { ANN }, "MAIL FROM:<ann@shop.example> SIZE=1000\r\n" },
		{ EVERYTHING,
		  { ANN, .body = QUEUE_BODY_8BIT, .smtputf8 = true },
		  "MAIL FROM:<ann@shop.example> SIZE=1000 BODY=8BITMIME SMTPUTF8\r\n" },
		{ EVERYTHING,
		  { ANN, .body = QUEUE_BODY_BINARY },
		  "MAIL FROM:<ann@shop.example> SIZE=1000 BODY=BINARYMIME\r\n" },
		{ HELLO_DSN,
		  { ANN, .ret = 'H', .envid = STR_INIT("a+b=c d\1") },
		  "MAIL FROM:<ann@shop.example> RET=HDRS ENVID=a+2Bb+3Dc+20d+01\r\n" },
		{ HELLO_DSN, { ANN, .ret = 'F' }, "MAIL FROM:<ann@shop.example> RET=FULL\r\n" },
		{ 0,
		  { ANN, .ret = 'F', .envid = STR_INIT("x"), .priority = 3, .by_mode = 'N', .by_s = 60 },
		  "MAIL FROM:<ann@shop.example>\r\n" },
		{ HELLO_PRIORITY | HELLO_DELIVERBY,
		  { ANN, .priority = -4, .by_mode = 'N', .by_s = -5, .by_trace = true },
		  "MAIL FROM:<ann@shop.example> BY=-5;NT MT-PRIORITY=-4\r\n" },
	};
	char room[LIMIT_SMTP_REPLY];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_init_fixed(&out, room, sizeof room);
		client_mail_add(&out, &(struct smtp_hello){ .extensions = rows[i].extensions },
		                &rows[i].mail);
		buf_add_char(&out, '\0');
		assert_string_equal(room, rows[i].line);
	}
}

static void test_rcpt(void **state)
{
	static const struct {
		unsigned extensions;
		uint8_t notify;
		const char *orcpt, *line;
	} rows[] = {
		{ 0, QUEUE_NOTIFY_NEVER, "rfc822;x@y", "RCPT TO:<bob@e.example>\r\n" },
		{ HELLO_DSN, 0, "", "RCPT TO:<bob@e.example>\r\n" },
		{ HELLO_DSN, QUEUE_NOTIFY_NEVER, "", "RCPT TO:<bob@e.example> NOTIFY=NEVER\r\n" },
		{ HELLO_DSN, QUEUE_NOTIFY_DELAY, "", "RCPT TO:<bob@e.example> NOTIFY=DELAY\r\n" },
		{ HELLO_DSN, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY,
		  "rfc822;bob+x@e.example",
		  "RCPT TO:<bob@e.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob+2Bx@e.example\r\n" },
		{ HELLO_DSN, 0, "utf-8;j\xc3\xb6rg+\\ x=@\xe5\x8d\x9a.example",
		  "RCPT TO:<bob@e.example> "
		  "ORCPT=utf-8;j\\x{F6}rg\\x{2B}\\x{5C}\\x{20}x\\x{3D}@\\x{535A}.example\r\n" },
		{ HELLO_DSN, 0, "UTF-8;\xff\xf4\x8f\xbf\xbf",
		  "RCPT TO:<bob@e.example> ORCPT=UTF-8;\\x{FFFD}\\x{10FFFF}\r\n" },
	};
	char room[LIMIT_SMTP_REPLY];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_init_fixed(&out, room, sizeof room);
		client_rcpt_add(&out, &(struct smtp_hello){ .extensions = rows[i].extensions },
		                STR("bob@e.example"), rows[i].notify, str_of(rows[i].orcpt));
		buf_add_char(&out, '\0');
		assert_string_equal(room, rows[i].line);
	}
}

static void test_notify(void **state)
{
	enum {
		NEVER = QUEUE_NOTIFY_NEVER,
		S = QUEUE_NOTIFY_SUCCESS,
		F = QUEUE_NOTIFY_FAILURE,
		D = QUEUE_NOTIFY_DELAY
	};
	static const struct {
		unsigned extensions;
		char by_mode;
		int64_t by_s;
		uint8_t notify, out;
	} rows[] = {
		{ HELLO_DSN, 'N', 1, 0, F | D },
		{ HELLO_DSN, 'N', 1, F, F | D },
		{ HELLO_DSN, 'N', 1, S, S | D },
		{ HELLO_DSN, 'N', 1, D, D },
		{ HELLO_DSN, 'N', 1, NEVER, NEVER },
		{ HELLO_DSN, 'N', 0, F, F },
		{ HELLO_DSN, 'N', -1, 0, 0 },
		{ HELLO_DSN | HELLO_DELIVERBY, 'N', 1, F, F },
		{ HELLO_DSN | HELLO_DELIVERBY, 'R', 1, F, F },
		{ HELLO_DSN, 0, 0, F, F },
		{ HELLO_DSN, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(client_notify(&(struct smtp_hello){ .extensions = rows[i].extensions },
		                               &(struct client_mail){ .by_mode = rows[i].by_mode,
		                                                      .by_s = rows[i].by_s },
		                               rows[i].notify),
		                 rows[i].out);
}

static void test_lacks(void **state)
{
	static const struct {
		struct smtp_hello hello;
		struct client_mail mail;
		enum client_lack lack;
	} rows[] = {
		{ { 0 }, { ANN }, LACKS_NOTHING },
		{ { .extensions = HELLO_SIZE, .size = 1000 }, { ANN }, LACKS_NOTHING },
		{ { .extensions = HELLO_SIZE, .size = 999 }, { ANN }, LACKS_SIZE },
		{ { .extensions = HELLO_SIZE }, { ANN }, LACKS_NOTHING },
		{ { 0 }, { ANN, .body = QUEUE_BODY_8BIT }, LACKS_8BITMIME },
		{ { .extensions = HELLO_8BITMIME }, { ANN, .body = QUEUE_BODY_8BIT }, LACKS_NOTHING },
		{ { .extensions = HELLO_8BITMIME }, { ANN, .smtputf8 = true }, LACKS_SMTPUTF8 },
		{ { .extensions = HELLO_BINARYMIME }, { ANN, .body = QUEUE_BODY_BINARY }, LACKS_BINARYMIME },
		{ { .extensions = HELLO_BINARYMIME | HELLO_CHUNKING },
		  { ANN, .body = QUEUE_BODY_BINARY },
		  LACKS_NOTHING },
		{ { 0 }, { ANN, .by_mode = 'N', .by_s = 5 }, LACKS_NOTHING },
		{ { 0 }, { ANN, .by_mode = 'R', .by_s = 5 }, LACKS_DELIVERBY },
		{ { .extensions = HELLO_DELIVERBY, .by_min_s = 60 },
		  { ANN, .by_mode = 'R', .by_s = 59 },
		  LACKS_DELIVERBY },
		{ { .extensions = HELLO_DELIVERBY, .by_min_s = 60 },
		  { ANN, .by_mode = 'R', .by_s = 60 },
		  LACKS_NOTHING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(client_lacks(&rows[i].hello, &rows[i].mail), rows[i].lack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
