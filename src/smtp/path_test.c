#include "smtp/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L64 L63 "a"
#define D255 L63 "." L63 "." L63 "." L63

enum { REVERSE = 1, FORWARD = 2, BOTH = 3 };

static const struct {
	int kind;
	const char *in, *text, *local_part, *domain;
	size_t taken;
} good[] = {
	{ BOTH, "<Ann@Shop.example>", "Ann@Shop.example", "Ann", "Shop.example", 18 },
	{ BOTH, "<ann@shop.example> SIZE=1", "ann@shop.example", "ann", "shop.example", 18 },
	{ BOTH, "<a.b+c=d@x>", "a.b+c=d@x", "a.b+c=d", "x", 11 },
	{ BOTH, "<\"a b\\\"c\"@x.example>", "\"a b\\\"c\"@x.example", "a b\"c", "x.example", 20 },
	{ BOTH, "<\"a@b>\"@x>", "\"a@b>\"@x", "a@b>", "x", 10 },
	{ BOTH, "<\"ann\"@x>", "\"ann\"@x", "ann", "x", 9 },
	{ BOTH, "<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]", 15 },
	{ BOTH, "<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]", 22 },
	{ BOTH, "<@a.example,@b.example:c@d.example>", "c@d.example", "c", "d.example", 35 },
	{ BOTH, "<" L64 "@x>", L64 "@x", L64, "x", 68 },
	{ BOTH, "<a@" D255 ">", "a@" D255, "a", D255, 259 },
	{ BOTH, "<j\xc3\xb6rg@shop.example>", "j\xc3\xb6rg@shop.example", "j\xc3\xb6rg", "shop.example", 20 },
	{ BOTH, "<\"j \xc3\xb6\"@shop.example>", "\"j \xc3\xb6\"@shop.example", "j \xc3\xb6", "shop.example",
	  21 },
	{ BOTH, "<ann@M\xc3\x9cller.example>", "ann@M\xc3\x9cller.example", "ann", "xn--mller-kva.example",
	  21 },
	{ BOTH, "<@m\xc3\xbcller.example:c@d.example>", "c@d.example", "c", "d.example", 30 },
	{ REVERSE, "<>", "", "", "", 2 },
	{ REVERSE, "<> SIZE=1", "", "", "", 2 },
	{ FORWARD, "<postmaster>", "postmaster", "postmaster", "", 12 },
	{ FORWARD, "<PostMaster>", "PostMaster", "PostMaster", "", 12 },
};

static const struct {
	int kind;
	const char *in;
	err_code code;
	uint32_t at;
} bad[] = {
	{ BOTH, "", ERR_SYNTAX, 0 },
	{ BOTH, "ann@shop.example", ERR_SYNTAX, 0 },
	{ BOTH, " <ann@shop.example>", ERR_SYNTAX, 0 },
	{ BOTH, "<ann@shop.example", ERR_SYNTAX, 17 },
	{ BOTH, "<ann@shop.example >", ERR_SYNTAX, 17 },
	{ BOTH, "< ann@shop.example>", ERR_SYNTAX, 1 },
	{ BOTH, "<<ann@shop.example>>", ERR_SYNTAX, 1 },
	{ BOTH, "<Ann <ann@shop.example>>", ERR_SYNTAX, 4 },
	{ BOTH, "<ann>", ERR_SYNTAX, 5 },
	{ BOTH, "<ann@>", ERR_SYNTAX, 5 },
	{ BOTH, "<@shop.example>", ERR_SYNTAX, 14 },
	{ BOTH, "<ann@@shop.example>", ERR_SYNTAX, 5 },
	{ BOTH, "<ann@b@shop.example>", ERR_SYNTAX, 6 },
	{ BOTH, "<.ann@shop.example>", ERR_SYNTAX, 1 },
	{ BOTH, "<ann.@shop.example>", ERR_SYNTAX, 5 },
	{ BOTH, "<a..b@shop.example>", ERR_SYNTAX, 3 },
	{ BOTH, "<a b@shop.example>", ERR_SYNTAX, 2 },
	{ BOTH, "<ann@shop..example>", ERR_SYNTAX, 10 },
	{ BOTH, "<ann@shop.example.>", ERR_SYNTAX, 18 },
	{ BOTH, "<ann@.example>", ERR_SYNTAX, 5 },
	{ BOTH, "<ann@-shop.example>", ERR_SYNTAX, 10 },
	{ BOTH, "<ann@shop-.example>", ERR_SYNTAX, 10 },
	{ BOTH, "<ann@sh_op.example>", ERR_SYNTAX, 7 },
	{ BOTH, "<j\xf6rg@shop.example>", ERR_SYNTAX, 2 },
	{ BOTH, "<\"j\xf6rg\"@shop.example>", ERR_SYNTAX, 3 },
	{ BOTH, "<\"j\\\xc3\xb6rg\"@shop.example>", ERR_SYNTAX, 4 },
	{ BOTH, "<ann@m\xfcller.example>", ERR_SYNTAX, 5 },
	{ BOTH, "<ann@\xcc\x88.example>", ERR_SYNTAX, 5 },
	{ BOTH,
	  "<ann@a\xef\xbc\xa0"
	  "b.example>",
	  ERR_SYNTAX, 5 },
	{ BOTH, "<ann@[\xc3\xbc]>", ERR_SYNTAX, 6 },
	{ BOTH, "<@m\xfcller.example:c@d.example>", ERR_SYNTAX, 3 },
	{ BOTH, "<\"ann@shop.example>", ERR_SYNTAX, 19 },
	{ BOTH, "<\"a\tb\"@shop.example>", ERR_SYNTAX, 3 },
	{ BOTH, "<\"\"@shop.example>", ERR_SYNTAX, 3 },
	{ BOTH, "<\"a\"b@shop.example>", ERR_SYNTAX, 4 },
	{ BOTH, "<a@[192.0.2.256]>", ERR_SYNTAX, 15 },
	{ BOTH, "<a@[192.0.2.1>", ERR_SYNTAX, 13 },
	{ BOTH, "<a@[2001:db8::1]>", ERR_SYNTAX, 15 },
	{ BOTH, "<a@[IPv6:192.0.2.1]>", ERR_SYNTAX, 18 },
	{ BOTH, "<a@[]>", ERR_SYNTAX, 4 },
	{ BOTH, "<@a.example:>", ERR_SYNTAX, 12 },
	{ BOTH, "<@a.example,b.example:c@d>", ERR_SYNTAX, 12 },
	{ BOTH, "<@a.example c@d>", ERR_SYNTAX, 11 },
	{ BOTH, "<" L64 "a@x>", ERR_LIMIT, 66 },
	{ BOTH, "<\"" L64 "a\"@x>", ERR_LIMIT, 68 },
	{ BOTH, "<a@" D255 "a>", ERR_LIMIT, 259 },
	{ BOTH, "<a@" D255 ".a>", ERR_LIMIT, 260 },
	{ REVERSE, "<postmaster>", ERR_SYNTAX, 12 },
	{ REVERSE, "<", ERR_SYNTAX, 1 },
	{ FORWARD, "<>", ERR_SYNTAX, 1 },
	{ FORWARD, "<root>", ERR_SYNTAX, 6 },
};

typedef err parser(scan *s, struct arena *arena, struct smtp_path *out);
static parser *const parsers[] = { smtp_reverse_path_parse, smtp_forward_path_parse };

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		for (int k = 0; k < 2; k++) {
			scan s = { str_of(good[i].in), 0 };
			struct smtp_path got;
			struct arena arena;

			if (!(good[i].kind & 1 << k))
				continue;
			print_message("%s\n", good[i].in);
			arena_init(&arena, NULL, LIMIT_ARENA_BLOCK);
			assert_int_equal(parsers[k](&s, &arena, &got).code, ERR_OK);
			assert_int_equal(s.at, good[i].taken);
			assert_true(str_eq(got.text, str_of(good[i].text)));
			assert_true(str_eq(got.local_part, str_of(good[i].local_part)));
			assert_int_equal(got.is_wide, strpbrk(good[i].in, "\xc3\xcc\xef") != NULL);
			assert_true(str_eq(got.domain, str_of(good[i].domain)));
			arena_reset(&arena);
		}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		for (int k = 0; k < 2; k++) {
			scan s = { str_of(bad[i].in), 0 };
			struct smtp_path got = { .text = STR("untouched") };
			struct arena arena;
			err e;

			if (!(bad[i].kind & 1 << k))
				continue;
			print_message("%s\n", bad[i].in);
			arena_init(&arena, NULL, LIMIT_ARENA_BLOCK);
			e = parsers[k](&s, &arena, &got);
			assert_int_equal(e.code, bad[i].code);
			assert_int_equal(e.at, bad[i].at);
			assert_non_null(e.what);
			assert_true(str_eq(got.text, STR("untouched")));
			arena_reset(&arena);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
