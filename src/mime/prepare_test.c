#include "mime/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

/* RFC 4013 §3, then what its tables and NFKC do. NULL: refused. */
static const struct {
	str in;
	const char *out;
} saslprep[] = {
	{ STR_INIT("I\xc2\xadX"), "IX" },
	{ STR_INIT("user"), "user" },
	{ STR_INIT("USER"), "USER" },
	{ STR_INIT("\xc2\xaa"), "a" },
	{ STR_INIT("\xe2\x85\xa8"), "IX" },
	{ STR_INIT("\x07"), NULL },
	{ STR_INIT("\xd8\xa7\x31"), NULL },
	{ STR_INIT("a\xc2\xa0"
	           "b"),
	  "a b" },
	{ STR_INIT("a\xe3\x80\x80"
	           "b"),
	  "a b" },
	{ STR_INIT("e\xcc\x81"), "\xc3\xa9" },
	{ STR_INIT("\xef\xbc\xa1"), "A" }, /* full width */
	{ STR_INIT("\xd8\xa7\x31\xd8\xa8"), "\xd8\xa7\x31\xd8\xa8" },
	{ STR_INIT("\xd8\xa7"
	           "a\xd8\xa8"),
	  NULL },                               /* both directions */
	{ STR_INIT("x\xcd\xb8"), "x\xcd\xb8" }, /* unassigned: legal in a query */
	{ STR_INIT(""), NULL },
	{ STR_INIT("\xc2\xad"), NULL }, /* nothing left */
	{ STR_INIT("a\0b"), NULL },
	{ STR_INIT("a\x7f"), NULL },
	{ STR_INIT("\xe2\x80\xae"
	           "a"),
	  NULL },                               /* override of the direction */
	{ STR_INIT("\xee\x80\x80"), NULL },     /* private use */
	{ STR_INIT("\xef\xbf\xbd"), NULL },     /* replacement character */
	{ STR_INIT("\xf0\x9f\xbf\xbe"), NULL }, /* no character */
	{ STR_INIT("\xf3\xa0\x80\xa0"), NULL }, /* tag */
	{ STR_INIT("\xff"), NULL },
	{ STR_INIT("a\xc3"), NULL },
};

static void test_saslprep(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof saslprep / sizeof saslprep[0]; i++) {
		str out = STR("untouched");
		err e = prepare_saslprep(&arena, saslprep[i].in, &out);

		print_message("%zu: %s\n", i, saslprep[i].in.ptr);
		assert_int_equal(e.code, saslprep[i].out ? ERR_OK : ERR_SYNTAX);
		assert_true(str_eq(out, str_of(saslprep[i].out ? saslprep[i].out : "untouched")));
	}
	arena_reset(&arena);
}

/* RFC 8265 §4.3 and what stays. */
static const struct {
	str in, out;
} passwords[] = {
	{ STR_INIT("correct horse battery staple"), STR_INIT("correct horse battery staple") },
	{ STR_INIT("\xcf\x80\xc3\x9f\xc3\xa5"), STR_INIT("\xcf\x80\xc3\x9f\xc3\xa5") },
	{ STR_INIT("Jack of \xe2\x99\xa6s"), STR_INIT("Jack of \xe2\x99\xa6s") },
	{ STR_INIT("foo\xe1\x9a\x80"
	           "bar"),
	  STR_INIT("foo bar") }, /* OGHAM SPACE MARK */
	{ STR_INIT("a\xcc\x8a"), STR_INIT("\xc3\xa5") },
	{ STR_INIT("\xef\xbc\xa1\xc2\xb2"), STR_INIT("\xef\xbc\xa1\xc2\xb2") }, /* no compatibility mapping */
	{ STR_INIT("\xe5\x00x"), STR_INIT("\xe5\x00x") },                       /* Latin-1 */
	{ STR_INIT("a\x07\x00"
	           "b"),
	  STR_INIT("a\x07\x00"
	           "b") },
	{ STR_INIT(""), STR_INIT("") },
};

static void test_passwords(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
		str out = STR("untouched");

		print_message("%zu: %s\n", i, passwords[i].in.ptr);
		assert_int_equal(prepare_password(&arena, passwords[i].in, &out).code, ERR_OK);
		assert_true(str_eq(out, passwords[i].out));
	}
	arena_reset(&arena);
}

static void test_no_room(void **state)
{
	struct arena none;
	str out = STR("untouched");

	(void)state;
	arena_init(&none, NULL, 0);
	assert_int_equal(prepare_saslprep(&none, STR("\xc3\xa9"), &out).code, ERR_NOSPACE);
	assert_int_equal(prepare_password(&none, STR("\xc3\xa9"), &out).code, ERR_NOSPACE);
	assert_true(str_eq(out, STR("untouched")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_saslprep), cmocka_unit_test(test_passwords),
		                            cmocka_unit_test(test_no_room) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
