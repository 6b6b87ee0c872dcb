/* What becomes of a recipient, as a table, and five days of a simulated clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "queue/outcome.h"
#include "queue/retry.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define START INT64_C(1700000000000)

enum {
	DEFAULT = 0,
	NEVER = QUEUE_NOTIFY_NEVER,
	S = QUEUE_NOTIFY_SUCCESS,
	F = QUEUE_NOTIFY_FAILURE,
	D = QUEUE_NOTIFY_DELAY
};

static const struct queue_envelope plain = { .expires_ms = START + 5 * DAY_MS };

struct expected {
	enum outcome_kind kind;
	enum outcome_notice notice;
	struct smtp_status status;
};

/* Facts that are not named: the first try, one minute after it came, which nobody held up. */
static const struct {
	const char *name;
	struct outcome_facts facts;
	struct expected out;
} decisions[] = {
	/* it went */
	{ "sent",
	  { .fate = CLIENT_FATE_SENT, .status = { 2, 1, 5 } },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 1, 5 } } },
	{ "sent, with a status that contradicts",
	  { .fate = CLIENT_FATE_SENT, .status = { 5, 1, 1 } },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 0, 0 } } },
	{ "sent, success wanted, by a server without DSN",
	  { .fate = CLIENT_FATE_SENT, .notify = S },
	  { OUTCOME_SENT, OUTCOME_TELLS_RELAYED, { 2, 0, 0 } } },
	{ "sent, success wanted, by a server with DSN: its duty now",
	  { .fate = CLIENT_FATE_SENT, .notify = S, .passed_dsn = true },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 0, 0 } } },
	{ "delivered, success wanted",
	  { .fate = CLIENT_FATE_SENT, .notify = S | F, .lmtp = true, .passed_dsn = true },
	  { OUTCOME_SENT, OUTCOME_TELLS_DELIVERED, { 2, 0, 0 } } },
	{ "delivered, only failure wanted",
	  { .fate = CLIENT_FATE_SENT, .notify = F, .lmtp = true },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 0, 0 } } },
	{ "sent, never to be told",
	  { .fate = CLIENT_FATE_SENT, .notify = NEVER },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 0, 0 } } },
	{ "sent after its time: it is there",
	  { .fate = CLIENT_FATE_SENT, .now_ms = START + 6 * DAY_MS },
	  { OUTCOME_SENT, OUTCOME_TELLS_NOTHING, { 2, 0, 0 } } },
	/* not its turn */
	{ "nothing came of it",
	  { .fate = CLIENT_FATE_NONE },
	  { OUTCOME_AGAIN, OUTCOME_TELLS_NOTHING, { 0, 0, 0 } } },
	{ "nothing came of it, after its time: nobody has refused it yet",
	  { .fate = CLIENT_FATE_NONE, .now_ms = START + 6 * DAY_MS },
	  { OUTCOME_AGAIN, OUTCOME_TELLS_NOTHING, { 0, 0, 0 } } },
	{ "nothing came of it, and that counts",
	  { .fate = CLIENT_FATE_NONE, .counts = true },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	/* later */
	{ "greylisted",
	  { .fate = CLIENT_FATE_LATER, .status = { 4, 2, 0 } },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 2, 0 } } },
	{ "later, with a status that contradicts",
	  { .fate = CLIENT_FATE_LATER, .status = { 5, 2, 1 } },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "just before four hours",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS - 1 },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "after four hours",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS },
	  { OUTCOME_LATER, OUTCOME_TELLS_DELAYED, { 4, 0, 0 } } },
	{ "after four hours, told already",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS, .delay_told = true },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "after four hours, delay wanted",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS, .notify = D },
	  { OUTCOME_LATER, OUTCOME_TELLS_DELAYED, { 4, 0, 0 } } },
	{ "after four hours, only failure wanted",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS, .notify = F },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "after four hours, never to be told",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 4 * HOUR_MS, .notify = NEVER },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "a connection that broke, after four hours",
	  { .fate = CLIENT_FATE_NONE, .counts = true, .now_ms = START + 5 * HOUR_MS },
	  { OUTCOME_LATER, OUTCOME_TELLS_DELAYED, { 4, 0, 0 } } },
	{ "a millisecond before its end",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 5 * DAY_MS - 1, .delay_told = true },
	  { OUTCOME_LATER, OUTCOME_TELLS_NOTHING, { 4, 0, 0 } } },
	{ "at its end",
	  { .fate = CLIENT_FATE_LATER, .status = { 4, 2, 1 }, .now_ms = START + 5 * DAY_MS },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 4, 7 } } },
	{ "at its end, never told of a delay: one notice is enough",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 9 * DAY_MS, .notify = F | D },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 4, 7 } } },
	{ "at its end, only delay wanted",
	  { .fate = CLIENT_FATE_LATER, .now_ms = START + 9 * DAY_MS, .notify = D },
	  { OUTCOME_FAILED, OUTCOME_TELLS_NOTHING, { 5, 4, 7 } } },
	/* never */
	{ "refused",
	  { .fate = CLIENT_FATE_NEVER, .status = { 5, 1, 1 } },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 1, 1 } } },
	{ "refused without a status",
	  { .fate = CLIENT_FATE_NEVER },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 0, 0 } } },
	{ "refused, with a status that contradicts",
	  { .fate = CLIENT_FATE_NEVER, .status = { 4, 2, 2 } },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 0, 0 } } },
	{ "refused, only success wanted",
	  { .fate = CLIENT_FATE_NEVER, .notify = S },
	  { OUTCOME_FAILED, OUTCOME_TELLS_NOTHING, { 5, 0, 0 } } },
	{ "refused, never to be told",
	  { .fate = CLIENT_FATE_NEVER, .notify = NEVER },
	  { OUTCOME_FAILED, OUTCOME_TELLS_NOTHING, { 5, 0, 0 } } },
	/* the server lacks something */
	{ "too large",
	  { .fate = CLIENT_FATE_LACKS, .lack = LACKS_SIZE },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 3, 4 } } },
	{ "8-bit",
	  { .fate = CLIENT_FATE_LACKS, .lack = LACKS_8BITMIME },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 6, 3 } } },
	{ "UTF-8",
	  { .fate = CLIENT_FATE_LACKS, .lack = LACKS_SMTPUTF8, .notify = F },
	  { OUTCOME_FAILED, OUTCOME_TELLS_FAILED, { 5, 6, 7 } } },
	{ "8-bit, never to be told",
	  { .fate = CLIENT_FATE_LACKS, .lack = LACKS_8BITMIME, .notify = NEVER },
	  { OUTCOME_FAILED, OUTCOME_TELLS_NOTHING, { 5, 6, 3 } } },
};

static struct outcome decide(struct outcome_facts facts)
{
	facts.envelope = facts.envelope ? facts.envelope : &plain;
	facts.received_ms = START;
	facts.now_ms = facts.now_ms ? facts.now_ms : START + MINUTE_MS;
	return outcome_decide(&facts);
}

static void test_decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
		struct outcome out = decide(decisions[i].facts);
		const struct expected *e = &decisions[i].out;

		print_message("%s\n", decisions[i].name);
		assert_int_equal(out.kind, e->kind);
		assert_int_equal(out.notice, e->notice);
		assert_int_equal(out.status.class, e->status.class);
		assert_int_equal(out.status.subject, e->status.subject);
		assert_int_equal(out.status.detail, e->status.detail);
		assert_int_equal(out.expired, e->status.subject == 4 && e->status.detail == 7);
		if (out.kind == OUTCOME_LATER) {
			bool told = decisions[i].facts.delay_told || out.notice == OUTCOME_TELLS_DELAYED;
			assert_int_equal(out.delay_told, told);
			assert_true(out.due_ms > START + MINUTE_MS && out.due_ms <= START + 5 * DAY_MS);
		}
	}
}

/* When it is tried again: by its own intervals, or when its site is. */
static void test_due(void **state)
{
	const struct queue_envelope hurried = { .expires_ms = plain.expires_ms, .priority = 3 };
	struct outcome_facts facts = { .fate = CLIENT_FATE_LATER, .random = 12345 };
	int64_t now = START + MINUTE_MS;

	(void)state;
	for (facts.tries = 0; facts.tries < 4; facts.tries++)
		assert_int_equal(decide(facts).due_ms, now + retry_after_ms(facts.tries + 1, 12345));
	facts.envelope = &hurried;
	assert_int_equal(decide(facts).due_ms, now + retry_after_ms(5, 12345) / 2);
	facts.retry_at_ms = START + 7 * MINUTE_MS;
	assert_int_equal(decide(facts).due_ms, facts.retry_at_ms);
	/* the notice of a delay is due at four hours, and a last try at the end, whatever the intervals */
	facts = (struct outcome_facts){ .fate = CLIENT_FATE_LATER,
		                        .tries = 9,
		                        .now_ms = START + 4 * HOUR_MS - MINUTE_MS };
	assert_int_equal(decide(facts).due_ms, START + 4 * HOUR_MS);
	facts.notify = F;
	assert_true(decide(facts).due_ms > START + 6 * HOUR_MS);
	facts.now_ms = START + 5 * DAY_MS - MINUTE_MS;
	assert_int_equal(decide(facts).due_ms, START + 5 * DAY_MS);
	facts.retry_at_ms = START + 6 * DAY_MS;
	assert_int_equal(decide(facts).due_ms, START + 5 * DAY_MS);
}

/* 4.4.7 is the status where a time that was named is over, else what was answered: 4.2.2. */
static void assert_delayed(struct outcome out, unsigned detail)
{
	assert_int_equal(out.kind, OUTCOME_LATER);
	assert_int_equal(out.notice, OUTCOME_TELLS_DELAYED);
	assert_int_equal(out.expired, detail == 7);
	assert_int_equal(out.status.class, 4);
	assert_int_equal(out.status.subject, detail == 7 ? 4 : 2);
	assert_int_equal(out.status.detail, detail);
}

/* RFC 2852: "return" is an end of its own, "notify" a delay of its own. */
static void test_deliver_by(void **state)
{
	const struct queue_envelope in_time = { .expires_ms = plain.expires_ms,
		                                .by_mode = 'R',
		                                .by_ms = START + HOUR_MS };
	const struct queue_envelope noted = { .expires_ms = plain.expires_ms,
		                              .by_mode = 'N',
		                              .by_ms = START + HOUR_MS };
	const struct queue_envelope lax = { .expires_ms = plain.expires_ms,
		                            .by_mode = 'R',
		                            .by_ms = START + 9 * DAY_MS };
	struct outcome_facts facts = { .fate = CLIENT_FATE_LATER,
		                       .now_ms = START + HOUR_MS - 1,
		                       .envelope = &in_time };

	(void)state;
	assert_int_equal(decide(facts).kind, OUTCOME_LATER);
	assert_int_equal(decide(facts).due_ms, START + HOUR_MS);
	facts.now_ms++;
	assert_int_equal(decide(facts).kind, OUTCOME_FAILED);
	assert_true(decide(facts).expired);
	facts.envelope = &noted;
	facts.status = (struct smtp_status){ 4, 2, 2 };
	assert_delayed(decide(facts), 7);
	facts.now_ms--;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_NOTHING);
	assert_int_equal(decide(facts).due_ms, START + HOUR_MS);
	facts.envelope = &lax;
	facts.now_ms = START + 5 * DAY_MS;
	assert_int_equal(decide(facts).kind, OUTCOME_FAILED);
}

/* Where it went is told with a trace, and where nobody there watches the time that was named. */
static void test_relayed(void **state)
{
	static const struct {
		char by_mode;
		bool by_trace, passed_by, lmtp, late;
		uint8_t notify;
		enum outcome_notice notice;
	} rows[] = {
		{ .by_mode = 'N', .notice = OUTCOME_TELLS_RELAYED },
		{ .by_mode = 'N', .notify = F | D, .notice = OUTCOME_TELLS_RELAYED },
		{ .by_mode = 'N', .notify = NEVER },
		{ .by_mode = 'N', .late = true },
		{ .by_mode = 'N', .lmtp = true },
		{ .by_mode = 'N', .passed_by = true },
		{ .by_mode = 'N', .passed_by = true, .by_trace = true, .notice = OUTCOME_TELLS_RELAYED },
		{ .by_mode = 'R', .passed_by = true },
		{ .by_mode = 'R', .passed_by = true, .by_trace = true, .notice = OUTCOME_TELLS_RELAYED },
		{ .by_mode = 'R', .passed_by = true, .by_trace = true, .notify = NEVER },
		{ .notify = F },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct queue_envelope envelope = { .expires_ms = plain.expires_ms,
			                                 .by_mode = rows[i].by_mode,
			                                 .by_trace = rows[i].by_trace,
			                                 .by_ms = START + HOUR_MS };
		struct outcome out =
			decide((struct outcome_facts){ .fate = CLIENT_FATE_SENT,
		                                       .envelope = &envelope,
		                                       .passed_dsn = true,
		                                       .passed_by = rows[i].passed_by,
		                                       .lmtp = rows[i].lmtp,
		                                       .notify = rows[i].notify,
		                                       .now_ms = rows[i].late ? START + HOUR_MS : START });

		print_message("relayed, case %zu\n", i);
		assert_int_equal(out.kind, OUTCOME_SENT);
		assert_int_equal(out.notice, rows[i].notice);
	}
}

/* Whoever names a late time hears then and not before; whoever names one after the end, as everybody. */
static void test_late_notify(void **state)
{
	const struct queue_envelope next_day = { .expires_ms = plain.expires_ms,
		                                 .by_mode = 'N',
		                                 .by_ms = START + DAY_MS };
	const struct queue_envelope past = { .expires_ms = plain.expires_ms,
		                             .by_mode = 'N',
		                             .by_ms = START - DAY_MS };
	const struct queue_envelope never = { .expires_ms = plain.expires_ms,
		                              .by_mode = 'N',
		                              .by_ms = START + 5 * DAY_MS };
	struct outcome_facts facts = { .fate = CLIENT_FATE_LATER,
		                       .status = { 4, 2, 2 },
		                       .envelope = &next_day,
		                       .now_ms = START + DAY_MS - 1 };

	(void)state;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_NOTHING);
	facts.now_ms++;
	assert_delayed(decide(facts), 7);
	facts.envelope = &past;
	facts.now_ms = START + MINUTE_MS;
	assert_delayed(decide(facts), 7);
	facts.delay_told = true;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_NOTHING);
	facts.delay_told = false;
	facts.envelope = &never;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_NOTHING);
	facts.now_ms = START + 4 * HOUR_MS;
	assert_delayed(decide(facts), 2);
}

/* RFC 4865: who asked for it to be held is not told that it takes long before it was tried. */
static void test_future_release(void **state)
{
	const struct queue_envelope held = { .expires_ms = START + 7 * DAY_MS,
		                             .hold_until_ms = START + 2 * DAY_MS };
	struct outcome_facts facts = { .fate = CLIENT_FATE_LATER,
		                       .envelope = &held,
		                       .now_ms = START + 2 * DAY_MS + MINUTE_MS };

	(void)state;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_NOTHING);
	facts.now_ms = START + 2 * DAY_MS + 4 * HOUR_MS;
	assert_int_equal(decide(facts).notice, OUTCOME_TELLS_DELAYED);
}

struct life {
	uint32_t attempts;
	unsigned notices[OUTCOME_TELLS_DELIVERED + 1];
	int64_t delayed_ms, failed_ms;
	int64_t longest_ms; /* without an attempt */
};

/* A recipient that every attempt is put off for; each takes up to ten minutes. */
static struct life live(uint8_t notify, bool by_site)
{
	struct outcome_facts facts = { .fate = CLIENT_FATE_LATER, .notify = notify };
	struct life life = { 0 };
	int64_t due_ms = START, before_ms = START;

	for (;;) {
		int64_t begun_ms = due_ms;
		facts.now_ms = begun_ms + rand() % (10 * MINUTE_MS);
		facts.random = (uint64_t)rand() << 31 ^ (uint64_t)rand();
		facts.retry_at_ms =
			by_site ? facts.now_ms + retry_site_after_ms(facts.tries + 1, facts.random) : 0;
		struct outcome out = decide(facts);
		life.attempts++;
		life.notices[out.notice]++;
		life.longest_ms =
			begun_ms - before_ms > life.longest_ms ? begun_ms - before_ms : life.longest_ms;
		before_ms = facts.now_ms;
		if (out.notice == OUTCOME_TELLS_DELAYED)
			life.delayed_ms = facts.now_ms;
		if (out.kind == OUTCOME_FAILED) {
			assert_true(out.expired);
			life.failed_ms = facts.now_ms;
			return life;
		}
		assert_int_equal(out.kind, OUTCOME_LATER);
		assert_true(out.due_ms > facts.now_ms);
		facts.tries++;
		facts.delay_told = out.delay_told;
		due_ms = out.due_ms;
	}
}

/* Five days of failures: a notice of the delay after four hours, once, one of the failure after five days,
 * and attempts at growing intervals between, the last one at the end. */
static void test_five_days(void **state)
{
	(void)state;
	srand(1);
	for (int run = 0; run < 500; run++) {
		bool by_site = run % 4 == 3;
		uint8_t notify = run % 3 ? DEFAULT : F;
		struct life life = live(notify, by_site);

		assert_in_range(life.attempts, by_site ? 150 : 30, by_site ? 400 : 50);
		assert_in_range(life.longest_ms, HOUR_MS / 3, by_site ? 36 * MINUTE_MS : 5 * HOUR_MS);
		assert_in_range(life.failed_ms, START + 5 * DAY_MS, START + 5 * DAY_MS + 10 * MINUTE_MS);
		assert_int_equal(life.notices[OUTCOME_TELLS_FAILED], 1);
		assert_int_equal(life.notices[OUTCOME_TELLS_DELAYED], notify == DEFAULT);
		if (notify == DEFAULT)
			assert_in_range(life.delayed_ms, START + 4 * HOUR_MS,
			                START + 4 * HOUR_MS + 10 * MINUTE_MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),  cmocka_unit_test(test_due),
		cmocka_unit_test(test_deliver_by), cmocka_unit_test(test_late_notify),
		cmocka_unit_test(test_relayed),    cmocka_unit_test(test_future_release),
		cmocka_unit_test(test_five_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
