#include "deliver/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"
#include "store/queue.h"

enum {
	FAIL = QUEUE_NOTIFY_FAILURE,
	SUCC = QUEUE_NOTIFY_SUCCESS,
	LATE = QUEUE_NOTIFY_DELAY,
	NEVER = QUEUE_NOTIFY_NEVER
};

static const struct {
	const char *local_part, *domain;
	const char *forward_path, *its_domain; /* NULL: refused */
} forms[] = {
	{ "ann", "far.example", "ann@far.example", "far.example" },
	{ "Ann.B", "Far.EXAMPLE", "Ann.B@far.example", "far.example" },
	{ "a b", "far.example", "\"a b\"@far.example", "far.example" },
	{ "a\"b\\", "far.example", "\"a\\\"b\\\\\"@far.example", "far.example" },
	{ "a@b", "far.example", "\"a@b\"@far.example", "far.example" },
	{ "a..b", "far.example", "\"a..b\"@far.example", "far.example" },
	{ "ann",
	  "B\xc3\xbc"
	  "cher.example",
	  "ann@xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "j\xc3\xb6rg", "far.example", "j\xc3\xb6rg@far.example", "far.example" },
	{ "ann", "[192.0.2.1]", "ann@[192.0.2.1]", "[192.0.2.1]" },
	{ "ann", "[ipv6:2001:DB8:0::1]", "ann@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]" },
	{ "ann", "[", "ann@[", "[" }, /* no path has these (smtp/path.h) */
	{ "ann", "[192.0.2.1]x", "ann@[192.0.2.1]x", "[192.0.2.1]x" },
	{ "ann", "\xff.example", NULL, NULL },
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct arena arena;
		struct remotes r;
		err e;

		arena_init(&arena, NULL, LIMIT_MB);
		remotes_init(&r, &arena);
		print_message("%s@%s\n", forms[i].local_part, forms[i].domain);
		e = remotes_add(&r, str_of(forms[i].local_part), str_of(forms[i].domain),
		                &(struct remote){ 0 });
		assert_int_equal(e.code == ERR_OK, forms[i].forward_path != NULL);
		assert_int_equal(r.pending, e.code == ERR_OK);
		assert_int_equal(r.count, 0);
		if (forms[i].forward_path) {
			assert_true(str_eq(r.items[0].forward_path, str_of(forms[i].forward_path)));
			assert_true(str_eq(r.items[0].domain, str_of(forms[i].its_domain)));
		}
		arena_reset(&arena);
	}
}

static void add(struct remotes *r, const char *local_part, uint8_t notify)
{
	struct remote remote = { .notify = notify };

	assert_int_equal(remotes_add(r, str_of(local_part), STR("far.example"), &remote).code, ERR_OK);
}

/* What is refused leaves nothing; what is named again is there once. */
static void test_taken_and_refused(void **state)
{
	struct arena arena;
	struct remotes r;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	remotes_init(&r, &arena);
	add(&r, "ann", 0);
	add(&r, "bob", 0);
	remotes_drop(&r);
	assert_int_equal(r.count + r.pending, 0);
	add(&r, "ann", 0);
	add(&r, "bob", 0);
	add(&r, "ann", 0);
	add(&r, "Ann", 0);
	assert_int_equal(remotes_fresh(&r), 3);
	remotes_keep(&r);
	assert_int_equal(r.count, 3);
	add(&r, "bob", 0);
	add(&r, "cy", 0);
	assert_int_equal(remotes_fresh(&r), 1);
	remotes_drop(&r);
	assert_int_equal(r.count, 3);
	assert_true(str_eq(r.items[2].forward_path, STR("Ann@far.example")));
	remotes_clear(&r);
	assert_int_equal(r.count + r.pending, 0);
	arena_reset(&arena);
}

static const struct {
	uint8_t first, second, want;
} notifies[] = {
	{ 0, 0, 0 },
	{ NEVER, NEVER, NEVER },
	{ NEVER, FAIL, FAIL },
	{ FAIL, NEVER, FAIL },
	{ NEVER, 0, FAIL | LATE },
	{ 0, NEVER, FAIL | LATE },
	{ 0, SUCC, SUCC | FAIL | LATE },
	{ SUCC, FAIL, SUCC | FAIL },
	{ SUCC | LATE, LATE, SUCC | LATE },
};

static void test_notify(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof notifies / sizeof notifies[0]; i++) {
		struct arena arena;
		struct remotes r;

		print_message("%u and %u\n", notifies[i].first, notifies[i].second);
		arena_init(&arena, NULL, LIMIT_MB);
		remotes_init(&r, &arena);
		add(&r, "ann", notifies[i].first);
		remotes_keep(&r);
		add(&r, "ann", notifies[i].second);
		assert_int_equal(r.items[0].notify, notifies[i].first); /* not before it is taken */
		remotes_keep(&r);
		assert_int_equal(r.count, 1);
		assert_int_equal(r.items[0].notify, notifies[i].want);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms),
		                            cmocka_unit_test(test_taken_and_refused),
		                            cmocka_unit_test(test_notify) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
