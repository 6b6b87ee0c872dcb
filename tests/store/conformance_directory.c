/* What every engine of the store has to do with domains, accounts, aliases and routes: each kind of change,
 * with each of its errors, and the same answers after reopening. */
#include "fixture.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const str ANN[] = { { "ann@d.example", 13 } };
static const str OTHERS[] = { { "bob@d.example", 13 }, { "far@away.example", 16 } };
static const struct route_host HOSTS[] = { { STR_INIT("a.example"), 465, 2 }, { STR_INIT("[::1]"), 24, 1 } };
static const struct route_entry BY_MX = { .tls = ROUTE_TLS_MAY };
static const struct route_entry TO_HOSTS = { .hosts = HOSTS,
	                                     .host_count = COUNT_OF(HOSTS),
	                                     .user = STR_INIT("u"),
	                                     .secret = STR_INIT("s"),
	                                     .limits = { 0, 9 } };
static const struct route_entry TOO_MANY_HOSTS = { .hosts = HOSTS, .host_count = LIMIT_ROUTE_HOSTS + 1 };
static str too_many[LIMIT_ALIAS_TARGETS + 1]; /* filled by the test */

#define DO(what, address) .kind = DIRECTORY_##what, .name = STR(address)

static const struct {
	struct directory_change change;
	err_code expected;
} steps[] = {
	{ { DO(DOMAIN_ADD, "d.example") }, ERR_EXISTS },
	{ { DO(DOMAIN_ADD, "e.example") }, ERR_OK },
	{ { DO(DOMAIN_REMOVE, "f.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_ADD, "ann@f.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_ADD, "ann@d.example"), .display_name = STR("Ann"), .quota_octets = 5 }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "ann@d.example") }, ERR_EXISTS },
	{ { DO(ACCOUNT_ADD, "eve@e.example") }, ERR_OK },
	{ { DO(DOMAIN_REMOVE, "e.example") }, ERR_DENIED },
	{ { DO(ALIAS_PUT, "info@f.example"), .targets = ANN, .target_count = 1 }, ERR_MISSING },
	{ { DO(ALIAS_PUT, "ann@d.example"), .targets = ANN, .target_count = 1 }, ERR_EXISTS },
	{ { DO(ALIAS_PUT, "info@d.example"), .targets = ANN, .target_count = 0 }, ERR_LIMIT },
	{ { DO(ALIAS_PUT, "info@d.example"), .targets = too_many, .target_count = COUNT_OF(too_many) },
	  ERR_LIMIT },
	{ { DO(ALIAS_PUT, "info@d.example"), .targets = OTHERS, .target_count = 2 }, ERR_OK },
	{ { DO(ALIAS_PUT, "info@d.example"), .targets = ANN, .target_count = 1 }, ERR_OK },
	{ { DO(ALIAS_PUT, "@e.example"), .targets = OTHERS, .target_count = 2 }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "info@d.example") }, ERR_EXISTS },
	{ { DO(ACCOUNT_REMOVE, "eve@e.example") }, ERR_OK },
	{ { DO(ACCOUNT_REMOVE, "eve@e.example") }, ERR_MISSING },
	{ { DO(DOMAIN_REMOVE, "e.example") }, ERR_DENIED }, /* its catch-all */
	{ { DO(ALIAS_REMOVE, "@e.example") }, ERR_OK },
	{ { DO(ALIAS_REMOVE, "@e.example") }, ERR_MISSING },
	{ { DO(DOMAIN_REMOVE, "e.example") }, ERR_OK },
	{ { DO(DOMAIN_REMOVE, "e.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_REMOVE, "ann@d.example") }, ERR_DENIED }, /* info@ names it */
	{ { DO(ACCOUNT_ADD, "bob@d.example") }, ERR_OK },
	{ { DO(ACCOUNT_RENAME, "nil@d.example"), .new_name = STR("new@d.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_RENAME, "ann@d.example"), .new_name = STR("bob@d.example") }, ERR_EXISTS },
	{ { DO(ACCOUNT_RENAME, "ann@d.example"), .new_name = STR("info@d.example") }, ERR_EXISTS },
	{ { DO(ACCOUNT_RENAME, "ann@d.example"), .new_name = STR("ann@f.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_RENAME, "ann@d.example"), .new_name = STR("anna@d.example") }, ERR_OK },
	{ { DO(ACCOUNT_REMOVE, "ann@d.example") }, ERR_MISSING },
	{ { DO(ACCOUNT_PASSWORD, "ann@d.example"), .password = STR("$x$") }, ERR_MISSING },
	{ { DO(ACCOUNT_PASSWORD, "anna@d.example"), .password = STR("$x$") }, ERR_OK },
	{ { DO(ACCOUNT_STATE, "ann@d.example"), .suspended = true }, ERR_MISSING },
	{ { DO(ACCOUNT_STATE, "anna@d.example"), .suspended = true }, ERR_OK },
	{ { DO(ACCOUNT_STATE, "bob@d.example"), .suspended = true }, ERR_OK },
	{ { DO(ACCOUNT_STATE, "bob@d.example"), .suspended = false }, ERR_OK },
	{ { DO(ACCOUNT_QUOTA, "ann@d.example"), .quota_octets = 7 }, ERR_MISSING },
	{ { DO(ACCOUNT_QUOTA, "anna@d.example"), .quota_octets = 7 }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "ann@d.example") }, ERR_OK }, /* the name is free again */
	{ { DO(ROUTE_REMOVE, "*") }, ERR_MISSING },
	{ { DO(ROUTE_PUT, "*"), .route = &TO_HOSTS }, ERR_OK },
	{ { DO(ROUTE_PUT, "*"), .route = &TOO_MANY_HOSTS }, ERR_LIMIT },
	{ { DO(ROUTE_PUT, " d.example"), .route = &TO_HOSTS }, ERR_SYNTAX },
	{ { DO(ROUTE_PUT, "f.example d.example"), .route = &BY_MX }, ERR_OK },
	{ { DO(ROUTE_PUT, "f.example d.example"), .route = &TO_HOSTS }, ERR_OK },
	{ { DO(ROUTE_PUT, "*"), .route = &BY_MX }, ERR_OK },
	{ { DO(ROUTE_PUT, "g.example"), .route = &BY_MX }, ERR_OK },
	{ { DO(ROUTE_REMOVE, "g.example") }, ERR_OK },
	{ { DO(ROUTE_REMOVE, "g.example") }, ERR_MISSING },
};

static void check_listing(const struct directory *d)
{
	static const char *const names[] = { "ann@d.example", "anna@d.example", "bob@d.example" };
	size_t count;
	const struct account *const *accounts = directory_accounts(d, &count);

	assert_int_equal(count, COUNT_OF(names));
	for (size_t i = 0; i < count; i++)
		assert_true(str_eq(accounts[i]->address, str_of(names[i])));
	const struct domain *const *domains = directory_domains(d, &count);
	assert_int_equal(count, 1);
	assert_int_equal(domains[0]->accounts, COUNT_OF(names));
	assert_int_equal(domains[0]->aliases, 1);
	const struct alias *const *aliases = directory_aliases(d, &count);
	assert_int_equal(count, 1);
	assert_true(str_eq(aliases[0]->address, STR("info@d.example")));
	assert_int_equal(aliases[0]->target_count, 1);
	assert_true(str_eq(aliases[0]->targets[0], STR("anna@d.example"))); /* it followed the rename */
}

static void check_accounts(const struct directory *d)
{
	const struct account *a;

	assert_int_equal(directory_find_account(d, STR("eve@e.example"), &a), DIRECTORY_ABSENT);
	assert_int_equal(directory_find_account(d, STR("anna@d.example"), &a), DIRECTORY_FOUND);
	assert_true(str_eq(a->name, STR("Ann")));
	assert_true(str_eq(a->password, STR("$x$")));
	assert_int_equal(a->quota_octets, 7);
	assert_true(a->suspended);
	assert_true(a->suspended_ms > 0);
	assert_int_equal(directory_find_account(d, STR("bob@d.example"), &a), DIRECTORY_FOUND);
	assert_false(a->suspended);
	assert_int_equal(a->suspended_ms, 0);
}

static void check_routes(const struct directory *d)
{
	const struct route_entry *r;
	size_t count;

	(void)directory_routes(d, &count);
	assert_int_equal(count, 2);
	assert_int_equal(directory_find_route(d, STR("g.example"), &r), DIRECTORY_ABSENT);
	assert_int_equal(directory_find_route(d, STR("*"), &r), DIRECTORY_FOUND);
	assert_int_equal(r->host_count, 0);
	assert_int_equal(r->tls, ROUTE_TLS_MAY);
	assert_int_equal(directory_find_route(d, STR("f.example d.example"), &r), DIRECTORY_FOUND);
	assert_true(str_eq(r->recipient, STR("f.example")));
	assert_true(str_eq(r->sender, STR("d.example")));
	assert_true(str_eq(r->secret, STR("s")));
	assert_int_equal(r->limits[ROUTE_HOUR], 9);
	assert_int_equal(r->host_count, COUNT_OF(HOSTS));
	for (size_t i = 0; i < r->host_count; i++) {
		assert_true(str_eq(r->hosts[i].name, HOSTS[i].name));
		assert_int_equal(r->hosts[i].port, HOSTS[i].port);
		assert_int_equal(r->hosts[i].weight, HOSTS[i].weight);
	}
	assert_true(r->created_ms > 0);
}

/* `often`: reopens after each step. Otherwise the next step follows at once. */
static void take_steps(struct fixture *f, bool often)
{
	for (size_t i = 0; i < COUNT_OF(too_many); i++)
		too_many[i] = ANN[0];
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		err e = change(f, steps[i].change, NULL);
		if (e.code != steps[i].expected)
			print_message("step %zu: %d, %s\n", i, (int)e.code, e.what ? e.what : "");
		assert_int_equal(e.code, steps[i].expected);
		if (often)
			reopen(f);
	}
	for (int round = 0; round < 2; round++) {
		const struct directory *d = directory_acquire(f->store);
		check_listing(d);
		check_accounts(d);
		check_routes(d);
		directory_release(d);
		reopen(f);
	}
}

static void test_changes(void **state) { take_steps(*state, false); }

static void test_changes_with_reopening(void **state) { take_steps(*state, true); }

/* The same, as one commit: each operation sees what those before it did. */
static void test_changes_in_one_commit(void **state)
{
	struct commit_op ops[COUNT_OF(steps)];
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(too_many); i++)
		too_many[i] = ANN[0];
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		ops[i] = (struct commit_op){ .kind = COMMIT_DIRECTORY, .directory = steps[i].change };
	submit(f, ops, COUNT_OF(ops));
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		assert_int_equal(ops[i].result.code, steps[i].expected);
	const struct directory *d = directory_acquire(f->store);
	check_listing(d);
	check_accounts(d);
	check_routes(d);
	directory_release(d);
}

/* An account keeps its id, and with it its mail, through every change; nobody gets an id again. */
static void test_ids(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make_account(f, "ann@d.example", 0), id;

	assert_err(deliver(f, ann, STR("x\r\n"), NULL), ERR_OK);
	assert_err(change(f, (struct directory_change){ DO(ACCOUNT_QUOTA, "ann@d.example") }, &id), ERR_OK);
	assert_int_equal(id, ann);
	assert_err(change(f,
	                  (struct directory_change){ DO(ACCOUNT_RENAME, "ann@d.example"),
	                                             .new_name = STR("anna@d.example") },
	                  &id),
	           ERR_OK);
	assert_int_equal(id, ann);
	assert_int_equal(count_rows(f, ann), 1);
	assert_err(change(f, (struct directory_change){ DO(ACCOUNT_REMOVE, "anna@d.example") }, &id), ERR_OK);
	assert_int_equal(id, ann);
	reopen(f);
	assert_true(make_account(f, "anna@d.example", 0) > ann);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_changes),
		CASE(test_changes_with_reopening),
		CASE(test_changes_in_one_commit),
		CASE(test_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
