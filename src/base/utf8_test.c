#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Each scalar value there and back; nothing else is UTF-8. */
static void test_all(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char room[4];
		struct buf b;

		if (!utf8_is_scalar(code))
			continue;
		buf_init_fixed(&b, room, sizeof room);
		utf8_add(&b, code);
		assert_int_equal(utf8_length(buf_str(&b)), b.len);
		assert_int_equal(b.len, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
		if (b.len > 1)
			assert_int_equal(utf8_length((str){ room, b.len - 1 }), 0);
	}
	assert_false(utf8_is_scalar(0xd800) || utf8_is_scalar(0xdfff) || utf8_is_scalar(0x110000));
}

static const struct {
	str octets;
	size_t at;
} invalid[] = {
	{ STR_INIT("abc"), 3 },
	{ STR_INIT("a\x80"), 1 },
	{ STR_INIT("a\xc3\xa9\xc3"), 3 },
	{ STR_INIT("\xc1\xbf"), 0 },
	{ STR_INIT("\xe0\x9f\xbf"), 0 },
	{ STR_INIT("\xf0\x8f\xbf\xbf"), 0 },
	{ STR_INIT("\xed\xbf\xbf"), 0 },
	{ STR_INIT("\xf4\x90\x80\x80"), 0 },
	{ STR_INIT("\xf8\x88\x80\x80\x80"), 0 },
	{ STR_INIT("\xc3("), 0 },
};

static void test_invalid(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
		assert_int_equal(utf8_invalid(invalid[i].octets), invalid[i].at);
	assert_int_equal(utf8_invalid((str){ 0 }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_invalid) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
