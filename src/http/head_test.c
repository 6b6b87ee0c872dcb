#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"

static const struct {
	const char *head;
	unsigned refusal;
	struct http_head want; /* where refusal is 0 */
} cases[] = {
	{ GET "\r\n", 0, { STR_INIT("GET"), STR_INIT("/"), 0, true, false } },
	{ "POST /v1/x?y HTTP/1.1\r\nhost:\r\nContent-Length: 12\r\nConnection: close\r\n\r\n",
	  0,
	  { STR_INIT("POST"), STR_INIT("/v1/x?y"), 12, false, false } },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-Continue \r\n\r\n",
	  0,
	  { STR_INIT("POST"), STR_INIT("/"), 5, true, true } },
	{ "GET / HTTP/1.0\r\n\r\n", 0, { STR_INIT("GET"), STR_INIT("/"), 0, false, false } },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n",
	  0,
	  { STR_INIT("POST"), STR_INIT("/"), 1048576, true, false } },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413, { .keep_alive = false } },
	{ "GET / HTTP/1.1\r\n\r\n", 400, { .keep_alive = false } },
	{ "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, { .keep_alive = false } },
	{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, { .keep_alive = false } },
	{ "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "A: b\rC: d\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "A: b\r\n c\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Transfer-Encoding:\r\n chunked\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Transfer-Encoding: chunked\r\n\r\n", 411, { .keep_alive = false } },
	{ GET "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Content-Length: 3\r\nTransfer-Encoding:\r\n\r\n", 411, { .keep_alive = false } },
	{ GET "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Content-Length: 3, 3\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Content-Length: +3\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Content-Length: 99999999999999999999999\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "A : b\r\n\r\n", 400, { .keep_alive = false } },
	{ GET ": b\r\n\r\n", 400, { .keep_alive = false } },
	{ GET "Expect: miracles\r\n\r\n", 417, { .keep_alive = false } },
	{ GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 400, { .keep_alive = false } },
	{ "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, { .keep_alive = false } },
	{ "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, { .keep_alive = false } },
	{ "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, { .keep_alive = false } },
	{ "\r\n\r\n", 400, { .keep_alive = false } },
	{ "HTTP/1.1 200 OK\r\n\r\n", 400, { .keep_alive = false } },
};

static void test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_head got = { .content_length = 7 };

		print_message("%s\n", cases[i].head);
		unsigned refusal = http_head_parse(str_of(cases[i].head), &got);
		if (cases[i].refusal == 400)
			assert_true(refusal >= 400 && refusal != 411 && refusal < 500);
		else
			assert_int_equal(refusal, cases[i].refusal);
		if (refusal) {
			assert_int_equal(got.content_length, 7); /* untouched */
			continue;
		}
		assert_true(str_eq(got.method, cases[i].want.method));
		assert_true(str_eq(got.target, cases[i].want.target));
		assert_int_equal(got.content_length, cases[i].want.content_length);
		assert_int_equal(got.keep_alive, cases[i].want.keep_alive);
		assert_int_equal(got.expects_continue, cases[i].want.expects_continue);
	}
}

static void test_nul(void **state)
{
	struct http_head got;

	(void)state;
	assert_int_equal(http_head_parse(STR(GET "A: b\0c\r\n\r\n"), &got), 400);
}

static void test_end(void **state)
{
	(void)state;
	assert_int_equal(http_head_end(STR("")), 0);
	assert_int_equal(http_head_end(STR("GET / HTTP/1.1\r\n\r")), 0);
	assert_int_equal(http_head_end(STR("GET / HTTP/1.1\r\n\r\nrest")), 18);
	assert_int_equal(http_head_end(STR("GET / HTTP/1.1\n\n")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_heads), cmocka_unit_test(test_nul),
		                            cmocka_unit_test(test_end) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
