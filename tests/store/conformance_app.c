/* What every engine of the store has to do with apps: each change with each of its errors, looked up by
 * login, following their account, and what is known of their last logins. */
#include "fixture.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/app.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const str OWN[] = { { "ann@d.example", 13 } };
static const str MORE[] = { { "shop@d.example", 14 }, { "ann@d.example", 13 }, { "@d.example", 10 } };
static const str ELSEWHERE[] = { { "x@e.example", 11 } };
static str too_many[LIMIT_APP_FROMS + 1]; /* filled by the test */

#define DO(what, address) .kind = DIRECTORY_##what, .name = STR(address)
#define APP(address, app) .name = STR(address), .app_name = STR(app)
#define FROM(list) .targets = list, .target_count = COUNT_OF(list)

static const struct {
	struct directory_change change;
	err_code expected;
} steps[] = {
	{ { DO(DOMAIN_ADD, "e.example") }, ERR_OK },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "web"), .password = STR("v1"), FROM(OWN) }, ERR_MISSING },
	{ { DO(ACCOUNT_ADD, "ann@d.example") }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "bob@d.example") }, ERR_OK },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", ""), FROM(OWN) }, ERR_SYNTAX },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "a-name-that-is-one-octet-too-long"), FROM(OWN) },
	  ERR_LIMIT },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "web") }, ERR_SYNTAX }, /* from nowhere */
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "web"), FROM(too_many) }, ERR_LIMIT },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "web"), .password = STR("v1"), FROM(OWN) }, ERR_OK },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "web"), FROM(OWN) }, ERR_EXISTS },
	{ { DIRECTORY_APP_ADD, APP("ann@d.example", "a-name-that-is-just-short-enough"),
	    .password = STR("v2"), FROM(MORE), .limit_count = 500, .limit_period_s = 3600 },
	  ERR_OK },
	{ { DIRECTORY_APP_ADD, APP("bob@d.example", "web"), .password = STR("v3"), FROM(ELSEWHERE) },
	  ERR_OK },
	{ { DO(DOMAIN_REMOVE, "e.example") }, ERR_DENIED }, /* bob's app sends from there */
	{ { DIRECTORY_APP_PASSWORD, APP("ann@d.example", "wob"), .password = STR("v4") }, ERR_MISSING },
	{ { DIRECTORY_APP_PASSWORD, APP("nil@d.example", "web"), .password = STR("v4") }, ERR_MISSING },
	{ { DIRECTORY_APP_PASSWORD, APP("ann@d.example", "web"), .password = STR("v4") }, ERR_OK },
	{ { DIRECTORY_APP_SENDING, APP("ann@d.example", "wob"), FROM(OWN) }, ERR_MISSING },
	{ { DIRECTORY_APP_SENDING, APP("ann@d.example", "web") }, ERR_SYNTAX },
	{ { DIRECTORY_APP_SENDING, APP("ann@d.example", "web"), FROM(too_many) }, ERR_LIMIT },
	{ { DIRECTORY_APP_REMOVE, APP("bob@d.example", "wob") }, ERR_MISSING },
	{ { DIRECTORY_APP_ADD, APP("bob@d.example", "old"), .password = STR("v5"), FROM(OWN) }, ERR_OK },
	{ { DIRECTORY_APP_REMOVE, APP("bob@d.example", "old") }, ERR_OK },
	{ { DIRECTORY_APP_REMOVE, APP("bob@d.example", "old") }, ERR_MISSING },
	{ { DO(ACCOUNT_NAME, "ann@d.example"), .display_name = STR("Ann") }, ERR_OK },
	{ { DO(ACCOUNT_NAME, "nil@d.example"), .display_name = STR("Nil") }, ERR_MISSING },
	{ { DO(ACCOUNT_RENAME, "ann@d.example"), .new_name = STR("anna@d.example") }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "ann@d.example") }, ERR_OK }, /* the old address again: without apps */
	{ { DO(ACCOUNT_ADD, "eve@d.example") }, ERR_OK },
	{ { DIRECTORY_APP_ADD, APP("eve@d.example", "web"), FROM(OWN) }, ERR_OK },
	{ { DO(ACCOUNT_REMOVE, "eve@d.example") }, ERR_OK },
	{ { DO(ACCOUNT_ADD, "eve@d.example") }, ERR_OK },
};

static const struct app *app_of(const struct directory *d, const char *login)
{
	const struct app *app = NULL;

	assert_int_equal(directory_find_app(d, str_of(login), &app), DIRECTORY_FOUND);
	return app;
}

static void check_found(const struct directory *d)
{
	const struct app *app = app_of(d, "anna+web@d.example");

	assert_true(str_eq(app->name, STR("web")));
	assert_true(str_eq(app->verifier, STR("v4")));
	assert_int_equal(app->from_count, 1);
	assert_true(str_eq(app->froms[0], STR("anna@d.example"))); /* it followed the rename */
	assert_int_equal(app->limit_count, 0);
	assert_true(app->created_ms > 0);
	app = app_of(d, "anna+a-name-that-is-just-short-enough@d.example");
	assert_int_equal(app->from_count, 3);
	assert_true(str_eq(app->froms[0], STR("shop@d.example")));
	assert_true(str_eq(app->froms[1], STR("anna@d.example")));
	assert_true(str_eq(app->froms[2], STR("@d.example")));
	assert_int_equal(app->limit_count, 500);
	assert_int_equal(app->limit_period_s, 3600);
	app = app_of(d, "bob+web@d.example");
	assert_true(str_eq(app->verifier, STR("v3")));
	assert_true(str_eq(app->froms[0], STR("x@e.example")));
}

static void check_absent(const struct directory *d)
{
	static const char *const nobody[] = {
		"ann+web@d.example",
		"eve+web@d.example",
		"bob+old@d.example",
		"anna@d.example",
		"bob+we@d.example",
		"bob+webb@d.example",
		"bob+@d.example",
		"+web@d.example",
		"bob+web",
		"bob+web@e.example",
		"nil+web@d.example",
		"",
		"@",
		"+@",
		"bob+x+web@d.example",
	};
	const struct app *app = NULL;

	for (size_t i = 0; i < COUNT_OF(nobody); i++) {
		print_message("%s\n", nobody[i]);
		assert_int_equal(directory_find_app(d, str_of(nobody[i]), &app), DIRECTORY_ABSENT);
		assert_null(app);
	}
}

static void check_logins(const struct directory *d)
{
	const struct account *account = NULL;
	const struct app *app = NULL;

	assert_int_equal(directory_find_login(d, STR("bob+web@d.example"), &account, &app), DIRECTORY_FOUND);
	assert_true(str_eq(account->address, STR("bob@d.example")));
	assert_int_equal(app->account_id, account->account_id);
	assert_int_equal(directory_find_login(d, STR("anna@d.example"), &account, &app), DIRECTORY_FOUND);
	assert_true(str_eq(account->address, STR("anna@d.example")));
	assert_true(str_eq(account->name, STR("Ann")));
	assert_null(app);
	assert_int_equal(directory_find_login(d, STR("bob+wob@d.example"), &account, &app), DIRECTORY_ABSENT);
}

static void check_lists(const struct directory *d)
{
	size_t all, count;
	const struct account *anna = NULL, *ann = NULL;

	assert_int_equal(directory_find_account(d, STR("anna@d.example"), &anna), DIRECTORY_FOUND);
	assert_int_equal(directory_find_account(d, STR("ann@d.example"), &ann), DIRECTORY_FOUND);
	const struct app *const *apps = directory_apps_of(d, anna->account_id, &count);
	assert_int_equal(count, 2);
	assert_true(str_eq(apps[0]->name, STR("a-name-that-is-just-short-enough")));
	assert_true(str_eq(apps[1]->name, STR("web")));
	(void)directory_apps_of(d, ann->account_id, &count);
	assert_int_equal(count, 0);
	apps = directory_apps(d, &all);
	assert_int_equal(all, 3);
}

static void check_all(struct fixture *f)
{
	const struct directory *d = directory_acquire(f->store);

	check_found(d);
	check_absent(d);
	check_logins(d);
	check_lists(d);
	directory_release(d);
}

static void fill_too_many(void)
{
	for (size_t i = 0; i < COUNT_OF(too_many); i++)
		too_many[i] = OWN[0];
}

/* `often`: reopens after each step. Otherwise the next step follows at once. */
static void take_steps(struct fixture *f, bool often)
{
	fill_too_many();
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		err e = change(f, steps[i].change, NULL);
		if (e.code != steps[i].expected)
			print_message("step %zu: %d, %s\n", i, (int)e.code, e.what ? e.what : "");
		assert_int_equal(e.code, steps[i].expected);
		if (often)
			reopen(f);
	}
	check_all(f);
	reopen(f);
	check_all(f);
}

static void test_changes(void **state) { take_steps(*state, false); }

static void test_changes_with_reopening(void **state) { take_steps(*state, true); }

static void test_changes_in_one_commit(void **state)
{
	struct commit_op ops[COUNT_OF(steps)];
	struct fixture *f = *state;

	fill_too_many();
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		ops[i] = (struct commit_op){ .kind = COMMIT_DIRECTORY, .directory = steps[i].change };
	submit(f, ops, COUNT_OF(ops));
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		assert_int_equal(ops[i].result.code, steps[i].expected);
	check_all(f);
}

static err add_app(struct fixture *f, const char *address, str name)
{
	return change(
		f,
		(struct directory_change){
			.kind = DIRECTORY_APP_ADD, .name = str_of(address), .app_name = name, FROM(OWN) },
		NULL);
}

static void test_how_many(void **state)
{
	struct fixture *f = *state;

	make_account(f, "ann@d.example", 0);
	for (size_t i = 0; i <= LIMIT_APPS; i++) {
		char name[16];
		snprintf(name, sizeof name, "app-%zu", i);
		assert_err(add_app(f, "ann@d.example", str_of(name)), i < LIMIT_APPS ? ERR_OK : ERR_LIMIT);
	}
}

/* --- last logins --- */

static void note(struct fixture *f, const char *login, bool granted, const char *from)
{
	const struct directory *d = directory_acquire(f->store);

	app_note_login(f->store, app_of(d, login), granted, str_of(from));
	directory_release(d);
}

static void check_tries(struct fixture *f, const char *login, int64_t granted_ms, const char *granted_from,
                        int64_t refused_ms, const char *refused_from)
{
	const struct directory *d = directory_acquire(f->store);
	struct app_try granted, refused;

	app_last_logins(app_of(d, login), &granted, &refused);
	directory_release(d);
	assert_int_equal(granted.ms, granted_ms);
	assert_string_equal(granted.from, granted_from);
	assert_int_equal(refused.ms, refused_ms);
	assert_string_equal(refused.from, refused_from);
}

static void test_last_logins(void **state)
{
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
	struct fixture *f = *state;

	make_account(f, "ann@d.example", 0);
	assert_err(add_app(f, "ann@d.example", STR("web")), ERR_OK);
	assert_err(add_app(f, "ann@d.example", STR("tea")), ERR_OK);
	check_tries(f, "ann+web@d.example", 0, "", 0, "");
	clock_test_set(1000);
	note(f, "ann+web@d.example", true, "192.0.2.1");
	clock_test_set(2000);
	note(f, "ann+web@d.example", false, longest);
	clock_test_set(0);
	check_tries(f, "ann+web@d.example", 1000, "192.0.2.1", 2000, longest);
	check_tries(f, "ann+tea@d.example", 0, "", 0, "");
	/* They stay with the app through its changes and its account's, and over the end. */
	assert_err(change(f, (struct directory_change){ DIRECTORY_APP_PASSWORD, APP("ann@d.example", "web") },
	                  NULL),
	           ERR_OK);
	assert_err(change(f,
	                  (struct directory_change){ DO(ACCOUNT_RENAME, "ann@d.example"),
	                                             .new_name = STR("anna@d.example") },
	                  NULL),
	           ERR_OK);
	check_tries(f, "anna+web@d.example", 1000, "192.0.2.1", 2000, longest);
	reopen(f);
	check_tries(f, "anna+web@d.example", 1000, "192.0.2.1", 2000, longest);
	check_tries(f, "anna+tea@d.example", 0, "", 0, "");
	/* A new app of the name is another app. */
	assert_err(change(f, (struct directory_change){ DIRECTORY_APP_REMOVE, APP("anna@d.example", "web") },
	                  NULL),
	           ERR_OK);
	assert_err(add_app(f, "anna@d.example", STR("web")), ERR_OK);
	check_tries(f, "anna+web@d.example", 0, "", 0, "");
	reopen(f);
	check_tries(f, "anna+web@d.example", 0, "", 0, "");
}

/* A session that still holds the old snapshot notes a login of an app that is gone. */
static void test_login_of_the_past(void **state)
{
	struct fixture *f = *state;

	make_account(f, "ann@d.example", 0);
	assert_err(add_app(f, "ann@d.example", STR("web")), ERR_OK);
	const struct directory *before = directory_acquire(f->store);
	assert_err(change(f, (struct directory_change){ DIRECTORY_APP_REMOVE, APP("ann@d.example", "web") },
	                  NULL),
	           ERR_OK);
	assert_err(add_app(f, "ann@d.example", STR("web")), ERR_OK);
	app_note_login(f->store, app_of(before, "ann+web@d.example"), true, STR("192.0.2.1"));
	directory_release(before);
	check_tries(f, "ann+web@d.example", 0, "", 0, "");
	reopen(f);
	check_tries(f, "ann+web@d.example", 0, "", 0, "");
}

static void test_limit(void **state)
{
	struct fixture *f = *state;
	int64_t wait_ms = 0;

	make_account(f, "ann@d.example", 0);
	assert_err(add_app(f, "ann@d.example", STR("free")), ERR_OK);
	assert_err(change(f,
	                  (struct directory_change){ DIRECTORY_APP_ADD, APP("ann@d.example", "web"),
	                                             FROM(OWN), .limit_count = 2, .limit_period_s = 3600 },
	                  NULL),
	           ERR_OK);
	const struct directory *d = directory_acquire(f->store);
	const struct app *web = app_of(d, "ann+web@d.example"), *free_app = app_of(d, "ann+free@d.example");
	for (int i = 0; i < 1000; i++)
		assert_true(app_take(free_app, 1000, &wait_ms));
	int64_t taken_tick_ms = clock_tick_ms();
	assert_true(app_take(web, 2, &wait_ms));
	assert_false(app_take(web, 1, &wait_ms));
	assert_in_range(wait_ms, 3500 * 1000, 3660 * 1000);
	app_give_back(web, 1, taken_tick_ms);
	assert_true(app_take(web, 1, &wait_ms));
	/* A new password is no new allowance. */
	assert_err(change(f, (struct directory_change){ DIRECTORY_APP_PASSWORD, APP("ann@d.example", "web") },
	                  NULL),
	           ERR_OK);
	directory_release(d);
	d = directory_acquire(f->store);
	assert_false(app_take(app_of(d, "ann+web@d.example"), 1, &wait_ms));
	directory_release(d);
}

static const struct app *with_limit(struct fixture *f, const struct directory **d, uint32_t count,
                                    uint32_t period_s)
{
	assert_err(change(f,
	                  (struct directory_change){ DIRECTORY_APP_SENDING, APP("ann@d.example", "web"),
	                                             FROM(MORE), .limit_count = count,
	                                             .limit_period_s = period_s },
	                  NULL),
	           ERR_OK);
	if (*d)
		directory_release(*d);
	*d = directory_acquire(f->store);
	const struct app *app = app_of(*d, "ann+web@d.example");
	assert_int_equal(app->limit_count, count);
	assert_int_equal(app->limit_period_s, count ? period_s : 0);
	return app;
}

/* What was sent counts against a limit that was changed, unless it counts by another period. */
static void test_change_of_limit(void **state)
{
	struct fixture *f = *state;
	const struct directory *d = NULL;
	int64_t wait_ms = 0;

	make_account(f, "ann@d.example", 0);
	assert_err(add_app(f, "ann@d.example", STR("web")), ERR_OK);
	assert_err(change(f,
	                  (struct directory_change){ DIRECTORY_APP_PASSWORD, APP("ann@d.example", "web"),
	                                             .password = STR("v") },
	                  NULL),
	           ERR_OK);
	const struct app *app = with_limit(f, &d, 2, 60);
	assert_int_equal(app->from_count, 3);
	assert_true(str_eq(app->verifier, STR("v")));
	assert_true(app_take(app, 2, &wait_ms));
	assert_false(app_take(app, 1, &wait_ms));
	app = with_limit(f, &d, 3, 60);
	assert_true(app_take(app, 1, &wait_ms));
	assert_false(app_take(app, 1, &wait_ms));
	app = with_limit(f, &d, 1, 60); /* less than was sent already */
	assert_false(app_take(app, 1, &wait_ms));
	app = with_limit(f, &d, 2, 86400);
	assert_true(app_take(app, 2, &wait_ms));
	assert_false(app_take(app, 1, &wait_ms));
	assert_in_range(wait_ms, 86000 * 1000, 88000 * 1000);
	app = with_limit(f, &d, 1, 60);
	assert_true(app_take(app, 1, &wait_ms));
	assert_false(app_take(app, 1, &wait_ms));
	assert_in_range(wait_ms, 1, 62 * 1000);
	app = with_limit(f, &d, 0, 60);
	assert_true(app_take(app, 1000, &wait_ms));
	directory_release(d);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_changes),
		CASE(test_changes_with_reopening),
		CASE(test_changes_in_one_commit),
		CASE(test_how_many),
		CASE(test_last_logins),
		CASE(test_login_of_the_past),
		CASE(test_limit),
		CASE(test_change_of_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
