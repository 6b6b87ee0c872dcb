#include "mime/eai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

static const struct {
	const char *in, *out;
	err_code code;
} domains[] = {
	{ "shop.example", "shop.example", ERR_OK },
	{ "Shop.EXAMPLE", "shop.example", ERR_OK },
	{ "XN--Bcher-KVA.example", "xn--bcher-kva.example", ERR_OK },
	{ "b\xc3\xbc"
	  "cher.example",
	  "xn--bcher-kva.example", ERR_OK },
	{ "B\xc3\x9c"
	  "CHER.Example",
	  "xn--bcher-kva.example", ERR_OK },
	{ "bu\xcc\x88"
	  "cher.example", /* u and a combining diaeresis */
	  "xn--bcher-kva.example", ERR_OK },
	{ "stra\xc3\x9f"
	  "e.example", /* IDNA2008 keeps the sharp s (RFC 5894 §7.2) */
	  "xn--strae-oqa.example", ERR_OK },
	{ "\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah", ERR_OK },
	{ "\xef\xbc\xb3hop.example", "shop.example", ERR_OK }, /* full width */
	{ "shop\xe3\x80\x82"
	  "example",
	  "shop.example", ERR_OK }, /* ideographic full stop */
	{ "a\xef\xbc\x8f"
	  "b.example",
	  NULL, ERR_SYNTAX }, /* a full width solidus */
	{ "a\xef\xbc\xa0"
	  "b.example",
	  NULL, ERR_SYNTAX }, /* a full width @ */
	{ "a\xe2\x98\x83\xcc\x80.example", NULL, ERR_SYNTAX },
	{ "-\xc3\xbc.example", NULL, ERR_SYNTAX },
	{ "\xcc\x88"
	  "a.example",
	  NULL, ERR_SYNTAX }, /* begins with a combining mark */
	{ "\xc3\xbc..example", NULL, ERR_SYNTAX },
	{ "\xcd\x8f", NULL, ERR_SYNTAX }, /* letters that the mapping drops */
	{ "shop.\xcd\x8f", NULL, ERR_SYNTAX },
	{ "\xcd\x8f.example", NULL, ERR_SYNTAX },
	{ "\xff.example", NULL, ERR_SYNTAX },
	{ "\xc3\xbc-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NULL,
	  ERR_LIMIT },
};

static void test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
		char room[LIMIT_DOMAIN];
		struct buf out;

		print_message("%s\n", domains[i].in);
		buf_init_fixed(&out, room, sizeof room);
		assert_int_equal(eai_add_domain(&out, str_of(domains[i].in)).code, domains[i].code);
		assert_true(str_eq(buf_str(&out), str_of(domains[i].out ? domains[i].out : "")));
	}
}

static void expect_shown(const char *in, const char *want)
{
	char room[LIMIT_DOMAIN];
	struct buf out;

	buf_init_fixed(&out, room, sizeof room);
	eai_add_domain_shown(&out, str_of(in));
	assert_true(str_eq(buf_str(&out), str_of(want)));
}

static void test_shown(void **state)
{
	(void)state;
	expect_shown("shop.example", "shop.example");
	expect_shown("xn--bcher-kva.example", "b\xc3\xbc"
	                                      "cher.example");
	expect_shown("xn--\x7f.example", "xn--\x7f.example");
	expect_shown("", "");
}

static const struct {
	const char *in, *out;
	err_code code;
} local_parts[] = {
	{ "Ann+Books", "ann+books", ERR_OK },
	{ "\xc3\x9cnal", "\xc3\xbcnal", ERR_OK },
	{ "u\xcc\x88nal", "\xc3\xbcnal", ERR_OK },
	{ "U\xcc\x88nal", "\xc3\xbcnal", ERR_OK },
	{ "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd", ERR_OK },
	{ "\xef\xbc\xa1", "\xef\xbd\x81", ERR_OK }, /* full width stays so: NFC, not NFKC */
	{ "\xff", NULL, ERR_SYNTAX },
	{ "a\xc3", NULL, ERR_SYNTAX },
	{ "\xed\xa0\x80", NULL, ERR_SYNTAX }, /* a surrogate */
	{ "\xc3\xbc"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  NULL, ERR_LIMIT },
};

static void test_local_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof local_parts / sizeof local_parts[0]; i++) {
		char room[4 * LIMIT_LOCAL_PART];
		struct buf out;

		print_message("%s\n", local_parts[i].in);
		buf_init_fixed(&out, room, sizeof room);
		assert_int_equal(eai_add_local_part(&out, str_of(local_parts[i].in)).code,
		                 local_parts[i].code);
		assert_true(str_eq(buf_str(&out), str_of(local_parts[i].out ? local_parts[i].out : "")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_domains), cmocka_unit_test(test_shown),
		                            cmocka_unit_test(test_local_parts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
