/* Against a real store: the directory has no other maker. */
#include "deliver/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "bounce/srs.h"
#include "deliver/address.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/queue.h"
#include "store/store.h"

#define DAY_MS (24 * 60 * 60 * 1000ll)
#define NOON 1795435200000 /* 2026-11-23T12:00:00Z */
#define KEY STR("0123456789abcdef0123456789abcdef")

static struct arena arena;
static char folder[64];
static struct store *store;

static void change(struct directory_change c)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	if (op.result.code != ERR_OK)
		print_message(STR_FMT ": %s\n", STR_ARG(c.name), op.result.what);
	assert_int_equal(op.result.code, ERR_OK);
}

static void add_domain(const char *name)
{
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = str_of(name) });
}

static void add_account(const char *address, uint64_t quota)
{
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_ADD, .name = str_of(address), .quota_octets = quota });
}

static void put_alias(const char *address, size_t count, const char *const *targets)
{
	str *list = arena_new(&arena, str, count);

	assert_non_null(list);
	for (size_t i = 0; i < count; i++)
		list[i] = str_of(targets[i]);
	change((struct directory_change){ .kind = DIRECTORY_ALIAS_PUT,
	                                  .name = str_of(address),
	                                  .targets = list,
	                                  .target_count = count });
}

#define ALIAS(address, ...) \
	put_alias(address, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	          (const char *[]){ __VA_ARGS__ })

static void suspend(const char *address, int64_t when_ms)
{
	clock_test_set(when_ms);
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = str_of(address), .suspended = true });
	clock_test_set(0);
}

/* link1 -> link2 -> ... -> linkN -> ann */
static void add_chain(unsigned links)
{
	for (unsigned i = links; i > 0; i--) {
		char from[64], to[64];

		snprintf(from, sizeof from, "link%u@shop.example", i);
		snprintf(to, sizeof to, "link%u@shop.example", i + 1);
		ALIAS(from, i == links ? "ann@shop.example" : to);
	}
}

static void fill(void)
{
	add_domain("shop.example");
	add_domain("catch.example");
	add_domain("none.example");
	add_account("ann@shop.example", 0);
	add_account("bob@shop.example", 0);
	add_account("ann+own@shop.example", 0);
	add_account("small@shop.example", 1000);
	add_account("fresh@shop.example", 0);
	add_account("stale@shop.example", 0);
	suspend("fresh@shop.example", NOON);
	suspend("stale@shop.example", NOON - LIMIT_SUSPENDED_DAYS * DAY_MS);
	ALIAS("info@shop.example", "ann@shop.example", "bob@shop.example");
	ALIAS("all@shop.example", "info@shop.example", "ann@shop.example", "bob+all@shop.example");
	ALIAS("self@shop.example", "self@shop.example", "ann@shop.example");
	ALIAS("a@shop.example", "b@shop.example");
	ALIAS("b@shop.example", "a@shop.example");
	ALIAS("away@shop.example", "ann@shop.example", "ann@far.example");
	ALIAS("gone@shop.example", "gone@far.example");
	ALIAS("deep@catch.example", "gone@shop.example");
	ALIAS("wide@shop.example", "away@shop.example", "gone@shop.example", "gone@far.example");
	ALIAS("lost@shop.example", "nobody@shop.example", "x@far.example");
	ALIAS("full@shop.example", "small@shop.example", "x@far.example");
	ALIAS("dead@shop.example", "nobody@shop.example");
	ALIAS("half@shop.example", "nobody@shop.example", "ann@shop.example");
	ALIAS("rest@shop.example", "fresh@shop.example", "stale@shop.example");
	ALIAS("some@shop.example", "fresh@shop.example", "bob@shop.example");
	ALIAS("tight@shop.example", "ann@shop.example", "small@shop.example");
	ALIAS("abuse@shop.example", "bob@shop.example");
	ALIAS("@catch.example", "ann@shop.example");
	ALIAS("named@catch.example", "bob@shop.example");
	add_chain(LIMIT_ALIAS_DEPTH + 1);
}

static int setup(void **state)
{
	struct store_options options = { .limits = limits_default() };

	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-route-XXXXXX");
	assert_non_null(mkdtemp(folder));
	options.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &options, &store).code, ERR_OK);
	fill();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	arena_reset(&arena);
	return system(command) == 0 ? 0 : 1;
}

static enum route_answer add_query(struct route *route, const char *path, struct route_query query)
{
	const struct directory *directory = directory_acquire(store);
	str text = str_of(path);
	size_t at = str_rfind_char(text, '@');
	enum route_answer answer;

	query.local_part = str_slice(text, 0, at);
	query.domain = at < text.len ? str_from(text, at + 1) : STR("");
	query.srs_key = KEY;
	query.now_ms = NOON + 1;
	answer = route_add(route, directory, &query);
	directory_release(directory);
	return answer;
}

static enum route_answer add(struct route *route, const char *path, uint64_t size)
{
	return add_query(route, path, (struct route_query){ .size = size });
}

/* As one who may relay. */
static enum route_answer add_sent(struct route *route, const char *path, uint8_t notify, const char *orcpt)
{
	return add_query(route, path,
	                 (struct route_query){ .may_relay = true, .notify = notify, .orcpt = str_of(orcpt) });
}

static const struct {
	const char *path;
	enum route_answer want;
	const char *targets; /* "account<delivered-to ..." in order */
	uint64_t size;
} cases[] = {
	{ "ann@shop.example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "ANN@Shop.Example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "ann+x@shop.example", ROUTE_TAKEN, "ann@shop.example<ann+x@shop.example", 0 },
	{ "ann+x+y@shop.example", ROUTE_TAKEN, "ann@shop.example<ann+x+y@shop.example", 0 },
	{ "ann+own@shop.example", ROUTE_TAKEN, "ann+own@shop.example<ann+own@shop.example", 0 },
	{ "info@shop.example", ROUTE_TAKEN,
	  "ann@shop.example<ann@shop.example bob@shop.example<bob@shop.example", 0 },
	{ "info+x@shop.example", ROUTE_TAKEN,
	  "ann@shop.example<ann@shop.example bob@shop.example<bob@shop.example", 0 },
	{ "all@shop.example", ROUTE_TAKEN,
	  "ann@shop.example<ann@shop.example bob@shop.example<bob@shop.example", 0 },
	{ "self@shop.example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "half@shop.example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "some@shop.example", ROUTE_TAKEN, "bob@shop.example<bob@shop.example", 0 },
	{ "any.thing@catch.example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "named+x@catch.example", ROUTE_TAKEN, "bob@shop.example<bob@shop.example", 0 },
	{ "link2@shop.example", ROUTE_TAKEN, "ann@shop.example<ann@shop.example", 0 },
	{ "abuse@shop.example", ROUTE_TAKEN, "bob@shop.example<bob@shop.example", 0 },
	{ "small@shop.example", ROUTE_TAKEN, "small@shop.example<small@shop.example", 1000 },
	{ "nobody@shop.example", ROUTE_UNKNOWN, "", 0 },
	{ "nobody+ann@shop.example", ROUTE_UNKNOWN, "", 0 },
	{ "+ann@shop.example", ROUTE_UNKNOWN, "", 0 },
	{ "@shop.example", ROUTE_UNKNOWN, "", 0 },
	{ "ann@none.example", ROUTE_UNKNOWN, "", 0 },
	{ "dead@shop.example", ROUTE_UNKNOWN, "", 0 },
	{ "ann@far.example", ROUTE_FOREIGN, "", 0 },
	{ "ann@sub.shop.example", ROUTE_FOREIGN, "", 0 },
	{ "ann@mail.shop.example", ROUTE_FOREIGN, "", 0 },
	{ "postmaster@far.example", ROUTE_FOREIGN, "", 0 },
	{ "ann@[192.0.2.1]", ROUTE_FOREIGN, "", 0 },
	{ "SRS0=AAAAAA=AA=far.example=ann@far.example", ROUTE_FOREIGN, "", 0 },
	{ "SRS0=AAAAAA=AA=far.example=ann@shop.example", ROUTE_NOT_FORWARDED, "", 0 },
	{ "srs1=AAAAAA=far.example==x@catch.example", ROUTE_NOT_FORWARDED, "", 0 },
	{ "full@shop.example", ROUTE_FULL, "", 1001 },
	{ "a@shop.example", ROUTE_LOOP, "", 0 },
	{ "link1@shop.example", ROUTE_LOOP, "", 0 },
	{ "fresh@shop.example", ROUTE_SUSPENDED, "", 0 },
	{ "fresh+x@shop.example", ROUTE_SUSPENDED, "", 0 },
	{ "stale@shop.example", ROUTE_SUSPENDED_OLD, "", 0 },
	{ "rest@shop.example", ROUTE_SUSPENDED, "", 0 },
	{ "small@shop.example", ROUTE_FULL, "", 1001 },
	{ "tight@shop.example", ROUTE_FULL, "", 1001 },
	{ "postmaster@none.example", ROUTE_NOBODY, "", 0 },
	{ "abuse+x@none.example", ROUTE_NOBODY, "", 0 },
};

static void test_one_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena a;
		struct route route;
		struct buf got;

		arena_init(&a, NULL, LIMIT_MB);
		route_init(&route, &a, STR("mail.shop.example"));
		print_message("%s\n", cases[i].path);
		assert_int_equal(add(&route, cases[i].path, cases[i].size), cases[i].want);
		buf_init(&got, &a, LIMIT_KB);
		for (size_t t = 0; t < route.count; t++) {
			if (t > 0)
				buf_add_char(&got, ' ');
			buf_add(&got, route.targets[t].account);
			buf_add_char(&got, '<');
			buf_add(&got, route.targets[t].delivered_to);
		}
		assert_true(str_eq(buf_str(&got), str_of(cases[i].targets)));
		arena_reset(&a);
	}
}

/* Each account once a transaction; a refused path leaves nothing behind, not even a memory of it. */
static void test_many_paths(void **state)
{
	struct arena a;
	struct route route;

	(void)state;
	arena_init(&a, NULL, LIMIT_MB);
	route_init(&route, &a, STR("mail.shop.example"));
	assert_int_equal(add(&route, "tight@shop.example", 2000), ROUTE_FULL);
	assert_int_equal(add(&route, "full@shop.example", 2000), ROUTE_FULL);
	assert_int_equal(route_target_count(&route), 0);
	assert_int_equal(add(&route, "bob+x@shop.example", 0), ROUTE_TAKEN);
	assert_int_equal(add(&route, "info@shop.example", 0), ROUTE_TAKEN);
	assert_int_equal(add(&route, "all@shop.example", 0), ROUTE_TAKEN);
	assert_int_equal(add(&route, "postmaster", 0), ROUTE_TAKEN);
	assert_int_equal(add(&route, "nobody@shop.example", 0), ROUTE_UNKNOWN);
	assert_int_equal(route.count, 2);
	assert_true(str_eq(route.targets[0].delivered_to, STR("bob+x@shop.example")));
	assert_true(str_eq(route.targets[1].account, STR("ann@shop.example")));
	arena_reset(&a);
}

enum { SUCC = QUEUE_NOTIFY_SUCCESS, FAIL = QUEUE_NOTIFY_FAILURE, NEVER = QUEUE_NOTIFY_NEVER };

static const struct {
	const char *path, *orcpt;
	uint8_t notify;
	bool may_relay, local, expanded;
	const char *remotes; /* "forward-path via orcpt notify; ..." in order */
} remote_cases[] = {
	{ "Ann@Far.Example", "", 0, true, false, false, "Ann@far.example - - 0; " },
	{ "a b@far.example", "rfc822;x@y", SUCC, true, false, false, "\"a b\"@far.example - rfc822;x@y 2; " },
	{ "ann@[192.0.2.1]", "", NEVER, true, false, false, "ann@[192.0.2.1] - - 1; " },
	{ "SRS0=x=y=z=ann@far.example", "", 0, true, false, false, "SRS0=x=y=z=ann@far.example - - 0; " },
	{ "ann@shop.example", "", SUCC, true, true, false, "" },
	{ "info@shop.example", "", SUCC, true, true, true, "" },
	{ "gone@shop.example", "", SUCC, false, false, false,
	  "gone@far.example shop.example rfc822;gone@shop.example 2; " },
	{ "Gone+x@Shop.example", "", 0, true, false, false,
	  "gone@far.example shop.example rfc822;Gone+x@Shop.example 0; " },
	{ "gone@shop.example", "rfc822;first@e.example", 0, false, false, false,
	  "gone@far.example shop.example rfc822;first@e.example 0; " },
	{ "deep@catch.example", "", SUCC | FAIL, false, false, false,
	  "gone@far.example shop.example rfc822;deep@catch.example 6; " },
	{ "away@shop.example", "", SUCC | FAIL, false, true, true,
	  "ann@far.example shop.example rfc822;away@shop.example 4; " },
	{ "away@shop.example", "", SUCC, false, true, true,
	  "ann@far.example shop.example rfc822;away@shop.example 1; " },
	{ "wide@shop.example", "", 0, false, true, true,
	  "ann@far.example shop.example rfc822;wide@shop.example 0; "
	  "gone@far.example shop.example rfc822;wide@shop.example 0; " },
	{ "lost@shop.example", "", 0, false, false, true,
	  "x@far.example shop.example rfc822;lost@shop.example 0; " },
};

static str dash(str s) { return s.len > 0 ? s : STR("-"); }

static void test_remotes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof remote_cases / sizeof remote_cases[0]; i++) {
		struct arena a;
		struct route route;
		struct buf got;

		arena_init(&a, NULL, LIMIT_MB);
		route_init(&route, &a, STR("mail.shop.example"));
		print_message("%s %u\n", remote_cases[i].path, remote_cases[i].notify);
		assert_int_equal(add_query(&route, remote_cases[i].path,
		                           (struct route_query){ .may_relay = remote_cases[i].may_relay,
		                                                 .notify = remote_cases[i].notify,
		                                                 .orcpt = str_of(remote_cases[i].orcpt) }),
		                 ROUTE_TAKEN);
		assert_int_equal(route.local, remote_cases[i].local);
		assert_int_equal(route.expanded, remote_cases[i].expanded);
		buf_init(&got, &a, LIMIT_KB);
		for (size_t t = 0; t < route.remotes.count; t++) {
			const struct remote *r = &route.remotes.items[t];

			buf_add_format(&got, STR_FMT " " STR_FMT " " STR_FMT " %u; ",
			               STR_ARG(r->forward_path), STR_ARG(dash(r->via)),
			               STR_ARG(dash(r->orcpt)), r->notify);
		}
		print_message(STR_FMT "\n", STR_ARG(buf_str(&got)));
		assert_true(str_eq(buf_str(&got), str_of(remote_cases[i].remotes)));
		arena_reset(&a);
	}
}

/* The address that a forward was given leads back to whom it came from, for whoever writes to it, for a
 * while. */
static void test_forwarded(void **state)
{
	static const struct {
		const char *origin;
		int days;
		enum route_answer want;
		const char *leads_to;
	} bounces[] = { { "Bob@far.example", 0, ROUTE_TAKEN, "Bob@far.example" },
		        { "bob@far.example", LIMIT_SRS_DAYS, ROUTE_TAKEN, "bob@far.example" },
		        { "bob@far.example", LIMIT_SRS_DAYS + 1, ROUTE_NOT_FORWARDED, NULL },
		        { "Bob@shop.example", 0, ROUTE_TAKEN, "" },
		        { "nobody@shop.example", 0, ROUTE_UNKNOWN, NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof bounces / sizeof bounces[0]; i++) {
		struct arena a;
		struct route route;
		struct buf rewritten;

		print_message("%s %d\n", bounces[i].origin, bounces[i].days);
		arena_init(&a, NULL, LIMIT_MB);
		route_init(&route, &a, STR("mail.shop.example"));
		buf_init(&rewritten, &a, LIMIT_PATH);
		assert_int_equal(srs_forward(&rewritten, KEY, NOON - bounces[i].days * DAY_MS,
		                             str_of(bounces[i].origin), STR("shop.example"))
		                         .code,
		                 ERR_OK);
		assert_int_equal(add(&route, arena_z(&a, buf_str(&rewritten)), 0), bounces[i].want);
		assert_int_equal(route_target_count(&route), bounces[i].want == ROUTE_TAKEN);
		if (route.remotes.count > 0) {
			assert_true(str_eq(route.remotes.items[0].forward_path, str_of(bounces[i].leads_to)));
			assert_true(str_eq(route.remotes.items[0].via, STR("shop.example")));
		}
		arena_reset(&a);
	}
}

/* What waits is for other servers alone. */
static void test_later(void **state)
{
	static const char *const here[] = { "ann@shop.example", "info@shop.example", "away@shop.example",
		                            "postmaster" };
	struct route_query later = { .may_relay = true, .later = true };
	struct arena a;
	struct route route;

	(void)state;
	arena_init(&a, NULL, LIMIT_MB);
	route_init(&route, &a, STR("mail.shop.example"));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(add_query(&route, here[i], later), ROUTE_NOT_LATER);
	assert_int_equal(add_query(&route, "nobody@shop.example", later), ROUTE_UNKNOWN);
	assert_int_equal(route_target_count(&route), 0);
	assert_int_equal(add_query(&route, "ann@far.example", later), ROUTE_TAKEN);
	assert_int_equal(add_query(&route, "gone@shop.example", later), ROUTE_TAKEN);
	assert_int_equal(route.remotes.count, 2);
	arena_reset(&a);
}

/* Somebody named twice is sent one copy; mailboxes and addresses elsewhere share one limit. */
static void test_remote_limit(void **state)
{
	struct arena a;
	struct route route;
	char path[64];

	(void)state;
	arena_init(&a, NULL, LIMIT_MB);
	route_init(&route, &a, STR("mail.shop.example"));
	assert_int_equal(add_sent(&route, "ann@shop.example", 0, ""), ROUTE_TAKEN);
	for (unsigned i = 1; i < LIMIT_TARGETS; i++) {
		snprintf(path, sizeof path, "user%u@far.example", i);
		assert_int_equal(add_sent(&route, path, 0, ""), ROUTE_TAKEN);
	}
	assert_int_equal(route_target_count(&route), LIMIT_TARGETS);
	assert_int_equal(add_sent(&route, "user7@FAR.example", SUCC, ""), ROUTE_TAKEN);
	assert_int_equal(add_sent(&route, "ann+x@shop.example", 0, ""), ROUTE_TAKEN);
	assert_int_equal(add_sent(&route, "user0@far.example", 0, ""), ROUTE_TOO_MANY);
	assert_int_equal(add_sent(&route, "bob@shop.example", 0, ""), ROUTE_TOO_MANY);
	assert_int_equal(add_sent(&route, "away@shop.example", 0, ""), ROUTE_TOO_MANY);
	assert_int_equal(route_target_count(&route), LIMIT_TARGETS);
	assert_int_equal(route.remotes.pending, 0);
	route_clear(&route);
	assert_int_equal(route_target_count(&route), 0);
	arena_reset(&a);
}

/* <postmaster> is the hostname's: of the hosted domain it is in, else of the first there is. */
static void test_postmaster(void **state)
{
	static const char *const hostnames[] = { "mail.shop.example", "shop.example", "MX.a.Shop.example",
		                                 "far.test" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct arena a;
		struct route route;

		arena_init(&a, NULL, LIMIT_MB);
		route_init(&route, &a, str_of(hostnames[i]));
		assert_int_equal(add(&route, "postmaster", 0), ROUTE_TAKEN);
		assert_int_equal(route.count, 1);
		assert_true(str_eq(address_domain(route.targets[0].account), STR("shop.example")));
		arena_reset(&a);
	}
}

/* An alias of LIMIT_TARGETS accounts fills a transaction; one more account is one too many. */
static void test_target_limit(void **state)
{
	const char **targets = (const char **)arena_new(&arena, char *, LIMIT_TARGETS);
	struct arena a;
	struct route route;

	(void)state;
	add_domain("many.example");
	for (unsigned i = 0; i < LIMIT_TARGETS; i++) {
		char *name = arena_alloc(&arena, 32);

		snprintf(name, 32, "user%u@many.example", i);
		add_account(name, 0);
		targets[i] = name;
	}
	put_alias("all@many.example", LIMIT_TARGETS, targets);
	arena_init(&a, NULL, LIMIT_MB);
	route_init(&route, &a, STR("mail.shop.example"));
	assert_int_equal(add(&route, "all@many.example", 0), ROUTE_TAKEN);
	assert_int_equal(route.count, LIMIT_TARGETS);
	assert_int_equal(add(&route, "user7@many.example", 0), ROUTE_TAKEN);
	assert_int_equal(add(&route, "ann@shop.example", 0), ROUTE_TOO_MANY);
	assert_int_equal(route.count, LIMIT_TARGETS);
	arena_reset(&a);
}

/* Whatever allocation fails: "try again", and no target half added. */
static void test_memory(void **state)
{
	size_t taken = 0;

	(void)state;
	for (size_t ceiling = 0; ceiling < 5; ceiling++) {
		struct arena a;
		struct route route;
		enum route_answer answer;

		arena_init(&a, NULL, ceiling * LIMIT_ARENA_BLOCK);
		route_init(&route, &a, STR("mail.shop.example"));
		answer = add(&route, "info@shop.example", 0);
		assert_true(answer == ROUTE_BUSY || answer == ROUTE_TAKEN);
		assert_int_equal(route.count, answer == ROUTE_TAKEN ? 2 : 0);
		taken += answer == ROUTE_TAKEN;
		arena_reset(&a);
	}
	assert_true(taken > 0 && taken < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_path),   cmocka_unit_test(test_many_paths),
		cmocka_unit_test(test_remotes),    cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_later),      cmocka_unit_test(test_remote_limit),
		cmocka_unit_test(test_postmaster), cmocka_unit_test(test_target_limit),
		cmocka_unit_test(test_memory)
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
