#include "base/quarantine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

static struct arena arena;
static char path[64];

static int setup(void **state)
{
	(void)state;
	arena_reset(&arena);
	arena_init(&arena, NULL, 64u * LIMIT_MB);
	strcpy(path, "/tmp/postrider-quarantine-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd) | unlink(path);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	arena_reset(&arena);
	return 0;
}

static quarantine_entry entry(uint64_t fingerprint, int64_t last_ms)
{
	return (quarantine_entry){
		.fingerprint = fingerprint, .last_ms = last_ms, .kind = FLIGHT_STORED, .id = 7
	};
}

static void test_round_trip(void **state)
{
	struct quarantine q, back;
	quarantine_entry one = entry(UINT64_MAX, 1790000000000);

	(void)state;
	assert_int_equal(quarantine_load(&arena, str_of(path), &q).code, ERR_OK);
	assert_int_equal(q.count, 0);
	assert_int_equal(ip_parse(STR("2001:db8::"), &one.network).code, ERR_OK);
	one.id = UINT64_MAX;
	quarantine_count(&q, &one);
	quarantine_count(&q, &one);
	one = entry(2, 5);
	quarantine_count(&q, &one);
	assert_int_equal(quarantine_save(&arena, str_of(path), &q).code, ERR_OK);
	assert_int_equal(quarantine_load(&arena, str_of(path), &back).code, ERR_OK);
	assert_int_equal(back.count, 2);
	assert_int_equal(back.damaged, 0);
	assert_int_equal(back.entry[0].crashes, 2);
	assert_int_equal(back.entry[1].crashes, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_true(back.entry[i].fingerprint == q.entry[i].fingerprint &&
		            back.entry[i].id == q.entry[i].id);
		assert_true(back.entry[i].last_ms == q.entry[i].last_ms &&
		            back.entry[i].kind == q.entry[i].kind);
		assert_true(ip_eq(back.entry[i].network, q.entry[i].network));
	}
	assert_true(quarantine_remove(&back, 2));
	assert_false(quarantine_remove(&back, 2));
	assert_int_equal(back.count, 1);
}

/* Each octet of the file changed in turn: one line is lost, never the others, never the start. */
static void test_damage(void **state)
{
	struct quarantine q, back;
	str text = { 0 };

	(void)state;
	assert_int_equal(quarantine_load(&arena, str_of(path), &q).code, ERR_OK);
	for (uint64_t i = 2; i < 5; i++) {
		quarantine_entry e = entry(i, 1);
		quarantine_count(&q, &e);
	}
	assert_int_equal(quarantine_save(&arena, str_of(path), &q).code, ERR_OK);
	assert_int_equal(file_read_all(&arena, str_of(path), LIMIT_MB, &text).code, ERR_OK);
	for (size_t i = 0; i < text.len; i++) {
		char *copy = arena_z(&arena, text);
		copy[i] ^= 4;
		assert_int_equal(file_replace(&arena, str_of(path), (str){ copy, text.len }, 0600).code,
		                 ERR_OK);
		assert_int_equal(quarantine_load(&arena, str_of(path), &back).code, ERR_OK);
		assert_true(back.damaged >= 1);
		assert_in_range(back.count, 1, 3);
	}
	assert_int_equal(file_replace(&arena, str_of(path), STR("\0\xff\n\n"), 0600).code, ERR_OK);
	assert_int_equal(quarantine_load(&arena, str_of(path), &back).code, ERR_OK);
	assert_int_equal(back.count, 0);
	assert_int_equal(back.damaged, 2);
}

/* Full: those seen once go first, oldest first; then the oldest. */
static void test_full(void **state)
{
	struct quarantine q;

	(void)state;
	assert_int_equal(quarantine_load(&arena, str_of(path), &q).code, ERR_OK);
	for (uint64_t i = 0; i < LIMIT_QUARANTINE; i++) {
		quarantine_entry e = entry(100 + i, (int64_t)i);
		quarantine_count(&q, &e);
		if (i < 10)
			quarantine_count(&q, &e);
	}
	assert_int_equal(q.count, LIMIT_QUARANTINE);
	quarantine_entry more = entry(7, 5000);
	quarantine_count(&q, &more);
	assert_int_equal(q.count, LIMIT_QUARANTINE);
	assert_true(quarantine_remove(&q, 7));
	assert_true(quarantine_remove(&q, 100));
	assert_false(quarantine_remove(&q, 110));
	assert_true(quarantine_remove(&q, 111));
	assert_int_equal(quarantine_save(&arena, str_of(path), &q).code, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
