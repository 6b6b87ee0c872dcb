#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "queue/schedule.h"

static struct schedule *s;
static size_t forgotten;

static void forget(void *user)
{
	free(user);
	forgotten++;
}

static int setup(void **state)
{
	(void)state;
	forgotten = 0;
	assert_int_equal(schedule_new(forget, &s).code, ERR_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	schedule_free(s);
	return 0;
}

static uint64_t id_of(uint64_t number, uint64_t content)
{
	return content << QUEUE_ID_BITS | number % (1u << QUEUE_ID_BITS);
}

/* One recipient of message `content` from `sender` in `domain`. */
static struct queue_row row(uint64_t number, uint64_t content, uint64_t sender, const char *domain,
                            enum queue_lane lane)
{
	return (struct queue_row){
		.queue_id = id_of(number, content), .sender = sender, .domain = str_of(domain), .lane = lane
	};
}

static void add(const struct queue_row *rows, size_t count)
{
	size_t taken;

	assert_int_equal(schedule_add(s, rows, count, &taken).code, ERR_OK);
	assert_int_equal(taken, count);
}

static void add_one(uint64_t id, uint64_t content, uint64_t sender, const char *domain)
{
	struct queue_row one = row(id, content, sender, domain, QUEUE_TRANSACTIONAL);

	add(&one, 1);
}

/* Every destination that is asked for is at the site that its domain's part before the first '.' names. */
static void resolve_all(void)
{
	struct site *site;

	for (struct destination *d; (d = schedule_to_resolve(s));) {
		str name = destination_domain(d);
		str_cut(&name, '.');
		assert_int_equal(schedule_found(s, d, name, INT64_MAX, &site).code, ERR_OK);
	}
}

static struct site *site_of(const char *name)
{
	struct site *site = schedule_site(s, str_of(name));

	assert_non_null(site);
	return site;
}

static size_t take(const char *site, struct transaction_rows *out)
{
	if (!schedule_take(s, site_of(site), 1, 0, out))
		return 0;
	schedule_finished(s, site_of(site), out->lane, true);
	return out->count;
}

static void test_message_goes_together(void **state)
{
	struct transaction_rows t;
	const struct queue_row rows[] = {
		row(1, 7, 1, "a.one", 0), row(2, 7, 1, "a.two", 0), row(3, 7, 1, "b.one", 0),
		row(4, 7, 1, "b.two", 0), row(5, 8, 1, "a.one", 0),
	};

	(void)state;
	add(rows, 5);
	assert_null(schedule_site(s, STR("one")));
	resolve_all();
	/* the message's two recipients of the site, in their order, and not the other message's */
	assert_int_equal(take("one", &t), 2);
	assert_int_equal(t.content_id, 7);
	assert_int_equal(t.queue_ids[0], id_of(1, 7));
	assert_int_equal(t.queue_ids[1], id_of(3, 7));
	assert_int_equal(take("one", &t), 1);
	assert_int_equal(t.queue_ids[0], id_of(5, 8));
	assert_int_equal(take("one", &t), 0);
	assert_int_equal(take("two", &t), 2);
	assert_int_equal(take("two", &t), 0);
}

static void test_room(void **state)
{
	struct transaction_rows t;
	struct queue_row rows[250];

	(void)state;
	for (size_t i = 0; i < 250; i++)
		rows[i] = row(i + 1, 7, 1, "a.one", 0);
	add(rows, 250);
	resolve_all();
	assert_true(schedule_take(s, site_of("one"), 1, 3, &t));
	assert_int_equal(t.count, 3);
	assert_int_equal(take("one", &t), LIMIT_TRANSACTION_RECIPIENTS);
	assert_int_equal(t.queue_ids[0], id_of(4, 7));
	assert_int_equal(take("one", &t), LIMIT_TRANSACTION_RECIPIENTS);
	assert_int_equal(take("one", &t), 47);
}

/* Transactions until `id` is taken, counted in recipients. */
static size_t position_of(const char *site, uint64_t id)
{
	struct transaction_rows t;
	size_t before = 0;

	for (;;) {
		size_t n = take(site, &t);
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++)
			if (t.queue_ids[i] == id)
				return before + i;
		before += n;
	}
}

/* A sender's place does not depend on how much the others have: at most a turn of each. */
static void test_fairness(void **state)
{
	enum { TURN = 16 + LIMIT_TRANSACTION_RECIPIENTS };
	static const struct {
		size_t senders, each, recipients; /* of each message */
	} rows[] = {
		{ 1, 100000, 1 }, { 1, 100000, 100 }, { 10, 5000, 1 }, { 10, 5000, 100 }, { 100, 500, 50 }
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		uint64_t id = 0, ann = 1000000000 + r;
		schedule_free(s);
		assert_int_equal(schedule_new(forget, &s).code, ERR_OK);
		for (size_t sender = 1; sender <= rows[r].senders; sender++)
			for (size_t i = 0; i < rows[r].each; i++)
				add_one(++id, 1 + (sender << 32) + i / rows[r].recipients, sender,
				        "big.site");
		resolve_all();
		for (int i = 0; i < 100; i++) { /* the others are in the middle of it */
			struct transaction_rows t;
			assert_true(take("site", &t) > 0);
		}
		add_one(ann, ann, 12345, "big.site");
		assert_in_range(position_of("site", id_of(ann, ann)), 0, rows[r].senders * TURN);
	}
}

/* Nor does a sender's mail for a small domain of a site wait for what the same one has for a large one. */
static void test_domains_take_turns(void **state)
{
	enum { TURN = 16 + LIMIT_TRANSACTION_RECIPIENTS };
	static const uint64_t senders[] = { 1, 40 };

	(void)state;
	for (size_t n = 0; n < sizeof senders / sizeof *senders; n++) {
		schedule_free(s);
		assert_int_equal(schedule_new(forget, &s).code, ERR_OK);
		for (uint64_t i = 1; i <= 50000; i++)
			add_one(i, i, i % senders[n], "large.site");
		add_one(99999, 99999, 0, "small.site");
		resolve_all();
		assert_in_range(position_of("site", id_of(99999, 99999)), 0, 2 * senders[n] * TURN);
	}
}

static void test_lanes(void **state)
{
	struct transaction_rows t;
	size_t taken[2] = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 4000; i++) {
		struct queue_row one = row(i, i, 1, "a.one", i % 2 ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL);
		add(&one, 1);
	}
	resolve_all();
	for (int i = 0; i < 1000; i++)
		taken[(take("one", &t), t.lane)]++;
	assert_in_range(taken[QUEUE_TRANSACTIONAL], 790, 810);
	assert_in_range(taken[QUEUE_MARKETING], 190, 210);
	/* what one lane leaves is the other's */
	for (int i = 0; i < 3000; i++)
		assert_int_equal(take("one", &t), 1);
	assert_int_equal(take("one", &t), 0);
}

/* However much marketing has, a quarter of a site's connections is there for the other lane. */
static void test_reserve(void **state)
{
	struct transaction_rows t;
	struct site *site;
	size_t busy = 0;

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++) {
		struct queue_row one = row(i, i, 1, "a.one", QUEUE_MARKETING);
		add(&one, 1);
	}
	resolve_all();
	assert_null(schedule_to_connect(s, 1, false));
	while ((site = schedule_to_connect(s, 1, true))) {
		schedule_connected(s, site);
		assert_true(schedule_take(s, site, 1, 0, &t));
		busy++;
	}
	assert_int_equal(busy, LIMIT_SITE_CONNECTIONS_FIRST - LIMIT_SITE_CONNECTIONS_FIRST / 4);
	assert_false(schedule_take(s, site_of("one"), 1, 0, &t));
	add_one(5000, 5000, 2, "a.one");
	site = schedule_to_connect(s, 1, false);
	assert_ptr_equal(site, site_of("one"));
	schedule_connected(s, site);
	assert_true(schedule_take(s, site, 1, 0, &t));
	assert_int_equal(t.queue_ids[0], id_of(5000, 5000));
	assert_null(schedule_to_connect(s, 1, true));
}

static void test_connections_grow_and_shrink(void **state)
{
	struct transaction_rows t;
	size_t ready[2], connections, limit;
	struct site *site;

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		add_one(i, i, 1, "a.one");
	resolve_all();
	for (int round = 0; round < 40; round++) {
		size_t open = 0;
		while ((site = schedule_to_connect(s, 1, true)))
			schedule_connected(s, site);
		site = site_of("one");
		site_get_counts(site, ready, &connections, &limit);
		for (; open < connections && schedule_take(s, site, 1, 0, &t); open++)
			;
		for (; open > 0; open--)
			schedule_finished(s, site, t.lane, true);
	}
	site_get_counts(site, ready, &connections, &limit);
	assert_int_equal(limit, LIMIT_SITE_CONNECTIONS);
	for (int i = 0; i < 10; i++) {
		assert_true(schedule_take(s, site, 1, 0, &t));
		schedule_finished(s, site, t.lane, false);
	}
	site_get_counts(site, ready, &connections, &limit);
	assert_int_equal(limit, 1);
}

static void test_hold(void **state)
{
	struct transaction_rows t;
	struct site *site;

	(void)state;
	add_one(1, 1, 1, "a.one");
	resolve_all();
	site = site_of("one");
	schedule_hold(s, site, 5000);
	assert_int_equal(schedule_next_ms(s), 5000);
	assert_null(schedule_to_connect(s, 4999, true));
	assert_false(schedule_take(s, site, 4999, 0, &t));
	assert_ptr_equal(schedule_to_connect(s, 5000, true), site);
	assert_int_equal(schedule_next_ms(s), INT64_MAX);
	assert_true(schedule_take(s, site, 5000, 0, &t));
}

/* The set of MX hosts changes while recipients wait: they go to the new site. */
static void test_destination_moves(void **state)
{
	struct transaction_rows t;
	struct site *site;

	(void)state;
	for (uint64_t i = 1; i <= 10; i++)
		add_one(i, i, 1, "a.one");
	assert_int_equal(schedule_found(s, schedule_to_resolve(s), STR("old"), 100, &site).code, ERR_OK);
	assert_true(schedule_take(s, site, 50, 0, &t));
	assert_null(schedule_to_resolve(s));
	assert_true(schedule_take(s, site, 100, 0, &t)); /* aged: goes on, and is asked for */
	struct destination *d = schedule_to_resolve(s);
	assert_non_null(d);
	assert_true(schedule_take(s, site, 101, 0, &t));
	assert_int_equal(schedule_found(s, d, STR("new"), 200, &site).code, ERR_OK);
	assert_int_equal(take("old", &t), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(take("new", &t), 1);
	assert_int_equal(take("new", &t), 0);
}

static void test_destination_without_site(void **state)
{
	struct transaction_rows t;
	const struct queue_row rows[] = { row(1, 7, 1, "a.one", 0), row(2, 7, 1, "a.one", 0),
		                          row(3, 8, 1, "a.one", 0), row(4, 9, 2, "a.one", 1) };
	size_t counts[3];

	(void)state;
	add(rows, 4);
	struct destination *d = schedule_to_resolve(s);
	schedule_not_found(s, d);
	for (int i = 0; i < 3; i++) {
		assert_true(schedule_take_failed(s, d, &t));
		counts[i] = t.count;
	}
	assert_int_equal(counts[0] + counts[1] + counts[2], 4);
	assert_false(schedule_take_failed(s, d, &t));
	assert_null(schedule_to_resolve(s));
	add_one(5, 10, 1, "a.one");
	assert_ptr_equal(schedule_to_resolve(s), d);
}

static void test_split_by_sender(void **state)
{
	struct queue_row one = row(1, 1, 1, "a.one", 0), two = row(2, 2, 1, "a.one", 0);

	(void)state;
	one.reverse_domain = STR("shop.example");
	two.reverse_domain = STR("other.example");
	schedule_split_by_sender(s, true);
	add(&one, 1);
	add(&two, 1);
	struct destination *first = schedule_to_resolve(s), *second = schedule_to_resolve(s);
	assert_non_null(second);
	assert_true(str_eq(destination_domain(first), destination_domain(second)));
	assert_true(str_eq(destination_reverse_domain(first), STR("shop.example")));
	assert_true(str_eq(destination_reverse_domain(second), STR("other.example")));
	assert_null(schedule_to_resolve(s));
}

static void test_remove(void **state)
{
	struct transaction_rows t;
	const struct queue_row rows[] = { row(1, 7, 1, "a.one", 0), row(2, 7, 1, "a.one", 0),
		                          row(3, 7, 1, "a.one", 0) };

	(void)state;
	add(rows, 3);
	resolve_all();
	assert_int_equal(schedule_remove(s, (uint64_t[]){ id_of(2, 7) }, 1), 1);
	assert_int_equal(schedule_remove(s, (uint64_t[]){ id_of(2, 7) }, 1), 0);
	assert_int_equal(take("one", &t), 2);
	assert_int_equal(t.queue_ids[1], id_of(3, 7));
	assert_int_equal(schedule_remove(s, (uint64_t[]){ id_of(1, 7) }, 1), 0);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

enum { MANY = 20000 };
static struct {
	uint64_t ids[MANY + 1000];
	size_t count;
} put, got;

/* A message with up to eight recipients anywhere. */
static void add_any(void)
{
	static uint64_t content;
	struct queue_row rows[8];
	char names[8][32];
	size_t count = 1 + random_u64() % 8;

	content++;
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "d%u.site%u", (unsigned)(random_u64() % 50),
		         (unsigned)(random_u64() % 5));
		rows[i] = row(i, content, content % 6, names[i],
		              content % 2 ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL);
		put.ids[put.count++] = rows[i].queue_id;
	}
	add(rows, count);
}

static void take_any(void)
{
	struct transaction_rows t;
	char site[16];

	snprintf(site, sizeof site, "site%u", (unsigned)(random_u64() % 5));
	if (!schedule_site(s, str_of(site)) || !take(site, &t))
		return;
	for (size_t i = 0; i < t.count; i++) {
		assert_int_equal(queue_content_id(t.queue_ids[i]), t.content_id);
		got.ids[got.count++] = t.queue_ids[i];
	}
}

/* Whatever comes in whatever order, each recipient is taken once. */
static void test_each_once(void **state)
{
	struct schedule_counts counts;

	(void)state;
	put.count = got.count = 0;
	while (got.count < put.count || put.count < MANY) {
		for (uint64_t n = random_u64() % 20; n > 0 && put.count < MANY; n--)
			add_any();
		if (random_u64() % 3 == 0)
			resolve_all();
		for (uint64_t n = random_u64() % 20; n > 0; n--)
			take_any();
	}
	schedule_get_counts(s, &counts);
	assert_int_equal(counts.ready[0] + counts.ready[1], 0);
	qsort(got.ids, got.count, sizeof *got.ids, ascending);
	assert_int_equal(got.count, put.count);
	assert_memory_equal(got.ids, put.ids, put.count * sizeof *put.ids);
}

/* A million recipients of ten thousand domains, and after them nothing of it stays but a few. */
static void test_memory(void **state)
{
	enum { MILLION = 1000000, DOMAINS = 10000 };
	static struct queue_row rows[1000];
	static char names[1000][32];
	struct schedule_counts counts;
	struct transaction_rows t;
	size_t taken = 0, at = 0;

	(void)state;
	for (uint64_t i = 0; i < MILLION; i += 1000) {
		for (uint64_t j = 0; j < 1000; j++) {
			snprintf(names[j], sizeof names[j], "a.domain%u.example",
			         (unsigned)((i + j) % DOMAINS));
			rows[j] = row(i + j + 1, i + j + 1, 1, names[j], QUEUE_TRANSACTIONAL);
		}
		add(rows, 1000);
	}
	resolve_all();
	schedule_get_counts(s, &counts);
	assert_int_equal(counts.ready[0], MILLION);
	assert_in_range(counts.octets, 1, 64 * MILLION);
	while (taken < MILLION) {
		struct site *site = schedule_to_connect(s, 1, true);
		assert_non_null(site);
		assert_true(schedule_take(s, site, 1, 0, &t));
		schedule_finished(s, site, t.lane, true);
		taken += t.count;
		*site_user(site) = *site_user(site) ? *site_user(site) : malloc(1);
	}
	for (uint64_t i = 1; i <= 100000; i++) {
		snprintf(names[0], sizeof names[0], "b.other%u.example", (unsigned)i);
		rows[0] = row(i, i, 1, names[0], QUEUE_TRANSACTIONAL);
		add(rows, 1);
		resolve_all();
		struct site *site = schedule_to_connect(s, 1, true);
		assert_true(schedule_take(s, site, 1, 0, &t));
		schedule_finished(s, site, t.lane, true);
	}
	schedule_get_counts(s, &counts);
	assert_in_range(counts.destinations, 1, 20000);
	assert_in_range(counts.sites, 1, 20000);
	assert_true(forgotten > 0);
	while (schedule_next_site(s, &at))
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_message_goes_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fairness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_domains_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lanes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_grow_and_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destination_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destination_without_site, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_by_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
