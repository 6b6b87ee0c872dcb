#include "deliver/prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"
#include "deliver/id.h"

#define NOON 1795435200000 /* 2026-11-23T12:00:00Z */
#define DATE "\tMon, 23 Nov 2026 12:00:00 +0000\r\n"

static const struct {
	const char *reverse_path, *delivered_to, *want;
} prefixes[] = {
	{ "bob@far.example", "ann@shop.example",
	  "Return-Path: <bob@far.example>\r\nDelivered-To: ann@shop.example\r\n" },
	{ "", "ann+x@shop.example", "Return-Path: <>\r\nDelivered-To: ann+x@shop.example\r\n" },
	{ "\"b b\"@far.example", "a b@shop.example",
	  "Return-Path: <\"b b\"@far.example>\r\nDelivered-To: \"a b\"@shop.example\r\n" },
};

static void test_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		char room[LIMIT_PREFIX];
		struct buf out;

		buf_init_fixed(&out, room, sizeof room);
		prefix_add(&out, str_of(prefixes[i].reverse_path), str_of(prefixes[i].delivered_to));
		print_message("%s\n", prefixes[i].want);
		assert_true(str_eq(buf_str(&out), str_of(prefixes[i].want)));
	}
}

static const struct {
	const char *hello, *peer, *for_path;
	bool esmtp;
	const char *want;
	bool lmtp;
} traces[] = {
	{ "far.example", "192.0.2.1", "ann@shop.example", true,
	  "Received: from far.example ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with ESMTP id ID7"
	  "\r\n\tfor <ann@shop.example>;\r\n" DATE,
	  false },
	{ "[192.0.2.1]", "192.0.2.1", "", false,
	  "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with SMTP id ID7"
	  ";\r\n" DATE,
	  false },
	{ "PC_7", "2001:db8::1", "", true,
	  "Received: from PC_7 ([IPv6:2001:db8::1])\r\n\tby mail.shop.example (postrider) with ESMTP id ID7"
	  ";\r\n" DATE,
	  false },
	{ "x) by evil.example (", "192.0.2.1", "", true,
	  "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with ESMTP id ID7"
	  ";\r\n" DATE,
	  false },
	{ "a;b", "192.0.2.1", "", true,
	  "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with ESMTP id ID7"
	  ";\r\n" DATE,
	  false },
	{ "", "192.0.2.1", "", true,
	  "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with ESMTP id ID7"
	  ";\r\n" DATE,
	  false },
	{ "mx.example", "192.0.2.1", "", true,
	  "Received: from mx.example ([192.0.2.1])\r\n\tby mail.shop.example (postrider) with LMTP id ID7"
	  ";\r\n" DATE,
	  true },
	{ "mx.example", "::", "", true,
	  "Received: from mx.example\r\n\tby mail.shop.example (postrider) with LMTP id ID7;\r\n" DATE,
	  true },
	{ "x) by evil.example (", "::", "", true,
	  "Received: from localhost\r\n\tby mail.shop.example (postrider) with LMTP id ID7;\r\n" DATE, true },
};

static void test_trace(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
		struct trace trace = { .hello = str_of(traces[i].hello),
			               .hostname = STR("mail.shop.example"),
			               .lmtp = traces[i].lmtp,
			               .esmtp = traces[i].esmtp,
			               .id = STR("ID7"),
			               .for_path = str_of(traces[i].for_path),
			               .time_ms = NOON };
		char room[1000];
		struct buf out;

		assert_int_equal(ip_parse(str_of(traces[i].peer), &trace.peer).code, ERR_OK);
		buf_init_fixed(&out, room, sizeof room);
		trace_add(&out, &trace);
		print_message("%.*s", (int)out.len, out.ptr);
		assert_true(str_eq(buf_str(&out), str_of(traces[i].want)));
	}
}

/* Of a program of this machine: its login says more than what it calls itself. */
static void test_local(void **state)
{
	static const struct {
		const char *login, *want;
	} logins[] = {
		{ "www-data",
		  "Received: by mail.shop.example (postrider, login www-data) with ESMTP id ID7;\r\n" DATE },
		{ "x) by evil.example (", "Received: by mail.shop.example (postrider, login of another form) "
		                          "with ESMTP id ID7;\r\n" DATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
		struct trace trace = { .hello = STR("far.example"),
			               .login = str_of(logins[i].login),
			               .hostname = STR("mail.shop.example"),
			               .esmtp = true,
			               .id = STR("ID7"),
			               .time_ms = NOON };
		char room[1000];
		struct buf out;

		buf_init_fixed(&out, room, sizeof room);
		trace_add(&out, &trace);
		assert_true(str_eq(buf_str(&out), str_of(logins[i].want)));
	}
}

static const struct {
	bool esmtp, lmtp, tls, authenticated, utf8;
	const char *group, *want;
} protocols[] = {
	{ false, false, false, false, false, "", " with SMTP id ID7;\r\n" },
	{ true, false, false, false, false, "", " with ESMTP id ID7;\r\n" },
	{ true, false, false, true, false, "", " with ESMTPA id ID7;\r\n" },
	{ true, false, true, false, false, "x25519", " with ESMTPS id ID7\r\n\ttls TLS_X group x25519;\r\n" },
	{ true, false, true, true, false, "", " with ESMTPSA id ID7\r\n\ttls TLS_X;\r\n" },
	{ true, true, false, false, false, "", " with LMTP id ID7;\r\n" },
	{ true, true, true, false, false, "", " with LMTPS id ID7\r\n\ttls TLS_X;\r\n" },
	{ true, true, true, true, false, "", " with LMTPSA id ID7\r\n\ttls TLS_X;\r\n" },
	{ false, false, true, false, false, "",
	  " with SMTP id ID7\r\n\ttls TLS_X;\r\n" }, /* HELO: no word for it */
	{ true, false, false, false, true, "", " with UTF8SMTP id ID7;\r\n" },
	{ true, false, true, true, true, "", " with UTF8SMTPSA id ID7\r\n\ttls TLS_X;\r\n" },
	{ true, true, false, false, true, "", " with UTF8LMTP id ID7;\r\n" },
	{ true, true, true, false, true, "", " with UTF8LMTPS id ID7\r\n\ttls TLS_X;\r\n" },
};

/* RFC 3848, RFC 6531 §4.3, RFC 8314 §4.3 */
static void test_protocols(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
		struct trace trace = { .hostname = STR("mail.shop.example"),
			               .esmtp = protocols[i].esmtp,
			               .lmtp = protocols[i].lmtp,
			               .tls = protocols[i].tls,
			               .authenticated = protocols[i].authenticated,
			               .utf8 = protocols[i].utf8,
			               .tls_cipher = STR("TLS_X"),
			               .tls_group = str_of(protocols[i].group),
			               .id = STR("ID7") };
		char room[1000];
		struct buf out;

		buf_init_fixed(&out, room, sizeof room);
		trace_add(&out, &trace);
		print_message("%.*s", (int)out.len, out.ptr);
		assert_true(str_find(buf_str(&out), str_of(protocols[i].want)) < out.len);
	}
}

static void test_id(void **state)
{
	char a[DELIVER_ID_LEN], b[DELIVER_ID_LEN];

	(void)state;
	deliver_id_make(NOON, 35, a);
	assert_memory_equal(a, "0MWT7REO000000Z", DELIVER_ID_LEN);
	deliver_id_make(NOON + 1, 0, b);
	assert_true(memcmp(a, b, DELIVER_ID_LEN) < 0);
	deliver_id_make(NOON, UINT64_MAX, b);
	assert_memory_equal(a, b, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_prefix), cmocka_unit_test(test_trace),
		                            cmocka_unit_test(test_local), cmocka_unit_test(test_protocols),
		                            cmocka_unit_test(test_id) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
