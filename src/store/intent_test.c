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

/* --- messages --- */

/* id "a", reverse-path "s@d", time 5 */
#define FRONT \
	"\x01" \
	"a" \
	"\x03s@d\x05"
#define MESSAGE_1 \
	"\x01" FRONT "\x01" \
	"\x07\x01\x02\x03\x00\x02p:"
/* envelope: envid "e", login "l", RET F, 8BITMIME, SMTPUTF8 and forwarded, priority -1, marketing, sender 9,
 * hold 1, expires 2, by 3, mode R */
#define ENVELOPE \
	"\x01" \
	"e" \
	"\x01l\x46\x01\x03\xff\x01\x01\x09\x01\x02\x03\x52"
#define TO_1 \
	"\x03x@y\x01y\x01" \
	"d" \
	"\x00\x04\x00"
#define TO_2 \
	"\x03z@y\x01y\x01q\x03r;z\x00\x01\x01" \
	"R"
#define MESSAGE_2 "\x02" FRONT "\x00\x02" ENVELOPE TO_1 TO_2

static const struct {
	str octets;
	err_code code;
	size_t target_count, queue_count;
} messages[] = {
	{ STR_INIT(MESSAGE_1), ERR_OK, 1, 0 },
	{ STR_INIT(MESSAGE_2), ERR_OK, 0, 2 },
	{ STR_INIT("\x00" FRONT "\x01"), ERR_CORRUPT, 0, 0 },
	{ STR_INIT("\x03" FRONT "\x00\x01" ENVELOPE TO_1), ERR_CORRUPT, 0, 0 },
	/* an envelope for nobody; 1,001 recipients in all; a body and a lane that there are not */
	{ STR_INIT("\x02" FRONT "\x01\x00" ENVELOPE), ERR_CORRUPT, 0, 0 },
	{ STR_INIT("\x02" FRONT "\x01\xe8\x07" ENVELOPE), ERR_CORRUPT, 0, 0 },
	{ STR_INIT("\x02" FRONT "\x00\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00"), ERR_CORRUPT, 0,
	  0 },
	{ STR_INIT("\x02" FRONT "\x00\x01\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00"), ERR_CORRUPT, 0,
	  0 },
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		struct intent_message m;
		str in = messages[i].octets;

		print_message("message %zu\n", i);
		assert_int_equal(intent_parse_message(&in, &m).code, messages[i].code);
		if (messages[i].code != ERR_OK) {
			assert_int_equal(in.len, messages[i].octets.len);
			continue;
		}
		assert_int_equal(m.target_count, messages[i].target_count);
		assert_int_equal(m.queue_count, messages[i].queue_count);
		assert_true(str_eq(m.id, STR("a")) && str_eq(m.reverse_path, STR("s@d")) &&
		            m.received_ms == 5);
	}
}

/* Those of before have no recipients; a recipient's own octets are enough to read it again. */
static void test_recipients(void **state)
{
	const str former = STR_INIT(MESSAGE_1), whole = STR_INIT(MESSAGE_2);
	struct intent_message m;
	struct intent_target t;
	struct intent_recipient r, alone;
	str in = former;

	(void)state;
	assert_int_equal(intent_parse_message(&in, &m).code, ERR_OK);
	assert_int_equal(intent_next_target(former, &in, &t).code, ERR_OK);
	assert_true(in.len == 0 && t.account_id == 7 && t.uid == 2 && str_eq(t.prefix, STR("p:")));
	in = whole;
	assert_int_equal(intent_parse_message(&in, &m).code, ERR_OK);
	assert_true(str_eq(m.envelope.envid, STR("e")) && str_eq(m.envelope.login, STR("l")));
	assert_true(m.envelope.ret == 'F' && m.envelope.body == QUEUE_BODY_8BIT && m.envelope.smtputf8 &&
	            m.envelope.forwarded && !m.envelope.by_trace && m.envelope.priority == -1);
	assert_true(m.envelope.lane == QUEUE_MARKETING && m.envelope.sender == 9);
	assert_true(m.envelope.hold_until_ms == 1 && m.envelope.expires_ms == 2 && m.envelope.by_ms == 3 &&
	            m.envelope.by_mode == 'R');
	assert_int_equal(intent_next_recipient(whole, &in, &r).code, ERR_OK);
	assert_true(str_eq(r.forward_path, STR("x@y")) && r.notify == QUEUE_NOTIFY_FAILURE &&
	            !r.has_reverse_path);
	assert_int_equal(intent_next_recipient(whole, &in, &r).code, ERR_OK);
	assert_true(in.len == 0 && r.at + r.size == whole.len);
	in = str_slice(whole, r.at, r.at + r.size);
	assert_int_equal(intent_next_recipient(in, &in, &alone).code, ERR_OK);
	assert_true(str_eq(alone.forward_path, STR("z@y")) && str_eq(alone.domain, STR("y")) &&
	            str_eq(alone.reverse_domain, STR("q")) && str_eq(alone.orcpt, STR("r;z")) &&
	            alone.has_reverse_path && str_eq(alone.reverse_path, STR("R")));
}

/* One that ends anywhere before its end yields less. */
static void test_messages_cut(void **state)
{
	const str whole = STR_INIT(MESSAGE_2);

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct intent_message m = { .queue_count = 0 };
		struct intent_recipient r;
		size_t got = 0;
		str cut = str_slice(whole, 0, len), in = cut;

		if (intent_parse_message(&in, &m).code == ERR_OK)
			while (got < m.queue_count && intent_next_recipient(cut, &in, &r).code == ERR_OK)
				got++;
		assert_true(got < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_octets),
		cmocka_unit_test(test_cut),        cmocka_unit_test(test_messages),
		cmocka_unit_test(test_recipients), cmocka_unit_test(test_messages_cut)
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
