#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 4648 §10, then what the alphabet's end looks like. */
static const struct {
	str octets, text;
} pairs[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg==") },
	{ STR_INIT("fo"), STR_INIT("Zm8=") },
	{ STR_INIT("foo"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg==") },
	{ STR_INIT("fooba"), STR_INIT("Zm9vYmE=") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy") },
	{ STR_INIT("\0\0\0"), STR_INIT("AAAA") },
	{ STR_INIT("\xfb\xff\xbf"), STR_INIT("+/+/") },
};

static void test_pairs(void **state)
{
	char room[64];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		print_message("%s\n", pairs[i].text.ptr);
		buf_init_fixed(&out, room, sizeof room);
		base64_add(&out, pairs[i].octets);
		assert_true(str_eq(buf_str(&out), pairs[i].text));
		assert_int_equal(out.len, BASE64_SIZE(pairs[i].octets.len));
		buf_clear(&out);
		assert_int_equal(base64_decode(pairs[i].text, &out).code, ERR_OK);
		assert_true(str_eq(buf_str(&out), pairs[i].octets));
	}
}

/* RFC 4954 §4 names "=AAA" and "AAA=BBB". */
static const struct {
	str text;
	uint32_t at;
} refused[] = {
	{ STR_INIT("="), 1 },       { STR_INIT("A"), 1 },          { STR_INIT("AA"), 2 },
	{ STR_INIT("AAA"), 3 },     { STR_INIT("=AAA"), 0 },       { STR_INIT("AAA=BBBB"), 0 },
	{ STR_INIT("AAA=BBB"), 7 }, { STR_INIT("===="), 0 },       { STR_INIT("A==="), 0 },
	{ STR_INIT("AA=A"), 0 },    { STR_INIT("AAAAAA=A"), 4 },   { STR_INIT("Zg== "), 5 },
	{ STR_INIT(" Zg="), 0 },    { STR_INIT("Zm9v\r\nZg"), 4 }, { STR_INIT("Zm9\0"), 0 },
	{ STR_INIT("Zm9-"), 0 },    { STR_INIT("Zm9_"), 0 },       { STR_INIT("Zh=="), 0 },
	{ STR_INIT("Zm9="), 0 },    { STR_INIT("Zm\xc3\xb6"), 0 },
};

static void test_refusals(void **state)
{
	char room[64];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		print_message("%s\n", refused[i].text.ptr);
		buf_init_fixed(&out, room, sizeof room);
		err e = base64_decode(refused[i].text, &out);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_int_equal(e.at, refused[i].at);
	}
}

static void test_room(void **state)
{
	char room[3];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, room, sizeof room);
	assert_int_equal(base64_decode(STR("Zm9v"), &out).code, ERR_OK);
	assert_int_equal(base64_decode(STR("Zg=="), &out).code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pairs), cmocka_unit_test(test_refusals),
		                            cmocka_unit_test(test_room) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
