/* Against a real store: the directory has no other maker. */
#include "deliver/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "bounce/srs.h"
#include "deliver/address.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/store.h"

#define NOON 1795435200000 /* 2026-11-23T12:00:00Z */
#define KEY STR("0123456789abcdef0123456789abcdef")

static struct arena arena;
static char folder[64];
static struct store *store;

static int setup(void **state)
{
	struct store_options options = { .limits = limits_default() };
	struct commit_op op = { .kind = COMMIT_DIRECTORY,
		                .directory = { .kind = DIRECTORY_DOMAIN_ADD, .name = STR("shop.example") } };
	struct commit commit = { .ops = &op, .op_count = 1 };

	(void)state;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-forward-XXXXXX");
	assert_non_null(mkdtemp(folder));
	options.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &options, &store).code, ERR_OK);
	store_commit_wait(store, &commit);
	return op.result.code == ERR_OK ? 0 : 1;
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

#define DIGITS50 "0100018f6c1d2e3f-01234567-89ab-cdef-0123-456789abc"

static const struct {
	const char *local_part, *domain, *via;
	bool rewritten;
} cases[] = {
	{ "bob", "far.example", "shop.example", true },
	{ "Bob.B+x", "far.example", "shop.example", true },
	{ "a b", "far.example", "shop.example", true },
	{ "bob", "[192.0.2.1]", "shop.example", true },
	{ "SRS0=AAAAAA=AA=e.example=cy", "far.example", "shop.example", true },
	{ "", "", "shop.example", false },
	{ "bob", "far.example", "", false }, /* named by the client itself */
	{ "bob", "shop.example", "shop.example", false },
	{ DIGITS50, "bounces.example", "shop.example", false },
};

/* What is rewritten leads back to what it was made of, and nothing else is touched. */
static void test_cases(void **state)
{
	const struct directory *directory = directory_acquire(store);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		str local_part = str_of(cases[i].local_part), domain = str_of(cases[i].domain);
		str text = domain.len ? str_of(err_new(&arena, ERR_OK, STR_FMT "@" STR_FMT,
		                                       STR_ARG(local_part), STR_ARG(domain))
		                                       .what)
		                      : STR("");
		struct forward from = { text, local_part, domain };
		struct forward_path got = { 0 };

		print_message("%s@%s by %s\n", cases[i].local_part, cases[i].domain, cases[i].via);
		assert_int_equal(
			forward_reverse_path(&arena, directory, KEY, NOON, &from, str_of(cases[i].via), &got)
				.code,
			ERR_OK);
		assert_int_equal(got.has_own, cases[i].rewritten);
		if (!cases[i].rewritten) {
			assert_true(str_eq(got.text, from.text) && str_eq(got.domain, domain));
			continue;
		}
		assert_true(str_eq(got.domain, str_of(cases[i].via)));
		assert_true(str_eq(address_domain(got.text), got.domain));
	}
	directory_release(directory);
}

static void test_way_back(void **state)
{
	const struct directory *directory = directory_acquire(store);
	struct forward from = { STR("Bob@far.example"), STR("Bob"), STR("far.example") };
	struct forward_path got;
	struct buf origin;

	(void)state;
	assert_int_equal(
		forward_reverse_path(&arena, directory, KEY, NOON, &from, STR("shop.example"), &got).code,
		ERR_OK);
	directory_release(directory);
	buf_init(&origin, &arena, LIMIT_PATH);
	assert_int_equal(srs_reverse(&origin, KEY, NOON, address_local_part(got.text)).code, ERR_OK);
	assert_true(str_eq(buf_str(&origin), from.text));
}

static void test_memory(void **state)
{
	const struct directory *directory = directory_acquire(store);
	struct forward from = { STR("Bob@far.example"), STR("Bob"), STR("far.example") };
	struct forward_path got = { .text = STR("untouched") };
	struct arena none;

	(void)state;
	arena_init(&none, NULL, 0);
	assert_int_equal(
		forward_reverse_path(&none, directory, KEY, NOON, &from, STR("shop.example"), &got).code,
		ERR_NOSPACE);
	assert_true(str_eq(got.text, STR("untouched")));
	directory_release(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_way_back),
		                            cmocka_unit_test(test_memory) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
