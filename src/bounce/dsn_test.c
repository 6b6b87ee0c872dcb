/* The composer's ceilings, what each action says, and what foreign words may not do to a notice. That a
 * notice is what RFC 3464 says is read by another parser in the end-to-end tests. */
#include "bounce/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"

enum { LINE_MOST = 998 }; /* RFC 5322 §2.1.1 */

static struct arena arena;
static char filler[4096];
static struct dsn_recipient recipients[LIMIT_TARGETS + 1];
static struct dsn dsn;

static void begin(void)
{
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	memset(filler, 'a', sizeof filler);
	for (size_t i = 0; i <= LIMIT_TARGETS; i++)
		recipients[i] = (struct dsn_recipient){ .forward_path = STR("bob@far.example") };
	dsn = (struct dsn){ .id = STR("NOTICE1"),
		            .hostname = STR("mx.shop.example"),
		            .to = STR("ann@shop.example"),
		            .original_id = STR("ORIGINAL1"),
		            .now_ms = INT64_C(1795822867000),
		            .arrival_ms = INT64_C(1795822866000),
		            .recipients = recipients,
		            .count = 1 };
}

/* What stands before the original. */
static err_code compose(str *out)
{
	struct buf before, after;
	err e;

	buf_init(&before, &arena, LIMIT_DSN);
	buf_init(&after, &arena, LIMIT_KB);
	e = dsn_compose(&dsn, (struct dsn_original){ 0 }, &arena, &before, &after);
	*out = buf_str(&before);
	return e.code;
}

static bool has(str text, str part) { return str_find(text, part) < text.len; }

/* --- ceilings --- */

static const struct {
	const char *name;
	str *field;
	size_t most;
} ceilings[] = {
	{ "to", &dsn.to, LIMIT_PATH },
	{ "envid", &dsn.envid, LIMIT_ENVID },
	{ "hostname", &dsn.hostname, LIMIT_DOMAIN },
	{ "id", &dsn.id, LIMIT_DOMAIN },
	{ "original id", &dsn.original_id, LIMIT_DOMAIN },
	{ "forward-path", &recipients[0].forward_path, LIMIT_PATH },
	{ "orcpt", &recipients[0].orcpt, LIMIT_ORCPT },
	{ "remote host", &recipients[0].remote_host, LIMIT_PATH },
};

static void test_ceilings(void **state)
{
	str text;

	(void)state;
	for (size_t i = 0; i < sizeof ceilings / sizeof *ceilings; i++)
		for (size_t past = 0; past < 2; past++) {
			begin();
			*ceilings[i].field = (str){ filler, ceilings[i].most + past };
			print_message("%s, %zu past\n", ceilings[i].name, past);
			assert_int_equal(compose(&text), past ? ERR_LIMIT : ERR_OK);
			assert_int_equal(text.len == 0, past);
			arena_reset(&arena);
		}
}

static void test_count(void **state)
{
	static const struct {
		size_t count;
		err_code want;
	} cases[] = {
		{ 0, ERR_LIMIT }, { 1, ERR_OK }, { LIMIT_TARGETS, ERR_OK }, { LIMIT_TARGETS + 1, ERR_LIMIT }
	};
	str text;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin();
		dsn.count = cases[i].count;
		assert_int_equal(compose(&text), cases[i].want);
		arena_reset(&arena);
	}
}

/* The one who is too long is named, wherever in the list. */
static void test_last_recipient(void **state)
{
	struct buf before, after;
	err e;

	(void)state;
	begin();
	dsn.count = 3;
	recipients[2].orcpt = (str){ filler, LIMIT_ORCPT + 1 };
	buf_init(&before, &arena, LIMIT_DSN);
	buf_init(&after, &arena, LIMIT_KB);
	e = dsn_compose(&dsn, (struct dsn_original){ 0 }, &arena, &before, &after);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(e.at, 2);
	arena_reset(&arena);
}

/* --- actions --- */

static void test_actions(void **state)
{
	static const struct {
		enum dsn_action action;
		struct bounce_status status;
		const char *want;
	} cases[] = {
		{ DSN_FAILED, { 0 }, "Action: failed\r\nStatus: 5.0.0\r\n" },
		{ DSN_FAILED, { 5, 1, 1 }, "Action: failed\r\nStatus: 5.1.1\r\n" },
		{ DSN_DELAYED, { 0 }, "Action: delayed\r\nStatus: 4.0.0\r\n" },
		{ DSN_DELIVERED, { 0 }, "Action: delivered\r\nStatus: 2.0.0\r\n" },
		{ DSN_RELAYED, { 0 }, "Action: relayed\r\nStatus: 2.0.0\r\n" },
		{ DSN_EXPANDED, { 0 }, "Action: expanded\r\nStatus: 2.0.0\r\n" },
	};
	str text;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin();
		recipients[0].action = cases[i].action;
		recipients[0].status = cases[i].status;
		recipients[0].will_retry_until_ms = dsn.now_ms;
		assert_int_equal(compose(&text), ERR_OK);
		assert_true(has(text, str_of(cases[i].want)));
		assert_int_equal(has(text, STR("Will-Retry-Until: ")), cases[i].action == DSN_DELAYED);
		arena_reset(&arena);
	}
}

/* Whoever is told of a delay alone is promised nothing else; a time that is over is told, and what was
 * answered all the same. */
static void test_delays(void **state)
{
	static const struct {
		struct dsn_recipient recipient;
		int64_t deliver_by_ms;
		const char *has, *has_not;
	} cases[] = {
		{ { .action = DSN_DELAYED }, 0, "you will be told.", "Deliver-By-Date" },
		{ { .action = DSN_DELAYED }, 0, "\r\nagain. If it can't", "is over" },
		{ { .action = DSN_DELAYED, .end_untold = true }, 0, "\r\nagain.\r\n", "you will be told" },
		{ { .action = DSN_DELAYED }, INT64_C(1795822868000), "Deliver-By-Date: ", "You wished" },
		{ { .action = DSN_DELAYED, .expired = true },
		  INT64_C(1795822867000),
		  "\nYou wished it to be there by Fri, 27 Nov 2026 23:41:07 +0000.\r\n",
		  "is over" },
		{ { .action = DSN_DELAYED,
		    .expired = true,
		    .answered = true,
		    .status = { 4, 4, 7 },
		    .reply = STR_INIT("452 4.2.2 full") },
		  INT64_C(1795822867000),
		  "mailbox is full",
		  "in the time that was allowed" },
		{ { .action = DSN_RELAYED }, 0, "\nWhether it arrives can't be seen from here", " by " },
		{ { .action = DSN_RELAYED },
		  INT64_C(1795822868000),
		  "\nWhether it arrives by Fri, 27 Nov 2026 23:41:08 +0000 can't be seen",
		  "You wished" },
		{ { .action = DSN_FAILED, .expired = true }, 0, "the time for that is over.", "You wished" },
		{ { .action = DSN_FAILED, .expired = true },
		  INT64_C(1795822867000),
		  "that is over. You wished it",
		  "you will be told" },
		{ { .action = DSN_FAILED, .expired = true },
		  INT64_C(1795822868000),
		  "the time for that is over.",
		  "You wished" },
	};
	str text;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin();
		recipients[0] = cases[i].recipient;
		recipients[0].forward_path = STR("bob@far.example");
		dsn.deliver_by_ms = cases[i].deliver_by_ms;
		print_message("case %zu\n", i);
		assert_int_equal(compose(&text), ERR_OK);
		assert_true(has(text, str_of(cases[i].has)));
		assert_false(has(text, str_of(cases[i].has_not)));
		arena_reset(&arena);
	}
}

/* The whole original only where somebody failed and it was asked for (RFC 3461 §6.2). */
static void test_whole(void **state)
{
	(void)state;
	begin();
	for (enum dsn_action action = DSN_FAILED; action <= DSN_EXPANDED; action++) {
		recipients[0].action = action;
		dsn.ret = 'F';
		assert_int_equal(dsn_wants_whole(&dsn), action == DSN_FAILED);
		dsn.ret = 'H';
		assert_false(dsn_wants_whole(&dsn));
	}
	recipients[0].action = DSN_EXPANDED;
	recipients[1].action = DSN_DELIVERED;
	dsn.count = 2;
	assert_int_equal(dsn_worst(&dsn), DSN_DELIVERED);
	arena_reset(&arena);
}

/* --- foreign words --- */

static void check_lines(str text, bool wide)
{
	while (text.len > 0) {
		str line = str_cut(&text, '\n');

		assert_true(line.len > 0 && line.len <= LINE_MOST + 1);
		assert_int_equal(str_find_char(line, '\r'), line.len - 1);
		assert_false(str_starts_nocase(line, STR("Injected:")));
		for (size_t i = 0; i < line.len; i++)
			assert_true(line.ptr[i] != '\0' && (wide || (unsigned char)line.ptr[i] < 0x80));
	}
}

static const str injections[] = {
	STR_INIT("a\r\nInjected: 1"),
	STR_INIT("a\nInjected: 1"),
	STR_INIT("a\rInjected: 1"),
	STR_INIT("a\r\n\r\nInjected: 1"),
	STR_INIT("\r\nInjected: 1"),
	STR_INIT("a\0b\r\nInjected: 1"),
	STR_INIT("\"\r\nInjected: 1\"@far.example"),
	STR_INIT("<a@b.example>\r\nInjected: 1"),
	STR_INIT("a;b\r\nInjected: 1"),
	STR_INIT("utf-8;\\x{D}\\x{A}Injected: 1"),
	STR_INIT("\xff\xfe\r\nInjected: 1"),
	STR_INIT("gr\xc3\xbc\xc3\x9f"
	         "e\r\nInjected: 1"),
};

static void test_injections(void **state)
{
	str *const fields[] = { &dsn.envid,
		                &dsn.original_message_id,
		                &dsn.original_subject,
		                &recipients[0].forward_path,
		                &recipients[0].orcpt,
		                &recipients[0].remote_host,
		                &recipients[0].reply,
		                &dsn.to };

	(void)state;
	for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
		for (size_t i = 0; i < sizeof injections / sizeof *injections; i++) {
			str text;

			begin();
			*fields[f] = injections[i];
			recipients[0].answered = true;
			print_message("field %zu, words %zu\n", f, i);
			assert_int_equal(compose(&text), ERR_OK);
			check_lines(text, dsn_is_wide(&dsn));
			arena_reset(&arena);
		}
}

/* Everything at its longest, without a space where a line could be folded. */
static void test_long_lines(void **state)
{
	str text;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof ceilings / sizeof *ceilings; i++)
		*ceilings[i].field = (str){ filler, ceilings[i].most };
	dsn.original_subject = dsn.original_message_id = recipients[0].reply = (str){ filler, sizeof filler };
	assert_int_equal(compose(&text), ERR_OK);
	check_lines(text, false);
	arena_reset(&arena);
}

/* A wide recipient makes the report global (RFC 6533 §4.1), in 7 bits; a wide sender the header too. */
static void test_wide(void **state)
{
	str text;

	(void)state;
	begin();
	recipients[0].forward_path = STR("gr\xc3\xbcn@far.example");
	assert_int_equal(compose(&text), ERR_OK);
	assert_false(dsn_is_wide(&dsn));
	assert_true(has(text, STR("message/global-delivery-status")));
	assert_true(has(text, STR("utf-8; gr=C3=BCn@far.example")));
	check_lines(text, false);
	dsn.to = recipients[0].forward_path;
	assert_int_equal(compose(&text), ERR_OK);
	assert_true(dsn_is_wide(&dsn));
	check_lines(text, true);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ceilings),       cmocka_unit_test(test_count),
		cmocka_unit_test(test_last_recipient), cmocka_unit_test(test_actions),
		cmocka_unit_test(test_delays),         cmocka_unit_test(test_whole),
		cmocka_unit_test(test_injections),     cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
