#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

enum { ENTRIES = 5000 };
static struct entry {
	char name[16];
	bool there, met;
} entries[ENTRIES];

static str name_of(size_t i) { return str_of(entries[i].name); }

/* Against a plain array, in an order that fills, empties and fills again. */
static void test_against_an_array(void **state)
{
	struct table t = { 0 };
	size_t count = 0;

	(void)state;
	assert_null(table_get(&t, STR("x")));
	assert_null(table_remove(&t, STR("x")));
	for (size_t i = 0; i < ENTRIES; i++)
		snprintf(entries[i].name, sizeof entries[i].name, "name %zu", i);
	for (size_t step = 0; step < 10 * ENTRIES; step++) {
		size_t i = step * 7919 % ENTRIES;
		bool add = step / ENTRIES % 3 != 1;
		if (add) {
			count += !entries[i].there;
			assert_int_equal(table_set(&t, name_of(i), &entries[i]).code, ERR_OK);
		} else {
			count -= entries[i].there;
			assert_ptr_equal(table_remove(&t, name_of(i)), entries[i].there ? &entries[i] : NULL);
		}
		entries[i].there = add;
		assert_int_equal(t.used, count);
	}
	for (size_t i = 0; i < ENTRIES; i++)
		assert_ptr_equal(table_get(&t, name_of(i)), entries[i].there ? &entries[i] : NULL);
	size_t at = 0, met = 0;
	for (struct entry *e; (e = table_next(&t, &at)); met++) {
		assert_false(e->met);
		e->met = true;
	}
	assert_int_equal(met, count);
	assert_true(t.size <= 4 * ENTRIES);
	table_fini(&t);
}

/* Adding and removing for ever does not make it grow. */
static void test_churn(void **state)
{
	struct table t = { 0 };

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		str name = name_of(i % ENTRIES);
		assert_int_equal(table_set(&t, name, &entries[i % ENTRIES]).code, ERR_OK);
		assert_non_null(table_remove(&t, name));
	}
	assert_true(t.size <= 64);
	table_fini(&t);
}

static void test_replace_and_empty_key(void **state)
{
	struct table t = { 0 };
	int one, two;

	(void)state;
	assert_int_equal(table_set(&t, (str){ 0 }, &one).code, ERR_OK);
	assert_int_equal(table_set(&t, STR(""), &two).code, ERR_OK);
	assert_int_equal(t.used, 1);
	assert_ptr_equal(table_get(&t, STR("")), &two);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_an_array),
		                            cmocka_unit_test(test_churn),
		                            cmocka_unit_test(test_replace_and_empty_key) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
