#include "deliver/passed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define US "mail.shop.example"
#define FROM "Received: from far.example (far.example [192.0.2.9])\r\n\t"
#define END "; Mon, 23 Nov 2026 12:00:00 +0000\r\n"

static const struct {
	const char *header;
	uint32_t want;
} cases[] = {
	{ FROM "by " US " (postrider) with ESMTP id X" END, 1 },
	{ FROM "by MAIL.Shop.Example with ESMTP" END, 1 },
	{ FROM "by " US END, 1 },
	{ FROM "by\r\n\t" US "\r\n\t(postrider)" END, 1 },
	{ "Received: by " US END, 1 },
	{ "received:by " US "\r\n", 1 },
	{ "RECEIVED \t: by (x) " US "\r\n", 1 },
	{ FROM "by " US END FROM "by " US END "Subject: x\r\n" FROM "by " US END, 3 },
	{ FROM "by " US " for x by " US END, 1 },
	{ "Subject: x\r\n by " US "\r\n" FROM "by " US END, 1 },
	{ FROM "by " US "\r\nX: y\r\n\r\n" FROM "by " US END, 1 },
	{ "", 0 },
	{ "by " US "\r\n", 0 },
	{ " by " US "\r\n", 0 },
	{ "Subject: by " US "\r\n", 0 },
	{ "X-Received: by " US "\r\n", 0 },
	{ "Received-SPF: by " US "\r\n", 0 },
	{ "Received\r\n: by " US "\r\n", 0 },
	{ "Received x: by " US "\r\n", 0 },
	{ "Receive: by " US "\r\n", 0 },
	{ FROM "by other.example" END, 0 },
	{ FROM "by x" US END, 0 },
	{ FROM "by " US ".other.example" END, 0 },
	{ FROM "by shop.example" END, 0 },
	{ FROM "(by " US ")" END, 0 },
	{ FROM "((a) by " US ") by x" END, 0 },
	{ FROM "for " US END, 0 },
	{ FROM "xby " US END, 0 },
	{ FROM "byy " US END, 0 },
	{ FROM "by x " US END, 0 },
	{ "Received: from " US " by other.example" END, 0 },
	{ "Received: by\r\nX: " US "\r\n", 0 },
	{ "\r\nReceived: by " US "\r\n", 0 },
};

/* Whole, in two pieces cut anywhere, and octet by octet. */
static void test_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str header = str_of(cases[i].header);
		struct passed p;

		print_message("%s\n", cases[i].header);
		for (size_t cut = 0; cut <= header.len; cut++) {
			passed_init(&p, STR(US));
			passed_push(&p, str_slice(header, 0, cut));
			passed_push(&p, str_from(header, cut));
			assert_int_equal(passed_count(&p), cases[i].want);
		}
		passed_init(&p, STR(US));
		for (size_t at = 0; at < header.len; at++)
			passed_push(&p, str_slice(header, at, at + 1));
		assert_int_equal(passed_count(&p), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
