#include "pop3/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *message;
	uint32_t lines;
	const char *top; /* NULL: all of it */
} cases[] = {
	{ "Subject: x\r\n\r\none\r\ntwo\r\n", 0, "Subject: x\r\n\r\n" },
	{ "Subject: x\r\n\r\none\r\ntwo\r\n", 1, "Subject: x\r\n\r\none\r\n" },
	{ "Subject: x\r\n\r\none\r\ntwo\r\n", 2, NULL },
	{ "Subject: x\r\n\r\none\r\ntwo\r\n", 3, NULL },
	{ "Subject: x\r\n\r\none\r\ntwo\r\n", UINT32_MAX, NULL },
	{ "Subject: x\r\n\r\n\r\n\r\nthree\r\n", 2, "Subject: x\r\n\r\n\r\n\r\n" },
	{ "A: 1\r\nB: 2\r\n 3\r\n\r\nbody\r\n", 0, "A: 1\r\nB: 2\r\n 3\r\n\r\n" },
	{ "no header\r\n\r\nbody\r\n", 0, "no header\r\n\r\n" },
	/* An empty line at once: the body begins behind it. */
	{ "\r\nbody\r\nmore\r\n", 1, "\r\nbody\r\n" },
	{ "\r\nbody\r\nmore\r\n", 0, "\r\n" },
	/* Without an empty line there is no body. */
	{ "Subject: x\r\nTo: y\r\n", 0, NULL },
	{ "Subject: x\r\nTo: y\r\n", 7, NULL },
	{ "", 0, NULL },
	{ "Subject: x", 0, NULL },
	/* A last line without its end is one that was not ended. */
	{ "A: 1\r\n\r\none\r\ntwo", 1, "A: 1\r\n\r\none\r\n" },
	{ "A: 1\r\n\r\none\r\ntwo", 2, NULL },
	/* LF alone ends a line too; CR alone and CR CR LF do neither end one nor make it empty. */
	{ "A: 1\n\none\ntwo\n", 1, "A: 1\n\none\n" },
	{ "A: 1\r\n\rB: 2\r\n\r\none\r\n", 0, "A: 1\r\n\rB: 2\r\n\r\n" },
	{ "A: 1\r\n\r\r\nB: 2\r\n\r\none\r\n", 0, "A: 1\r\n\r\r\nB: 2\r\n\r\n" },
	{ "A: 1\r\n \r\n\r\none\r\n", 0, "A: 1\r\n \r\n\r\n" },
	{ "A: 1\r\n.\r\n\r\n.\r\n..\r\n", 1, "A: 1\r\n.\r\n\r\n.\r\n" },
};

static size_t top_of(str message, uint32_t lines, size_t piece)
{
	struct pop3_top top;
	size_t at = 0;

	pop3_top_init(&top, lines);
	while (at < message.len && !pop3_top_ended(&top)) {
		size_t left = message.len - at, n = left < piece ? left : piece;
		size_t took = pop3_top_take(&top, str_slice(message, at, at + n));

		assert_true(took == n || (took < n && pop3_top_ended(&top)));
		at += took;
	}
	return at;
}

static void test_tops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str message = str_of(cases[i].message);
		size_t want = cases[i].top ? strlen(cases[i].top) : message.len;

		print_message("%zu: %u lines of '%s'\n", i, cases[i].lines, cases[i].message);
		for (size_t piece = 1; piece <= message.len + 1; piece++)
			assert_int_equal(top_of(message, cases[i].lines, piece), want);
	}
}

/* What lies behind the end is not looked at. */
static void test_nothing_more(void **state)
{
	struct pop3_top top;

	(void)state;
	pop3_top_init(&top, 0);
	assert_false(pop3_top_ended(&top));
	assert_int_equal(pop3_top_take(&top, STR("A: 1\r\n\r\nbody")), 8);
	assert_true(pop3_top_ended(&top));
	assert_int_equal(pop3_top_take(&top, STR("body\r\n")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tops),
		                            cmocka_unit_test(test_nothing_more) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
