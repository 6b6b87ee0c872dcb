#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"

static void test_ceiling(void **state)
{
	struct arena arena;
	struct buf b;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	buf_init(&b, &arena, 1000);
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, 'x');
	assert_int_equal(buf_err(&b).code, ERR_OK);
	buf_add_char(&b, 'y');
	assert_int_equal(buf_err(&b).code, ERR_LIMIT);
	assert_int_equal(buf_err(&b).at, 1000);
	assert_int_equal(b.len, 1000);
	buf_clear(&b);
	buf_add(&b, STR("ok"));
	assert_true(buf_err(&b).code == ERR_OK && str_eq(buf_str(&b), STR("ok")));
	arena_reset(&arena);

	arena_init(&arena, NULL, 0);
	buf_init(&b, &arena, 1000);
	buf_add(&b, STR("x"));
	assert_int_equal(buf_err(&b).code, ERR_NOSPACE);
	assert_int_equal(buf_str(&b).len, 0);
}

static void test_fixed(void **state)
{
	char room[4];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, room, sizeof room);
	buf_add(&b, STR("abcd"));
	assert_int_equal(buf_err(&b).code, ERR_OK);
	buf_add(&b, (str){ 0 });
	assert_int_equal(buf_err(&b).code, ERR_OK);
	buf_add(&b, STR("e"));
	assert_int_equal(buf_err(&b).code, ERR_LIMIT);
	assert_memory_equal(room, "abcd", 4);
}

static void test_text(void **state)
{
	char room[200];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, room, sizeof room);
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_hex(&b, STR("\x00\xff\x1a"));
	buf_add_format(&b, " %03d", 7);
	assert_true(str_eq(buf_str(&b), STR("18446744073709551615 -9223372036854775808 0 00ff1a 007")));
}

static const uint64_t varints[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX };

/* What was written is read again; each shorter piece is refused with nothing touched. */
static void test_numbers_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++) {
		char room[64];
		struct buf b;
		uint64_t n = 0;
		uint32_t small = 0;

		buf_init_fixed(&b, room, sizeof room);
		buf_add_varint(&b, varints[i]);
		for (size_t len = 0; len < b.len; len++) {
			str piece = { room, len };
			assert_false(bytes_varint(&piece, &n));
			assert_int_equal(piece.len, len);
		}
		str in = buf_str(&b);
		assert_true(bytes_varint(&in, &n) && n == varints[i] && in.len == 0);
		buf_clear(&b);
		buf_add_le64(&b, varints[i]);
		buf_add_le32(&b, (uint32_t)varints[i]);
		in = buf_str(&b);
		assert_int_equal(in.len, 12);
		assert_true(bytes_le64(&in, &n) && n == varints[i]);
		assert_true(bytes_le32(&in, &small) && small == (uint32_t)varints[i]);
		assert_false(bytes_le32(&in, &small) || bytes_le64(&in, &n));
	}
}

static void test_bad_varints(void **state)
{
	str over = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
	    endless = STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
	uint64_t n = 7;

	(void)state;
	assert_false(bytes_varint(&over, &n));
	assert_false(bytes_varint(&endless, &n));
	assert_int_equal(n, 7);
}

static void test_counted(void **state)
{
	char room[64];
	struct buf b;
	str out = { 0 };

	(void)state;
	buf_init_fixed(&b, room, sizeof room);
	buf_add_counted(&b, STR("abc"));
	buf_add_counted(&b, STR(""));
	str in = buf_str(&b), cut = str_slice(in, 0, 3);
	assert_false(bytes_counted(&cut, &out));
	assert_int_equal(cut.len, 3);
	assert_true(bytes_counted(&in, &out) && str_eq(out, STR("abc")));
	assert_true(bytes_counted(&in, &out) && out.len == 0 && in.len == 0);
	str lie = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x");
	assert_false(bytes_counted(&lie, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ceiling),     cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_text),        cmocka_unit_test(test_numbers_there_and_back),
		cmocka_unit_test(test_bad_varints), cmocka_unit_test(test_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
