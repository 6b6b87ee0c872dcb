#include "net/ticket_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static const int64_t hour_ms = 3600 * 1000, begin_ms = 1764000000000;

static void test_turns(void **state)
{
	static const struct {
		int64_t at_hours;
		bool changes;
		size_t count;
	} steps[] = {
		{ 0, true, 1 },    { 0, false, 1 }, { 11, false, 1 }, { 12, true, 2 },
		{ 23, false, 2 },  { 24, true, 3 }, { 36, true, 3 }, /* the first is over */
		{ 47, false, 3 },  { 48, true, 3 }, { 200, true, 1 }, { 100, true, 1 }, /* set back */
		{ 101, false, 1 },
	};
	struct ticket_keys keys = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		int64_t now_ms = begin_ms + steps[i].at_hours * hour_ms;
		print_message("%d h\n", (int)steps[i].at_hours);
		assert_int_equal(ticket_keys_turn(&keys, now_ms), steps[i].changes);
		assert_int_equal(keys.count, steps[i].count);
		assert_true(ticket_keys_next_ms(&keys) > now_ms);
		for (size_t k = 1; k < keys.count; k++)
			assert_true(keys.item[k].made_ms < keys.item[k - 1].made_ms);
	}
}

/* However late the turns come: a ticket is opened for all of its life. */
static void test_ticket_outlives_its_key(void **state)
{
	struct ticket_keys keys = { 0 };

	(void)state;
	for (int64_t step_ms = hour_ms / 2; step_ms < 20 * hour_ms; step_ms += hour_ms / 3) {
		int64_t given_ms = 0;
		unsigned char name[16];
		keys.count = 0;
		for (int64_t now_ms = begin_ms; now_ms < begin_ms + 200 * hour_ms; now_ms += step_ms) {
			ticket_keys_turn(&keys, now_ms);
			assert_in_range(keys.count, 1, TICKET_KEYS_MAX);
			if (given_ms && now_ms - given_ms < LIMIT_TICKET_S * 1000ll &&
			    keys.item[0].made_ms < given_ms + LIMIT_TICKET_KEY_S * 1000ll)
				assert_non_null(ticket_keys_find(&keys, name));
			if (!given_ms || !ticket_keys_find(&keys, name)) {
				given_ms = now_ms;
				memcpy(name, keys.item[0].name, sizeof name);
			}
		}
	}
}

static void test_file(void **state)
{
	struct ticket_keys keys = { 0 }, got = { .count = 7 };
	char octets[1024];
	struct buf b;

	(void)state;
	for (int i = 0; i < 3; i++)
		ticket_keys_turn(&keys, begin_ms + i * 12 * hour_ms);
	buf_init_fixed(&b, octets, sizeof octets);
	ticket_keys_format(&b, &keys);
	assert_int_equal(buf_err(&b).code, ERR_OK);
	/* Cut, or with any octet changed: not ours. */
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(ticket_keys_parse(str_slice(buf_str(&b), 0, i), &got).code, ERR_CORRUPT);
		octets[i] = (char)(octets[i] ^ 0x40);
		assert_int_equal(ticket_keys_parse(buf_str(&b), &got).code, ERR_CORRUPT);
		octets[i] = (char)(octets[i] ^ 0x40);
	}
	assert_int_equal(got.count, 7); /* untouched */
	assert_int_equal(ticket_keys_parse(buf_str(&b), &got).code, ERR_OK);
	assert_int_equal(got.count, 3);
	assert_memory_equal(&got, &keys, sizeof keys);
	assert_ptr_equal(ticket_keys_find(&got, keys.item[2].name), &got.item[2]);
	keys.item[2].name[5] ^= 1;
	assert_null(ticket_keys_find(&got, keys.item[2].name));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_turns),
		                            cmocka_unit_test(test_ticket_outlives_its_key),
		                            cmocka_unit_test(test_file) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
