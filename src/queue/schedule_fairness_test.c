/* Whose turn it is, as laws over many random queues: how long a single message waits never depends on how
 * much others have. Positions count recipients that are taken before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "queue/schedule.h"

enum { RUNS = 100, LONE_SENDER = 1000000 };

static struct schedule *s;
static uint64_t last_content;

static int setup(void **state)
{
	(void)state;
	srand(1);
	last_content = 0;
	assert_int_equal(schedule_new(free, &s).code, ERR_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	schedule_free(s);
	return 0;
}

static void begin_again(void)
{
	schedule_free(s);
	assert_int_equal(schedule_new(free, &s).code, ERR_OK);
}

static uint64_t below(uint64_t n) { return (uint64_t)rand() % n; }

/* A message of `sender` to so many of `domain`; the id of the first recipient. */
static uint64_t add(uint64_t sender, const char *domain, enum queue_lane lane, size_t recipients)
{
	static struct queue_row rows[2 * LIMIT_TRANSACTION_RECIPIENTS];
	size_t taken;

	last_content++;
	for (size_t i = 0; i < recipients; i++)
		rows[i] = (struct queue_row){ .queue_id = last_content << QUEUE_ID_BITS | (i + 1),
			                      .sender = sender,
			                      .domain = str_of(domain),
			                      .lane = lane };
	assert_int_equal(schedule_add(s, rows, recipients, &taken).code, ERR_OK);
	return rows[0].queue_id;
}

/* All destinations are at one site. */
static struct site *resolve(void)
{
	struct site *site = schedule_site(s, STR("site"));

	for (struct destination *d; (d = schedule_to_resolve(s));)
		assert_int_equal(schedule_found(s, d, STR("site"), INT64_MAX, &site).code, ERR_OK);
	return site;
}

static size_t take(struct site *site, struct transaction_rows *out)
{
	assert_true(schedule_take(s, site, 1, 0, out));
	schedule_finished(s, site, out->lane, true);
	return out->count;
}

static size_t position_of(struct site *site, uint64_t id)
{
	struct transaction_rows t;
	size_t before = 0;

	for (;;) {
		size_t n = take(site, &t);
		for (size_t i = 0; i < n; i++)
			if (t.queue_ids[i] == id)
				return before + i;
		before += n;
	}
}

/* `senders` with a backlog of `each` recipients at each of `domains`, in messages of random sizes. */
static void fill(size_t senders, size_t domains, size_t each, enum queue_lane lane)
{
	char name[32];

	for (size_t sender = 1; sender <= senders; sender++)
		for (size_t d = 0; d < domains; d++) {
			snprintf(name, sizeof name, "d%zu.example", d);
			for (size_t n = 0; n < each;) {
				size_t recipients = below(3) ? 1 : 1 + below(LIMIT_TRANSACTION_RECIPIENTS);
				add(sender, name, lane, recipients);
				n += recipients;
			}
		}
}

/* Recipients of one sender's turn: its credit, and a whole transaction begun with the last of it. */
enum { QUANTUM = 16, TURN = QUANTUM - 1 + LIMIT_TRANSACTION_RECIPIENTS };

/* However many domains of a site the others have mail for, and however much for each: a turn of each sender.
 */
static void test_single_message(void **state)
{
	(void)state;
	for (int run = 0; run < RUNS; run++) {
		size_t senders = 1 + below(12), domains = 1 + below(60), taken = below(400);
		struct transaction_rows t;

		begin_again();
		fill(senders, domains, 200, QUEUE_TRANSACTIONAL);
		struct site *site = resolve();
		for (size_t n = 0; n < taken;) /* the others are in the middle of it */
			n += take(site, &t);
		/* at a destination that the others have mail for, and at one of its own */
		uint64_t id =
			add(LONE_SENDER, below(2) ? "d0.example" : "lone.example", QUEUE_TRANSACTIONAL, 1);
		resolve();
		size_t position = position_of(site, id);
		if (position > senders * TURN)
			print_error("%zu senders, %zu domains: %zu\n", senders, domains, position);
		assert_in_range(position, 0, senders * TURN);
	}
}

/* Over a long time senders get the same, whatever they have and however large their messages are. */
static void test_equal_shares(void **state)
{
	size_t got[3] = { 0 }, total = 0;
	struct transaction_rows t;

	(void)state;
	for (int i = 0; i < 30000; i++)
		add(0, "d0.example", QUEUE_TRANSACTIONAL, 1);
	for (int i = 0; i < 600; i++)
		add(1, "d1.example", QUEUE_TRANSACTIONAL, 50);
	for (int i = 0; i < 300; i++)
		add(2, i % 2 ? "d0.example" : "d2.example", QUEUE_TRANSACTIONAL, 100);
	struct site *site = resolve();
	while (total < 60000) {
		size_t n = take(site, &t);
		got[t.content_id > 30600 ? 2 : t.content_id > 30000 ? 1 : 0] += n;
		total += n;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(got[i], 19500, 20500);
}

/* A single transactional message among others' marketing goes at once, a single one of marketing has its turn
 * after four of the other lane. */
static void test_single_in_its_lane(void **state)
{
	(void)state;
	for (int run = 0; run < RUNS; run++) {
		enum queue_lane lane = run % 2 ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL;
		size_t taken = below(1000);
		struct transaction_rows t;

		begin_again();
		fill(1 + below(5), 1 + below(20), 300, lane ? QUEUE_TRANSACTIONAL : QUEUE_MARKETING);
		struct site *site = resolve();
		for (size_t n = 0; n < taken;)
			n += take(site, &t);
		uint64_t id = add(LONE_SENDER, "lone.example", lane, 1);
		resolve();
		assert_in_range(position_of(site, id), 0,
		                lane ? 4 * QUANTUM - 1 + LIMIT_TRANSACTION_RECIPIENTS : 0);
	}
}

/* Whatever happens at a site: marketing never begins with the last quarter of its connections, none is opened
 * past the limit, and the transactional lane finds one whenever it has recipients and marketing is all there
 * is. */
static void test_reserve(void **state)
{
	struct {
		enum queue_lane lane;
	} under_way[LIMIT_SITE_CONNECTIONS];
	size_t busy = 0, busy_by[2] = { 0 }, ready[2], connections, limit;
	struct transaction_rows t;

	(void)state;
	add(1, "d0.example", QUEUE_MARKETING, 1);
	struct site *site = resolve();
	for (int step = 0; step < 200000; step++) {
		site_get_counts(site, ready, &connections, &limit);
		assert_in_range(limit, 1, LIMIT_SITE_CONNECTIONS);
		uint64_t what = below(10);
		if (what < 2 && ready[0] + ready[1] < 1000) {
			add(below(5), "d0.example", below(5) ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL, 1);
		} else if (what < 5) {
			bool marketing_too = below(2);
			struct site *wanting = schedule_to_connect(s, 1, marketing_too);
			assert_true(!wanting || connections < (ready[0] ? limit : limit - limit / 4));
			assert_true(!wanting || marketing_too || ready[0] > 0);
			if (!wanting && ready[0] > 0 && connections == busy && connections < limit)
				fail_msg("the transactional lane got no connection");
			if (wanting)
				schedule_connected(s, site);
		} else if (what < 8 && busy < connections && schedule_take(s, site, 1, 1, &t)) {
			assert_true(t.lane == QUEUE_TRANSACTIONAL ||
			            busy_by[QUEUE_MARKETING] < limit - limit / 4);
			busy_by[t.lane]++;
			under_way[busy++].lane = t.lane;
		} else if (busy > 0) {
			size_t i = below(busy);
			enum queue_lane lane = under_way[i].lane;
			under_way[i] = under_way[--busy];
			busy_by[lane]--;
			schedule_finished(s, site, lane, below(20) > 0);
			site_get_counts(site, ready, &connections, &limit);
			if (connections > limit && connections > busy)
				schedule_disconnected(s, site);
		}
	}
}

enum { SOME = 60000 };
static struct {
	uint8_t taken[8 * SOME]; /* by content and number */
	size_t put, got;
} seen;

static void see(const struct transaction_rows *t)
{
	for (size_t i = 0; i < t->count; i++) {
		uint64_t content = queue_content_id(t->queue_ids[i]), number = t->queue_ids[i] & 7;
		assert_int_equal(content, t->content_id);
		assert_int_equal(seen.taken[8 * content + number]++, 0);
	}
	seen.got += t->count;
}

static void add_some(void)
{
	struct queue_row rows[7];
	char names[7][16];
	size_t count = 1 + below(7), taken;

	last_content++;
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "d%u", (unsigned)below(40));
		rows[i] = (struct queue_row){ .queue_id = last_content << QUEUE_ID_BITS | i,
			                      .sender = last_content % 9,
			                      .domain = str_of(names[i]),
			                      .lane = (enum queue_lane)(last_content % 2) };
	}
	assert_int_equal(schedule_add(s, rows, count, &taken).code, ERR_OK);
	seen.put += count;
}

/* Answers who asks for a site: one of four, which may be another than before, or none. */
static void answer_some(void)
{
	struct transaction_rows t;
	struct site *site;
	char name[8];

	for (struct destination *d; (d = schedule_to_resolve(s));) {
		if (below(8) == 0) {
			schedule_not_found(s, d);
			while (schedule_take_failed(s, d, &t))
				see(&t);
			continue;
		}
		snprintf(name, sizeof name, "s%u", (unsigned)below(4));
		assert_int_equal(schedule_found(s, d, str_of(name), (int64_t)below(2), &site).code, ERR_OK);
	}
}

/* Destinations move between sites, fail and are asked for anew at any time: each recipient is taken once. */
static void test_each_once_while_all_moves(void **state)
{
	struct transaction_rows t;
	struct schedule_counts counts;

	(void)state;
	memset(&seen, 0, sizeof seen);
	last_content = 0;
	while (last_content < SOME - 1 || seen.got < seen.put) {
		for (uint64_t n = below(10); n > 0 && last_content < SOME - 1; n--)
			add_some();
		if (below(3) == 0)
			answer_some();
		if (below(50) == 0)
			schedule_forget_sites(s);
		size_t at = 0;
		for (struct site *site; (site = schedule_next_site(s, &at));)
			for (uint64_t n = below(4); n > 0 && schedule_take(s, site, 1, below(9), &t); n--) {
				schedule_finished(s, site, t.lane, true);
				see(&t);
			}
	}
	schedule_get_counts(s, &counts);
	assert_int_equal(counts.ready[0] + counts.ready[1], 0);
	assert_null(
		schedule_to_connect(s, 1, true)); /* what makes connections be wanted has gone with them */
}

/* Connections that are wanted for messages of so many recipients each, to so many destinations in turn. */
static const struct {
	const char *name;
	size_t messages, recipients, domains, wanted;
} wishes[] = {
	{ "a recipient", 1, 1, 1, 1 },
	{ "three messages", 3, 1, 1, 3 },
	{ "a message to forty", 1, 40, 1, 1 },
	{ "a message to a hundred", 1, LIMIT_TRANSACTION_RECIPIENTS, 1, 1 },
	{ "a message to one more", 1, LIMIT_TRANSACTION_RECIPIENTS + 1, 1, 2 },
	{ "a message to 250", 1, 250, 1, 3 },
	{ "two messages to forty", 2, 40, 1, 2 },
	{ "a message to forty at two domains, one after the other", 1, 40, 2, 2 },
	{ "more than the site's limit", 50, 40, 1, LIMIT_SITE_CONNECTIONS_FIRST },
};

static void test_connections_wanted(void **state)
{
	static struct queue_row rows[250];
	struct transaction_rows t;
	struct site *site;
	size_t taken;

	(void)state;
	for (size_t w = 0; w < sizeof wishes / sizeof *wishes; w++) {
		size_t wanted = 0, recipients = wishes[w].recipients;

		print_message("%s\n", wishes[w].name);
		begin_again();
		for (size_t m = 0; m < wishes[w].messages; m++) {
			last_content++;
			for (size_t i = 0; i < recipients; i++)
				rows[i] = (struct queue_row){
					.queue_id = last_content << QUEUE_ID_BITS | i,
					.domain = i * wishes[w].domains / recipients ? STR("b.example")
					                                             : STR("a.example"),
				};
			assert_int_equal(schedule_add(s, rows, recipients, &taken).code, ERR_OK);
		}
		resolve();
		while ((site = schedule_to_connect(s, 1, true))) {
			schedule_connected(s, site);
			wanted++;
		}
		assert_int_equal(wanted, wishes[w].wanted);
		/* each of them has something to send, but where a message for both domains went at once */
		site = schedule_site(s, STR("site"));
		for (size_t i = wishes[w].domains; i <= wanted; i++)
			assert_true(schedule_take(s, site, 1, 0, &t));
		/* a connection that is used brings no other one for what waits for it */
		if (wishes[w].messages == 1 && wanted == 1)
			assert_null(schedule_to_connect(s, 1, true));
	}
}

static const struct {
	const char *name;
	size_t senders, domains;
} crowds[] = {
	{ "a sender, 10,000 domains", 1, 10000 },
	{ "1,000 senders, 100 domains", 1000, 100 },
	{ "50 senders, 2,000 domains", 50, 2000 },
};

/* A million ready recipients within 100 MB, whatever they are; how long each step takes is only printed. */
static void test_million(void **state)
{
	enum { MILLION = 1000000, BATCH = 1000 };
	static struct queue_row rows[BATCH];
	static char names[BATCH][32];
	struct schedule_counts counts;
	struct transaction_rows t;
	size_t taken;

	(void)state;
	for (size_t c = 0; c < sizeof crowds / sizeof *crowds; c++) {
		begin_again();
		int64_t begun_ns = clock_tick_ns();
		for (uint64_t i = 0; i < MILLION; i += BATCH) {
			for (uint64_t j = 0; j < BATCH; j++) {
				uint64_t n = i + j;
				snprintf(names[j], sizeof names[j], "d%u.example",
				         (unsigned)(n % crowds[c].domains));
				rows[j] = (struct queue_row){ .queue_id = (n + 1) << QUEUE_ID_BITS,
					                      .sender = n / 7 % crowds[c].senders,
					                      .domain = str_of(names[j]) };
			}
			assert_int_equal(schedule_add(s, rows, BATCH, &taken).code, ERR_OK);
		}
		struct site *site = resolve();
		int64_t added_ns = clock_tick_ns();
		schedule_get_counts(s, &counts);
		for (size_t n = 0; n < MILLION;)
			n += take(site, &t);
		int64_t taken_ns = clock_tick_ns();
		printf("%s: %zu octets a recipient, %d ns to add, %d ns to take\n", crowds[c].name,
		       counts.octets / MILLION, (int)((added_ns - begun_ns) / MILLION),
		       (int)((taken_ns - added_ns) / MILLION));
		assert_in_range(counts.octets, 1, 100 * (size_t)MILLION);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_single_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_equal_shares, setup, teardown),
		cmocka_unit_test_setup_teardown(test_single_in_its_lane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_once_while_all_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_million, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
