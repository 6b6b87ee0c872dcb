#include "pop3/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct view_budget budget;

static struct pop3_view view_of(const struct mailbox_row *rows, size_t count)
{
	struct pop3_view view;

	atomic_store(&budget.used_octets, 0);
	atomic_store(&budget.max_octets, 1 << 20);
	pop3_view_init(&view, &budget);
	assert_int_equal(pop3_view_add(&view, rows, count).code, ERR_OK);
	return view;
}

static const struct mailbox_row four[] = {
	{ .uid = 3, .size = 100 },
	{ .uid = 7, .size = 5000000000 }, /* sizes pass 32 bits */
	{ .uid = 8, .size = 1 },
	{ .uid = UINT32_MAX - 1, .size = 30 },
};

static void test_numbers(void **state)
{
	struct pop3_view view = view_of(four, 4);

	(void)state;
	assert_int_equal(view.left, 4);
	assert_int_equal(view.left_octets, 5000000131);
	assert_int_equal(pop3_view_find(&view, 1)->uid, 3);
	assert_int_equal(pop3_view_find(&view, 2)->size, 5000000000);
	assert_int_equal(pop3_view_find(&view, 4)->uid, UINT32_MAX - 1);
	assert_null(pop3_view_find(&view, 0));
	assert_null(pop3_view_find(&view, 5));
	assert_null(pop3_view_find(&view, UINT32_MAX));
	pop3_view_fini(&view);
	assert_int_equal(atomic_load(&budget.used_octets), 0);
}

static void test_marks(void **state)
{
	struct pop3_view view = view_of(four, 4);
	uint32_t *uids = NULL;

	(void)state;
	assert_false(pop3_view_mark(&view, 0));
	assert_false(pop3_view_mark(&view, 5));
	assert_true(pop3_view_mark(&view, 2));
	assert_false(pop3_view_mark(&view, 2)); /* RFC 1939 §5: it is not there any more */
	assert_null(pop3_view_find(&view, 2));
	assert_int_equal(view.left, 3);
	assert_int_equal(view.left_octets, 131);
	assert_int_equal(pop3_view_find(&view, 3)->uid, 8); /* numbers stay */
	pop3_view_unmark_all(&view);
	assert_int_equal(view.left, 4);
	assert_int_equal(view.left_octets, 5000000131);
	assert_true(pop3_view_mark(&view, 4));
	assert_true(pop3_view_mark(&view, 1));
	assert_int_equal(pop3_view_take_marked(&view, &uids).code, ERR_OK);
	assert_int_equal(uids[0], 3);
	assert_int_equal(uids[1], UINT32_MAX - 1);
	free(uids);
	pop3_view_fini(&view);
}

/* What is sent of it is its surrogate, whose size the lists say. */
static void test_other_sizes(void **state)
{
	const struct mailbox_row rows[] = {
		{ .uid = 1, .size = 100 }, { .uid = 2, .size = 50, .flags = MESSAGE_SMTPUTF8 | MESSAGE_SEEN }
	};
	struct pop3_view view = view_of(rows, 2);

	(void)state;
	assert_false(pop3_view_find(&view, 1)->smtputf8);
	assert_true(pop3_view_find(&view, 2)->smtputf8);
	pop3_view_set_size(&view, 2, 70);
	assert_int_equal(pop3_view_find(&view, 2)->size, 70);
	assert_int_equal(view.left_octets, 170);
	pop3_view_set_size(&view, 1, 0);
	assert_int_equal(view.left_octets, 70);
	assert_true(pop3_view_mark(&view, 2));
	assert_int_equal(view.left_octets, 0);
	pop3_view_unmark_all(&view);
	assert_int_equal(view.left_octets, 70);
	pop3_view_fini(&view);
}

static void test_empty(void **state)
{
	struct pop3_view view = view_of(four, 0), zero = { 0 };

	(void)state;
	assert_int_equal(view.left, 0);
	assert_null(pop3_view_find(&view, 1));
	pop3_view_unmark_all(&view);
	pop3_view_fini(&view);
	pop3_view_fini(&zero);
}

/* At the cap and one past it; what is refused leaves everything as it was. */
static void test_budget(void **state)
{
	struct pop3_view a = view_of(four, 0), b;

	(void)state;
	atomic_store(&budget.max_octets, 6 * sizeof(struct pop3_message));
	assert_int_equal(pop3_view_reserve(&a, 7).code, ERR_LIMIT);
	assert_int_equal(atomic_load(&budget.used_octets), 0);
	assert_int_equal(pop3_view_reserve(&a, UINT64_MAX / 2).code, ERR_LIMIT);
	assert_int_equal(pop3_view_reserve(&a, 4).code, ERR_OK);
	assert_int_equal(pop3_view_add(&a, four, 4).code, ERR_OK);
	pop3_view_init(&b, &budget);
	assert_int_equal(pop3_view_reserve(&b, 3).code, ERR_LIMIT);
	assert_int_equal(pop3_view_add(&b, four, 3).code, ERR_LIMIT);
	assert_int_equal(b.count, 0);
	assert_int_equal(pop3_view_add(&b, four, 2).code, ERR_OK);
	assert_int_equal(atomic_load(&budget.used_octets), 6 * sizeof(struct pop3_message));
	pop3_view_fini(&a);
	assert_int_equal(pop3_view_add(&b, four + 2, 2).code, ERR_OK);
	pop3_view_fini(&b);
	pop3_view_fini(&b); /* twice is legal */
	assert_int_equal(atomic_load(&budget.used_octets), 0);
}

static void test_a_million(void **state)
{
	enum { MANY = 1000000, PAGE = 1000 };
	struct mailbox_row rows[PAGE];
	struct pop3_view view;

	(void)state;
	atomic_store(&budget.max_octets, 16u * MANY);
	pop3_view_init(&view, &budget);
	assert_int_equal(pop3_view_reserve(&view, MANY).code, ERR_OK);
	for (uint32_t n = 0; n < MANY; n += PAGE) {
		for (uint32_t i = 0; i < PAGE; i++)
			rows[i] = (struct mailbox_row){ .uid = 2 * (n + i) + 1, .size = n + i };
		assert_int_equal(pop3_view_add(&view, rows, PAGE).code, ERR_OK);
	}
	assert_int_equal(atomic_load(&budget.used_octets), 16u * MANY);
	assert_int_equal(pop3_view_find(&view, MANY)->uid, 2 * MANY - 1);
	assert_int_equal(view.left_octets, (uint64_t)MANY * (MANY - 1) / 2);
	pop3_view_fini(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),     cmocka_unit_test(test_marks),
		cmocka_unit_test(test_other_sizes), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_budget),      cmocka_unit_test(test_a_million)
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
