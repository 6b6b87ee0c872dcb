#include "session/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>

enum { LINE_MAX_OCTETS = 10 }; /* with the line end */

/* What comes out, one after the other: lines in brackets, ! for one too long. */
static const struct {
	const char *in;
	const char *strict, *lenient;
} cases[] = {
	{ "", "", "" },
	{ "a", "", "" },
	{ "\r\n", "[]", "[]" },
	{ "abc\r\nd\r\n", "[abc][d]", "[abc][d]" },
	{ "abc\nd\r\n", "[abc\nd]", "[abc][d]" },
	{ "\n\r\n", "[\n]", "[][]" },
	{ "a\rb\r\n", "[a\rb]", "[a\rb]" },
	{ "a\r\r\n", "[a\r]", "[a\r]" },
	{ "\r\r\n\r\n", "[\r][]", "[\r][]" },
	{ "12345678\r\nx\r\n", "[12345678][x]", "[12345678][x]" },
	{ "123456789\r\nx\r\n", "![x]", "![x]" },
	{ "123456789\nx\r\n", "!", "[123456789][x]" },
	{ "1234567890\nx\r\n", "!", "![x]" },
	{ "123456789012345678901234567890\r\nx\r\n", "![x]", "![x]" },
	{ "12345678901\n2345678\r\r\nx\r\n", "![x]", "![2345678\r][x]" },
	{ "1234567890\r\r\r\r\r\r\r\r\r\r\r\nx\r\n", "![x]", "![x]" },
	{ "1234567890\r", "", "" },
	{ "12345678\r\n123456789\r\n12345678\r\n", "[12345678]![12345678]", "[12345678]![12345678]" },
};

struct collected {
	char text[256];
	size_t len;
};

static void collect(struct collected *out, const char *before, str s, const char *after)
{
	int n = snprintf(out->text + out->len, sizeof out->text - out->len, "%s" STR_FMT "%s", before,
	                 STR_ARG(s), after);
	out->len += (size_t)n;
	assert_true(out->len < sizeof out->text);
}

/* Gives all of `in` up to `to`, as a connection would: what is not used comes again. */
static size_t feed(struct line_cutter *c, str in, size_t at, size_t to, struct collected *out)
{
	for (;;) {
		str line = STR("");
		size_t used = 99;
		enum line_found found = line_cut(c, str_slice(in, at, to), &line, &used);
		assert_true(used <= to - at);
		at += used;
		if (found == LINE_PART) {
			assert_true(to - at < LINE_MAX_OCTETS);
			return at;
		}
		if (found == LINE_WHOLE)
			collect(out, "[", line, "]");
		else
			collect(out, "!", STR(""), "");
	}
}

static void play(str in, bool strict, size_t a, size_t b, const char *want)
{
	struct line_cutter c = { .line_max = LINE_MAX_OCTETS, .strict = strict };
	struct collected out = { 0 };
	size_t at = feed(&c, in, 0, a, &out);

	at = feed(&c, in, at, b, &out);
	feed(&c, in, at, in.len, &out);
	assert_string_equal(out.text, want);
}

static void play_by_octets(str in, bool strict, const char *want)
{
	struct line_cutter c = { .line_max = LINE_MAX_OCTETS, .strict = strict };
	struct collected out = { 0 };
	size_t at = 0;

	for (size_t to = 0; to <= in.len; to++)
		at = feed(&c, in, at, to, &out);
	assert_string_equal(out.text, want);
}

/* Every case in every division into three pieces, and octet by octet. */
static void test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str in = str_of(cases[i].in);
		print_message("case %zu\n", i);
		for (int strict = 0; strict < 2; strict++) {
			const char *want = strict ? cases[i].strict : cases[i].lenient;
			for (size_t a = 0; a <= in.len; a++)
				for (size_t b = a; b <= in.len; b++)
					play(in, strict, a, b, want);
			play_by_octets(in, strict, want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_chunks) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
