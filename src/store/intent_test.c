#include "store/intent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"

static const str targets[] = { STR_INIT("a@d.example"), STR_INIT("@d.example") };

static const struct directory_row rows[] = {
	{ .kind = ROW_DOMAIN, .name = STR_INIT("d.example"), .created_ms = 1 },
	{ .kind = ROW_ACCOUNT,
	  .account_id = UINT64_MAX,
	  .name = STR_INIT("a@d.example"),
	  .display_name = STR_INIT("Ann"),
	  .password = STR_INIT("$argon2id$x"),
	  .quota_octets = 5,
	  .suspended = true,
	  .suspended_ms = 7,
	  .created_ms = 8 },
	{ .kind = ROW_ALIAS, .name = STR_INIT("b@d.example"), .targets = targets, .target_count = 2 },
	{ .kind = ROW_MAILBOX, .account_id = 1, .mailbox_id = 2, .uidvalidity = UINT32_MAX },
	{ .kind = ROW_APP,
	  .account_id = 1,
	  .name = STR_INIT("bookings"),
	  .password = STR_INIT("$sha256$x"),
	  .created_ms = 9,
	  .targets = targets,
	  .target_count = 2,
	  .limit_count = UINT32_MAX,
	  .limit_period_s = 3600 },
	{ .kind = ROW_APP_GONE, .account_id = 1, .name = STR_INIT("bookings") },
	{ .kind = ROW_ROUTE, .name = STR_INIT("* d.example"), .created_ms = 9, .details = STR_INIT("x\0y") },
	{ .kind = ROW_ROUTE_GONE, .name = STR_INIT("*") },
};

static void check_row(const struct directory_row *got, const struct directory_row *want)
{
	assert_int_equal(got->kind, want->kind);
	assert_true(got->account_id == want->account_id);
	assert_int_equal(got->mailbox_id, want->mailbox_id);
	assert_int_equal(got->uidvalidity, want->uidvalidity);
	assert_true(str_eq(got->name, want->name));
	assert_true(str_eq(got->display_name, want->display_name));
	assert_true(str_eq(got->password, want->password));
	assert_int_equal(got->quota_octets, want->quota_octets);
	assert_int_equal(got->suspended, want->suspended);
	assert_int_equal(got->suspended_ms, want->suspended_ms);
	assert_int_equal(got->created_ms, want->created_ms);
	assert_int_equal(got->target_count, want->target_count);
	for (size_t i = 0; i < want->target_count; i++)
		assert_true(str_eq(got->targets[i], want->targets[i]));
	assert_int_equal(got->limit_count, want->limit_count);
	assert_int_equal(got->limit_period_s, want->limit_period_s);
	assert_true(str_eq(got->details, want->details));
}

static void test_round_trip(void **state)
{
	struct arena arena;
	struct directory_row got;
	struct buf out;
	bool found;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	buf_init(&out, &arena, LIMIT_INTENT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		intent_add_row(&out, &rows[i]);
	str in = buf_str(&out);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(intent_next_row(&arena, &in, &got, &found).code, ERR_OK);
		assert_true(found);
		check_row(&got, &rows[i]);
	}
	assert_int_equal(intent_next_row(&arena, &in, &got, &found).code, ERR_OK);
	assert_false(found);
	arena_reset(&arena);
}

#define ALIAS_0 "\x05\x00\x00\x00\x03@d.\x00\x00\x00\x00\x00\x07\x01\x01x"
#define ROUTE_2 "\x8a\x04\x00\x00\x00\x01*\x00\x00\x00\x00\x00\x07\x00\x00\x00\x01x"
#define APP_1 "\x88\x02\x01\x00\x00\x01z\x00\x01v\x00\x00\x00\x07\x01\x01x\x0a\x3c"

/* What earlier programs wrote stays readable; what none wrote is damage. */
static const struct {
	str octets;
	err_code code;
	enum directory_row_kind kind; /* where there is a row */
	size_t target_count;
	uint32_t limit_count;
} cases[] = {
	{ STR_INIT(""), ERR_OK, (enum directory_row_kind)0, 0, 0 },
	{ STR_INIT(ALIAS_0), ERR_OK, ROW_ALIAS, 1, 0 },
	{ STR_INIT(APP_1), ERR_OK, ROW_APP, 1, 10 },
	{ STR_INIT(ROUTE_2), ERR_OK, ROW_ROUTE, 0, 0 },
	{ STR_INIT("\x00"), ERR_CORRUPT, (enum directory_row_kind)0, 0, 0 },
	/* an app in layout 0 */
	{ STR_INIT("\x08\x01\x00\x00\x01z\x00\x01v\x00\x00\x00\x07\x00"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
	/* kind 10 of layout 1, kind 12 of layout 2, and layout 3 */
	{ STR_INIT("\x8a\x02\x01\x00\x00\x01z\x00\x01v\x00\x00\x00\x07\x00\x00\x00"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
	{ STR_INIT("\x8c\x04\x00\x00\x00\x01*\x00\x00\x00\x00\x00\x07\x00\x00\x00\x01x"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
	{ STR_INIT("\x8a\x06\x00\x00\x00\x01*\x00\x00\x00\x00\x00\x07\x00\x00\x00\x01x"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
	/* "suspended" is 2 */
	{ STR_INIT("\x05\x00\x00\x00\x03@d.\x00\x00\x00\x02\x00\x07\x00"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
	/* a limit of 2^32 */
	{ STR_INIT("\x88\x02\x01\x00\x00\x01z\x00\x01v\x00\x00\x00\x07\x00\x80\x80\x80\x80\x10\x00"),
	  ERR_CORRUPT, (enum directory_row_kind)0, 0, 0 },
	/* 1,001 targets */
	{ STR_INIT("\x05\x00\x00\x00\x03@d.\x00\x00\x00\x00\x00\x07\xe9\x07"), ERR_CORRUPT,
	  (enum directory_row_kind)0, 0, 0 },
};

static void test_octets(void **state)
{
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct directory_row got = { .mailbox_id = 77 };
		bool found = true;
		str in = cases[i].octets;

		arena_init(&arena, NULL, LIMIT_MB);
		print_message("case %zu\n", i);
		assert_int_equal(intent_next_row(&arena, &in, &got, &found).code, cases[i].code);
		if (cases[i].kind) {
			assert_int_equal(got.kind, cases[i].kind);
			assert_int_equal(got.created_ms, 7);
			assert_int_equal(got.target_count, cases[i].target_count);
			assert_int_equal(got.limit_count, cases[i].limit_count);
			assert_int_equal(in.len, 0);
		} else {
			assert_int_equal(got.mailbox_id, 77); /* untouched */
			assert_int_equal(in.len, cases[i].octets.len);
		}
		arena_reset(&arena);
	}
}

/* A row that ends anywhere before its end is none. */
static void test_cut(void **state)
{
	static const str whole[] = { STR_INIT(ALIAS_0), STR_INIT(APP_1), STR_INIT(ROUTE_2) };
	struct arena arena;
	struct directory_row got;
	bool found;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		for (size_t len = 1; len < whole[i].len; len++) {
			str in = str_slice(whole[i], 0, len);
			assert_int_equal(intent_next_row(&arena, &in, &got, &found).code, ERR_CORRUPT);
		}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_octets),
		                            cmocka_unit_test(test_cut) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
