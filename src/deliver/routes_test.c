/* Against a real store: the directory has no other maker. */
#include "deliver/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "store/commit.h"
#include "store/store.h"

static struct arena arena;
static char folder[64];
static struct store *store;

static void put_route(str recipient, str sender)
{
	static const struct route_host host = { STR_INIT("smart.example"), 587, 0 };
	const struct route_entry route = { .hosts = &host, .host_count = 1 };
	char key[ROUTE_KEY];
	struct commit_op op = { .kind = COMMIT_DIRECTORY,
		                .directory = { .kind = DIRECTORY_ROUTE_PUT,
		                               .name = route_key(key, recipient, sender),
		                               .route = &route } };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	assert_int_equal(op.result.code, ERR_OK);
}

/* What each of these leads to where all routes are there; and without "*". */
static const struct {
	const char *domain, *reverse_domain, *key;
} cases[] = {
	/* the domain, for this sender before any */
	{ "d.example", "shop.example", "d.example shop.example" },
	{ "d.example", "other.example", "d.example" },
	{ "d.example", "", "d.example" },
	/* it goes before every route of the sender that is less specific */
	{ "e.example", "shop.example", "e.example" },
	/* below a domain, the longest first; never the domain itself */
	{ "x.d.example", "", "*.d.example" },
	{ "x.y.d.example", "other.example", "*.d.example" },
	{ "x.deep.d.example", "", "*.deep.d.example" },
	{ "x.deep.d.example", "shop.example", "*.deep.d.example" },
	{ "deep.d.example", "shop.example", "*.d.example shop.example" },
	{ "xd.example", "", "*" },
	{ "x.e.example", "", "*" },
	/* everything else */
	{ "f.example", "shop.example", "* shop.example" },
	{ "f.example", "sub.shop.example", "*" },
	{ "f.example", "", "*" },
	{ "example", "", "*" },
	{ "[192.0.2.1]", "", "*" },
	{ "[IPv6:2001:db8::1]", "shop.example", "* shop.example" },
};

static void check(const struct directory *d, bool with_rest)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct route_entry *route =
			routes_choose(d, str_of(cases[i].domain), str_of(cases[i].reverse_domain));

		print_message("%s from %s\n", cases[i].domain, cases[i].reverse_domain);
		if (with_rest || cases[i].key[1] == '.' || cases[i].key[0] != '*') {
			assert_non_null(route);
			assert_true(str_eq(route->key, str_of(cases[i].key)));
		} else {
			assert_null(route);
		}
	}
}

static void test_choose(void **state)
{
	const struct directory *d = directory_acquire(store);

	(void)state;
	assert_null(routes_choose(d, STR("d.example"), STR("shop.example")));
	directory_release(d);
	put_route(STR("d.example"), STR(""));
	put_route(STR("d.example"), STR("shop.example"));
	put_route(STR("e.example"), STR(""));
	put_route(STR("*.d.example"), STR(""));
	put_route(STR("*.d.example"), STR("shop.example"));
	put_route(STR("*.deep.d.example"), STR(""));
	d = directory_acquire(store);
	check(d, false);
	directory_release(d);
	put_route(STR("*"), STR(""));
	put_route(STR("*"), STR("shop.example"));
	d = directory_acquire(store);
	check(d, true);
	directory_release(d);
}

/* Names at the limit and past it. */
static void test_long(void **state)
{
	const struct directory *d = directory_acquire(store);
	char octets[LIMIT_DOMAIN + 1];
	const struct route_entry *route;

	(void)state;
	memset(octets, 'a', sizeof octets);
	for (size_t i = 1; i < sizeof octets; i += 2)
		octets[i] = '.';
	for (size_t len = LIMIT_DOMAIN; len <= LIMIT_DOMAIN + 1; len++) {
		str name = { octets, len };
		route = routes_choose(d, name, name);
		assert_non_null(route);
		assert_true(str_eq(route->key, STR("*")));
	}
	directory_release(d);
}

static void test_differ(void **state)
{
	const struct directory *d = directory_acquire(store);

	(void)state;
	assert_true(routes_differ_by_sender(d));
	directory_release(d);
}

static const struct {
	uint32_t weights[4];
	uint64_t random[4];
	uint8_t order[4];
	size_t count;
} orders[] = {
	{ { 0 }, { 0 }, { 0 }, 0 },
	{ { 0, 0, 0, 0 }, { 3, 2, 1, 0 }, { 0, 1, 2, 3 }, 4 }, /* as they stand */
	{ { 1, 1, 1, 1 }, { 0, 0, 0, 0 }, { 0, 1, 2, 3 }, 4 },
	{ { 1, 1, 1, 1 }, { 3, 2, 1, 0 }, { 3, 2, 1, 0 }, 4 },
	{ { 3, 1 }, { 2 }, { 0, 1 }, 2 },
	{ { 3, 1 }, { 3 }, { 1, 0 }, 2 },
	{ { 3, 1 }, { 4 }, { 0, 1 }, 2 },
	{ { 1000, 1000, 1, 1000 }, { 2000, 1999, 0, 0 }, { 2, 1, 0, 3 }, 4 },
	{ { 1, 1, 1, 1 }, { UINT64_MAX, 0, 0, 0 }, { 3, 0, 1, 2 }, 4 },
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		struct route_host hosts[4] = { 0 };
		uint64_t random[LIMIT_ROUTE_HOSTS] = { 0 };
		uint8_t order[LIMIT_ROUTE_HOSTS];
		struct route_entry route = { .hosts = hosts, .host_count = orders[i].count };

		print_message("%zu\n", i);
		for (size_t h = 0; h < 4; h++)
			hosts[h].weight = orders[i].weights[h];
		memcpy(random, orders[i].random, sizeof orders[i].random);
		route_order(&route, random, order);
		assert_memory_equal(order, orders[i].order, orders[i].count);
	}
}

static void test_site(void **state)
{
	static const struct route_host hosts[] = { { STR_INIT("a.example"), 587, 0 },
		                                   { STR_INIT("[::1]"), 24, 0 } };
	struct route_entry route = { .hosts = hosts,
		                     .host_count = 2,
		                     .user = STR_INIT("u"),
		                     .secret = STR_INIT("hidden"),
		                     .tls = ROUTE_TLS_VERIFY };
	char octets[256];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, octets, sizeof octets);
	route_add_site(&out, &route);
	assert_true(str_eq(buf_str(&out), STR("a.example:587=0,[::1]:24=0 smtp verify as u")));
	buf_clear(&out);
	route = (struct route_entry){ .hosts = hosts + 1, .host_count = 1, .lmtp = true };
	route_add_site(&out, &route);
	assert_true(str_eq(buf_str(&out), STR("[::1]:24=0 lmtp none")));
}

static int setup(void **state)
{
	struct store_options options = { .limits = limits_default() };

	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-routes-XXXXXX");
	assert_non_null(mkdtemp(folder));
	options.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &options, &store).code, ERR_OK);
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_choose), cmocka_unit_test(test_long),
		                            cmocka_unit_test(test_differ), cmocka_unit_test(test_order),
		                            cmocka_unit_test(test_site) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
