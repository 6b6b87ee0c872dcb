/* Against a real store: the directory has no other maker. */
#include "deliver/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "auth/secret.h"
#include "base/limits.h"
#include "deliver/address.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/store.h"

static struct arena arena;
static char folder[64];
static struct store *store;

static void change(struct directory_change c)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	assert_int_equal(op.result.code, ERR_OK);
}

static void add_account(const char *address)
{
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = str_of(address) });
}

static void put_alias(const char *address, const char *one, const char *two)
{
	const str targets[] = { str_of(one), str_of(two) };

	change((struct directory_change){ .kind = DIRECTORY_ALIAS_PUT,
	                                  .name = str_of(address),
	                                  .targets = targets,
	                                  .target_count = 2 });
}

static int setup(void **state)
{
	struct store_options options = { .limits = limits_default(), .without_maintenance = true };
	char from[64], to[64];

	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-sender-XXXXXX");
	assert_non_null(mkdtemp(folder));
	options.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &options, &store).code, ERR_OK);
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("catch.example") });
	add_account("ann@shop.example");
	add_account("bob@shop.example");
	add_account("bob+own@shop.example");
	add_account("boss@catch.example");
	put_alias("info@shop.example", "bob@shop.example", "ann@shop.example");
	put_alias("all@shop.example", "info@shop.example", "far@far.example");
	put_alias("bobs@shop.example", "bob+x@shop.example", "bobs@shop.example");
	put_alias("@catch.example", "bob@shop.example", "all@shop.example");
	for (unsigned i = 0; i <= LIMIT_ALIAS_DEPTH; i++) {
		snprintf(from, sizeof from, "link%u@shop.example", i + 1);
		snprintf(to, sizeof to, "link%u@shop.example", i);
		put_alias(from, i == 0 ? "ann@shop.example" : to, from);
	}
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example"), .suspended = true });
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

static const struct {
	const char *account, *address;
	bool want;
} cases[] = {
	{ "ann@shop.example", "ann@shop.example", true },
	{ "ann@shop.example", "ann+books@shop.example", true },
	{ "ann@shop.example", "info@shop.example", true },
	{ "ann@shop.example", "info+x@shop.example", true },
	{ "ann@shop.example", "all@shop.example", true },
	{ "ann@shop.example", "anything@catch.example", true },
	{ "ann@shop.example", "postmaster@shop.example", true }, /* the domain's first account */
	{ "bob@shop.example", "bobs@shop.example", true },
	{ "bob@shop.example", "bob+x@shop.example", true },
	{ "boss@catch.example", "abuse@catch.example", true },
	{ "ann@shop.example", "link10@shop.example", true },
	{ "ann@shop.example", "link11@shop.example", false }, /* no mail passes so long a chain either */
	{ "ann@shop.example", "bob@shop.example", false },
	{ "ann@shop.example", "bobs@shop.example", false },
	{ "bob@shop.example", "ann@shop.example", false },
	{ "bob@shop.example", "bob+own@shop.example", false }, /* an account of its own */
	{ "bob@shop.example", "postmaster@shop.example", false },
	{ "ann@shop.example", "boss@catch.example", false },
	{ "ann@shop.example", "postmaster@catch.example", false },
	{ "ann@shop.example", "nobody@shop.example", false },
	{ "ann@shop.example", "ann@far.example", false },
	{ "ann@shop.example", "far@far.example", false }, /* a target, but not an address of ours */
	{ "ann@shop.example", "@shop.example", false },
	{ "ann@shop.example", "", false },
};

static void test_cases(void **state)
{
	const struct directory *directory = directory_acquire(store);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct account *account;

		print_message("%s as %s\n", cases[i].account, cases[i].address);
		assert_int_equal(directory_find_account(directory, str_of(cases[i].account), &account),
		                 DIRECTORY_FOUND);
		assert_int_equal(
			sender_receives(directory, &arena, account->account_id, str_of(cases[i].address)),
			cases[i].want);
	}
	directory_release(directory);
}

static const struct {
	const char *login, *address;
	enum sender_answer want;
} logins[] = {
	{ "bob@shop.example", "bob@shop.example", SENDER_OWN },
	{ "bob@shop.example", "info@shop.example", SENDER_OWN },
	{ "bob@shop.example", "orders@far.example", SENDER_FOREIGN },
	{ "bob@shop.example", "", SENDER_FOREIGN },
	{ "bob+shop@shop.example", "info@shop.example", SENDER_OWN },
	{ "bob+shop@shop.example", "info+x@shop.example", SENDER_OWN },
	{ "bob+shop@shop.example", "any@catch.example", SENDER_OWN },
	{ "bob+shop@shop.example", "any+x@catch.example", SENDER_OWN },
	{ "bob+shop@shop.example", "bob@shop.example", SENDER_FOREIGN }, /* its account's, but not its own */
	{ "bob+shop@shop.example", "bob+shop@shop.example", SENDER_FOREIGN },
	{ "bob+shop@shop.example", "any@sub.catch.example", SENDER_FOREIGN },
	{ "bob+shop@shop.example", "@catch.example", SENDER_OWN }, /* no path or field has it */
	{ "bob+shop@shop.example", "xinfo@shop.example", SENDER_FOREIGN },
	{ "ann@shop.example", "ann@shop.example", SENDER_GONE }, /* suspended */
	{ "bob+old@shop.example", "bob@shop.example", SENDER_GONE },
};

static struct identity *log_in(const struct directory *directory, str login)
{
	const struct account *account;
	str base = login, app = STR("");

	if (str_find_char(login, '+') < login.len) {
		assert_true(address_without_detail(&arena, login, &base));
		app = str_slice(login, str_find_char(login, '+') + 1, str_find_char(login, '@'));
	}
	assert_int_equal(directory_find_account(directory, base, &account), DIRECTORY_FOUND);
	return identity_new(account, app, login);
}

static void test_logins(void **state)
{
	const str froms[] = { STR("info@shop.example"), STR("@catch.example") };
	const struct directory *directory;
	str secret, verifier;

	(void)state;
	assert_int_equal(secret_make(&arena, &secret, &verifier).code, ERR_OK);
	change((struct directory_change){ .kind = DIRECTORY_APP_ADD,
	                                  .name = STR("bob@shop.example"),
	                                  .app_name = STR("shop"),
	                                  .password = verifier,
	                                  .targets = froms,
	                                  .target_count = 2 });
	directory = directory_acquire(store);
	for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
		struct identity *who = log_in(directory, str_of(logins[i].login));

		print_message("%s as %s\n", logins[i].login, logins[i].address);
		assert_non_null(who);
		assert_int_equal(sender_check(directory, &arena, who, str_of(logins[i].address)),
		                 logins[i].want);
		identity_free(who);
	}
	directory_release(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_logins) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
