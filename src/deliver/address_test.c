#include "deliver/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L64 L63 "a"

typedef err normaliser(struct arena *arena, str text, str *out);

static const struct {
	normaliser *normalise;
	const char *text;
	const char *want; /* where code is ERR_OK */
	err_code code;
	uint32_t at;
} cases[] = {
	{ address_normalise, "Ann@Shop.Example", "ann@shop.example", ERR_OK, 0 },
	{ address_normalise, "ann+books@shop.example", "ann+books@shop.example", ERR_OK, 0 },
	{ address_normalise, "o'neil.x@shop.example.", "o'neil.x@shop.example", ERR_OK, 0 },
	{ address_normalise, "J\xc3\x96rg@m\xc3\xbcller.example", "j\xc3\xb6rg@xn--mller-kva.example", ERR_OK,
	  0 },
	{ address_normalise, "jo\xcc\x88rg@M\xc3\x9cller.example.", "j\xc3\xb6rg@xn--mller-kva.example",
	  ERR_OK, 0 },
	{ address_normalise, "ann@XN--mller-kva.example", "ann@xn--mller-kva.example", ERR_OK, 0 },
	{ address_normalise, "j\xf6rg@shop.example", NULL, ERR_SYNTAX, 1 },
	{ address_normalise, "ann@m\xfcller.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@\xcc\x88.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise,
	  "ann@a\xef\xbc\xa0"
	  "b.example",
	  NULL, ERR_SYNTAX, 4 },
	{ address_normalise_alias, "@M\xc3\x9cller.example", "@xn--mller-kva.example", ERR_OK, 0 },
	{ address_normalise_alias, "@\xcc\x88.example", NULL, ERR_SYNTAX, 1 },
	{ domain_normalise, "M\xc3\x9cller.example.", "xn--mller-kva.example", ERR_OK, 0 },
	{ address_normalise, "ann@localhost", "ann@localhost", ERR_OK, 0 },
	{ address_normalise, L64 "@x.example", L64 "@x.example", ERR_OK, 0 },
	{ address_normalise, L64 "a@x.example", NULL, ERR_LIMIT, 0 },
	{ address_normalise, "", NULL, ERR_SYNTAX, 0 },
	{ address_normalise, "ann", NULL, ERR_SYNTAX, 3 },
	{ address_normalise, "@shop.example", NULL, ERR_SYNTAX, 0 },
	{ address_normalise, "ann@", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@.", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@@shop.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@shop..example", NULL, ERR_SYNTAX, 9 },
	{ address_normalise, ".ann@shop.example", NULL, ERR_SYNTAX, 0 },
	{ address_normalise, "ann.@shop.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "a..b@shop.example", NULL, ERR_SYNTAX, 2 },
	{ address_normalise, "a b@shop.example", NULL, ERR_SYNTAX, 1 },
	{ address_normalise, "<ann@shop.example>", NULL, ERR_SYNTAX, 0 },
	{ address_normalise, "\"ann\"@shop.example", NULL, ERR_SYNTAX, 0 },
	{ address_normalise, "ann@-shop.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@shop-.example", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@[192.0.2.1]", NULL, ERR_SYNTAX, 4 },
	{ address_normalise, "ann@sh_op.example", NULL, ERR_SYNTAX, 6 },
	{ address_normalise, "ann@" L64 ".example", NULL, ERR_LIMIT, 4 },
	{ address_normalise, "ann\n@shop.example", NULL, ERR_SYNTAX, 3 },
	{ address_normalise_alias, "@Shop.Example", "@shop.example", ERR_OK, 0 },
	{ address_normalise_alias, "Info@Shop.Example", "info@shop.example", ERR_OK, 0 },
	{ address_normalise_alias, "@", NULL, ERR_SYNTAX, 1 },
	{ address_normalise_alias, "@@shop.example", NULL, ERR_SYNTAX, 1 },
	{ domain_normalise, "Shop.Example", "shop.example", ERR_OK, 0 },
	{ domain_normalise, "shop.example.", "shop.example", ERR_OK, 0 },
	{ domain_normalise, "xn--mller-kva.example", "xn--mller-kva.example", ERR_OK, 0 },
	{ domain_normalise, L63 "." L63 "." L63 "." L63, L63 "." L63 "." L63 "." L63, ERR_OK, 0 },
	{ domain_normalise, L63 "." L63 "." L63 "." L63 ".a", NULL, ERR_LIMIT, 0 },
	{ domain_normalise, "", NULL, ERR_SYNTAX, 0 },
	{ domain_normalise, ".", NULL, ERR_SYNTAX, 0 },
	{ domain_normalise, "shop.example..", NULL, ERR_SYNTAX, 13 },
	{ domain_normalise, "shop example", NULL, ERR_SYNTAX, 4 },
	{ domain_normalise, "ann@shop.example", NULL, ERR_SYNTAX, 3 },
};

static void test_normalise(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		str untouched = STR("untouched"), got = untouched;
		err e;

		arena_init(&arena, NULL, LIMIT_ARENA_BLOCK);
		print_message("%s\n", cases[i].text);
		e = cases[i].normalise(&arena, str_of(cases[i].text), &got);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(e.at, cases[i].at);
		assert_true(str_eq(got, e.code == ERR_OK ? str_of(cases[i].want) : untouched));
		arena_reset(&arena);
	}
}

static const struct {
	const char *address, *local_part, *domain, *base, *shown;
} parts[] = {
	{ "ann@shop.example", "ann", "shop.example", NULL, "ann@shop.example" },
	{ "ann+x@shop.example", "ann+x", "shop.example", "ann@shop.example", "ann+x@shop.example" },
	{ "ann+x+y@shop.example", "ann+x+y", "shop.example", "ann@shop.example", "ann+x+y@shop.example" },
	{ "ann+@shop.example", "ann+", "shop.example", "ann@shop.example", "ann+@shop.example" },
	{ "+x@shop.example", "+x", "shop.example", NULL, "+x@shop.example" },
	{ "a b@shop.example", "a b", "shop.example", NULL, "\"a b\"@shop.example" },
	{ "a\"\\@shop.example", "a\"\\", "shop.example", NULL, "\"a\\\"\\\\\"@shop.example" },
	{ "a@b@shop.example", "a@b", "shop.example", NULL, "\"a@b\"@shop.example" },
	{ ".a@shop.example", ".a", "shop.example", NULL, "\".a\"@shop.example" },
	{ "@shop.example", "", "shop.example", NULL, "\"\"@shop.example" },
};

static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		struct arena arena;
		str address = str_of(parts[i].address), base = { 0 };
		char room[100];
		struct buf out;

		print_message("%s\n", parts[i].address);
		arena_init(&arena, NULL, LIMIT_ARENA_BLOCK);
		assert_true(str_eq(address_local_part(address), str_of(parts[i].local_part)));
		assert_true(str_eq(address_domain(address), str_of(parts[i].domain)));
		assert_int_equal(address_without_detail(&arena, address, &base), parts[i].base != NULL);
		if (parts[i].base)
			assert_true(str_eq(base, str_of(parts[i].base)));
		buf_init_fixed(&out, room, sizeof room);
		address_add(&out, address);
		assert_true(str_eq(buf_str(&out), str_of(parts[i].shown)));
		arena_reset(&arena);
	}
}

static void test_join(void **state)
{
	struct arena arena;
	str got = { 0 };

	(void)state;
	arena_init(&arena, NULL, LIMIT_ARENA_BLOCK);
	assert_int_equal(address_join(&arena, STR("Ann \"X"), STR("Shop.EXAMPLE"), &got).code, ERR_OK);
	assert_true(str_eq(got, STR("ann \"x@shop.example")));
	arena_reset(&arena);
	arena_init(&arena, NULL, 0);
	assert_int_equal(address_join(&arena, STR("ann"), STR("shop.example"), &got).code, ERR_NOSPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_normalise), cmocka_unit_test(test_parts),
		                            cmocka_unit_test(test_join) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
