#include "deliver/amend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define US "mail.shop.example"
#define AR "Authentication-Results: "
#define OUR_DATE "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
#define OUR_ID "Message-ID: <id@mail.shop.example>\r\n"

static const struct {
	const char *in, *want;
	uint32_t received;
} cases[] = {
	{ "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n", 0 },
	{ "", "", 0 },
	{ "\r\n", "\r\n", 0 },
	{ "no header at all\r\n", "no header at all\r\n", 0 },
	/* Return-Path on top */
	{ "Return-Path: <a@b>\r\nSubject: x\r\n\r\n", "Subject: x\r\n\r\n", 0 },
	{ "return-path : <a@b>\r\n\t(folded)\r\nSubject: x\r\n\r\n", "Subject: x\r\n\r\n", 0 },
	{ "Return-Path: <a@b>\r\nReturn-Path: <c@d>\r\nA: x\r\n\r\n", "A: x\r\n\r\n", 0 },
	{ "Return-Path: <a@b>\r\n\r\nReturn-Path: body\r\n", "\r\nReturn-Path: body\r\n", 0 },
	{ "Return-Path: <a@b>\r\n", "", 0 },
	{ "A: x\r\nReturn-Path: <a@b>\r\n\r\n", "A: x\r\nReturn-Path: <a@b>\r\n\r\n", 0 },
	{ "Return-Pathos: x\r\n\r\n", "Return-Pathos: x\r\n\r\n", 0 },
	{ "Return-Path\r\nA: x\r\n\r\n", "Return-Path\r\nA: x\r\n\r\n", 0 },
	{ "Return-Path x: y\r\n\r\n", "Return-Path x: y\r\n\r\n", 0 },
	/* Authentication-Results under our own name */
	{ AR US "; spf=pass\r\nA: x\r\n\r\n", "A: x\r\n\r\n", 0 },
	{ "A: x\r\n" AR US "; spf=pass\r\n\tx\r\nB: y\r\n\r\n", "A: x\r\nB: y\r\n\r\n", 0 },
	{ "A: x\r\nauthentication-RESULTS:Mail.SHOP.example;none\r\n\r\n", "A: x\r\n\r\n", 0 },
	{ AR US " 1; none\r\n\r\n", "\r\n", 0 },
	{ AR US "\r\n\r\n", "\r\n", 0 },
	{ AR US "(c); none\r\n\r\n", "\r\n", 0 },
	{ AR "\r\n " US ";\r\n none\r\n\r\n", "\r\n", 0 },
	{ AR "(a (b) \\) ;\r\n c) " US "; none\r\n\r\n", "\r\n", 0 },
	{ AR "\"mail.sh\\op.example\"; none\r\n\r\n", "\r\n", 0 },
	{ AR "mail.shop.exampl; none\r\n\r\n", AR "mail.shop.exampl; none\r\n\r\n", 0 },
	{ AR US ".evil; none\r\n\r\n", AR US ".evil; none\r\n\r\n", 0 },
	{ AR "other.example; " US "\r\n\r\n", AR "other.example; " US "\r\n\r\n", 0 },
	{ AR "(" US "); none\r\n\r\n", AR "(" US "); none\r\n\r\n", 0 },
	{ AR "\r\n\r\n" US, AR "\r\n\r\n" US, 0 },
	{ AR "\r\nB: y\r\n\r\n", AR "\r\nB: y\r\n\r\n", 0 },
	{ AR "\r\n" AR US "; none\r\n\r\n", AR "\r\n\r\n", 0 },
	{ AR "(\r\n" AR US "; none\r\n\r\n", AR "(\r\n\r\n", 0 },
	{ AR "\"" US "\r\nRe: x\r\n\r\n", "Re: x\r\n\r\n", 0 },
	{ "Return\r\nReceived: x\r\n\r\n", "Return\r\nReceived: x\r\n\r\n", 1 },
	{ AR "\"\"; none\r\n\r\n", AR "\"\"; none\r\n\r\n", 0 },
	{ "A: x\r\n\r\n" AR US "; none\r\n", "A: x\r\n\r\n" AR US "; none\r\n", 0 },
	{ "Authentication-Results-2: " US "\r\n\r\n", "Authentication-Results-2: " US "\r\n\r\n", 0 },
	{ AR "x; a\r\n" AR US "; b\r\n" AR US "; c\r\nA: x\r\n\r\n", AR "x; a\r\nA: x\r\n\r\n", 0 },
	/* Received */
	{ "Received: a\r\n by b\r\nreceived : c\r\nReceivedx: d\r\n\r\nReceived: e\r\n",
	  "Received: a\r\n by b\r\nreceived : c\r\nReceivedx: d\r\n\r\nReceived: e\r\n", 2 },
};

enum origin { RELAYED, SUBMITTED, LOCAL };

/* Runs `in` through in chunks of `size` and compares. */
static void expect_of(enum origin origin, str in, size_t size, str want, uint32_t received)
{
	static char out[8192];
	struct amend a;
	size_t len = 0;
	str run;

	amend_init(&a, STR(US));
	if (origin == LOCAL)
		amend_drop_bcc(&a);
	if (origin == SUBMITTED)
		amend_fill(&a, STR(OUR_DATE), STR(OUR_ID));
	for (size_t at = 0; at < in.len; at += size) {
		str chunk = str_slice(in, at, at + size < in.len ? at + size : in.len);

		while (amend_next(&a, &chunk, &run)) {
			assert_true(run.len > 0 && len + run.len <= sizeof out);
			memcpy(out + len, run.ptr, run.len);
			len += run.len;
		}
		assert_int_equal(chunk.len, 0);
	}
	while (amend_finish(&a, &run)) {
		assert_true(run.len > 0 && len + run.len <= sizeof out);
		memcpy(out + len, run.ptr, run.len);
		len += run.len;
	}
	assert_true(str_eq((str){ out, len }, want));
	assert_int_equal(amend_received(&a), received);
}

static void expect(str in, size_t size, str want, uint32_t received)
{
	expect_of(RELAYED, in, size, want, received);
}

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str in = str_of(cases[i].in);

		for (size_t size = 1; size <= in.len + 1; size++) {
			print_message("%s in chunks of %zu\n", cases[i].in, size);
			expect(in, size, str_of(cases[i].want), cases[i].received);
		}
	}
}

static const struct {
	const char *in, *want;
} blind[] = {
	{ "To: a\r\nBcc: b\r\nSubject: x\r\n\r\nBcc: c\r\n", "To: a\r\nSubject: x\r\n\r\nBcc: c\r\n" },
	{ "bcc : b,\r\n c\r\nBCC:\r\n\r\n", "\r\n" },
	{ "Resent-Bcc: b\r\nResent-To: a\r\n\r\n", "Resent-To: a\r\n\r\n" },
	{ "X-Bcc: b\r\nBcc-Note: c\r\nBcc\r\nTo: a (Bcc: b)\r\n Bcc: d\r\n\r\n",
	  "X-Bcc: b\r\nBcc-Note: c\r\nBcc\r\nTo: a (Bcc: b)\r\n Bcc: d\r\n\r\n" },
	{ "Bcc: b", "" },
};

static void test_blind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof blind / sizeof blind[0]; i++) {
		str in = str_of(blind[i].in);

		for (size_t size = 1; size <= in.len + 1; size++) {
			print_message("%s in chunks of %zu\n", blind[i].in, size);
			expect_of(LOCAL, in, size, str_of(blind[i].want), 0);
		}
		expect(in, in.len, in, 0); /* nobody else's */
	}
}

static const struct {
	const char *in, *want;
} submissions[] = {
	{ "From: a\r\n\r\nbody\r\n", "From: a\r\n" OUR_DATE OUR_ID "\r\nbody\r\n" },
	{ "Date: x\r\nFrom: a\r\n\r\nbody\r\n", "Date: x\r\nFrom: a\r\n" OUR_ID "\r\nbody\r\n" },
	{ "message-ID:\r\n <x>\r\n\r\nbody\r\n", "message-ID:\r\n <x>\r\n" OUR_DATE "\r\nbody\r\n" },
	{ "DATE : x\r\nMessage-ID\t: y\r\n\r\nDate: z\r\n",
	  "DATE : x\r\nMessage-ID\t: y\r\n\r\nDate: z\r\n" },
	{ "Date: x\r\nDate: y\r\n\r\n", "Date: x\r\nDate: y\r\n" OUR_ID "\r\n" },
	{ "X-Date: x\r\nDated: y\r\nMessage-IDs: z\r\nDate\r\n\r\n",
	  "X-Date: x\r\nDated: y\r\nMessage-IDs: z\r\nDate\r\n" OUR_DATE OUR_ID "\r\n" },
	{ "Subject: Date: x\r\n Date: y\r\n\r\nDate: z\r\nMessage-ID: z\r\n",
	  "Subject: Date: x\r\n Date: y\r\n" OUR_DATE OUR_ID "\r\nDate: z\r\nMessage-ID: z\r\n" },
	{ "From: a\r\n", "From: a\r\n" OUR_DATE OUR_ID },
	{ "", OUR_DATE OUR_ID },
	{ "\r\nDate: x\r\n", OUR_DATE OUR_ID "\r\nDate: x\r\n" },
	{ "Return-Path: <a>\r\n\r\nbody\r\n", OUR_DATE OUR_ID "\r\nbody\r\n" },
	{ "Return-Path: <a>\r\n", OUR_DATE OUR_ID },
	{ AR US "\r\n", OUR_DATE OUR_ID },
	{ AR US, OUR_DATE OUR_ID },
	{ AR "x\r\n", AR "x\r\n" OUR_DATE OUR_ID },
};

static void test_submissions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof submissions / sizeof submissions[0]; i++) {
		str in = str_of(submissions[i].in);

		for (size_t size = 1; size <= in.len + 1; size++) {
			print_message("%s in chunks of %zu\n", submissions[i].in, size);
			expect_of(SUBMITTED, in, size, str_of(submissions[i].want), 0);
		}
	}
}

/* A name hidden behind `filler` octets of comment. */
static void expect_hidden(size_t filler, bool kept)
{
	static char message[4096];
	size_t len = (size_t)snprintf(message, sizeof message, AR "(");

	memset(message + len, 'x', filler);
	len += filler;
	len += (size_t)snprintf(message + len, sizeof message - len, ") other.example; none\r\n\r\n");
	for (size_t size = 1; size < 2000; size += 333)
		expect((str){ message, len }, size, kept ? (str){ message, len } : STR("\r\n"), 0);
}

static void test_field_limit(void **state)
{
	size_t around = sizeof(AR "() other.example") - 1; /* the name is settled by the octet after it */

	(void)state;
	expect_hidden(LIMIT_AMEND_FIELD - around - 1, true);
	expect_hidden(LIMIT_AMEND_FIELD - around, false);
	expect_hidden(LIMIT_AMEND_FIELD, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_changes),
		                            cmocka_unit_test(test_submissions), cmocka_unit_test(test_blind),
		                            cmocka_unit_test(test_field_limit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
