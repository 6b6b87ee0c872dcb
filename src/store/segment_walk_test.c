#include "store/segment_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"

enum { RECORDS = 5, MOST = 8 * 1024 };

static const uint64_t mark = 0x123456789abc;

/* A segment as the committer writes it: RECORDS messages, numbered by their content ids. */
struct laid {
	struct arena arena;
	struct buf octets;
	uint64_t at[RECORDS + 1];
};

static void add_record(struct buf *out, uint64_t with_mark, uint64_t id, str content)
{
	struct record_head h = {
		.kind = RECORD_MESSAGE, .mark = with_mark, .content_id = id, .content_size = content.len
	};

	record_front_format(out, &h, STR("intent"), STR("summary"));
	buf_add(out, content);
	while (out->len % 8)
		buf_add(out, (str){ "\0", 1 });
}

/* The content of each record is a record itself, well made but for the mark. */
static void lay(struct laid *l, uint64_t inner_mark)
{
	struct buf inner;

	arena_init(&l->arena, NULL, LIMIT_MB);
	buf_init(&l->octets, &l->arena, LIMIT_MB / 2);
	buf_init(&inner, &l->arena, MOST);
	buf_add(&inner, (str){ "\0\0\0",
	                       3 }); /* the front is 77 octets: this puts the inner one on a multiple of 8 */
	add_record(&inner, inner_mark, 1000, STR("forged"));
	for (uint64_t i = 0; i < RECORDS; i++) {
		l->at[i] = l->octets.len;
		add_record(&l->octets, mark, i, buf_str(&inner));
	}
	l->at[RECORDS] = l->octets.len;
	assert_int_equal(buf_err(&l->octets).code, ERR_OK);
}

/* What a walk finds, as one bit an id; the rest in *gaps and *end. */
static unsigned walk(const struct laid *l, size_t zeros, uint64_t known_mark, uint64_t *gaps, uint64_t *end)
{
	int fd = memfd_create("segment", MFD_CLOEXEC);
	struct segment_walk w;
	struct record_head h;
	uint64_t offset;
	unsigned found_ids = 0;
	bool found;
	str front;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, l->octets.ptr, l->octets.len), l->octets.len);
	assert_int_equal(ftruncate(fd, (off_t)(l->octets.len + zeros)), 0);
	assert_int_equal(segment_walk_begin(&w, fd, known_mark).code, ERR_OK);
	while (segment_walk_next(&w, &offset, &h, &front, &found).code == ERR_OK && found) {
		assert_true(h.content_id < RECORDS); /* never the forged one */
		assert_int_equal(offset, l->at[h.content_id]);
		assert_false(found_ids & 1u << h.content_id);
		found_ids |= 1u << h.content_id;
	}
	*gaps = w.gaps;
	*end = w.at;
	segment_walk_end(&w);
	close(fd);
	return found_ids;
}

static void test_whole(void **state)
{
	uint64_t gaps, end;
	struct laid l;

	(void)state;
	lay(&l, 0);
	for (size_t zeros = 0; zeros <= 4096; zeros += 4096) {
		assert_int_equal(walk(&l, zeros, 0, &gaps, &end), (1u << RECORDS) - 1);
		assert_int_equal(gaps, 0);
		assert_int_equal(end, l.octets.len);
	}
	arena_reset(&l.arena);
}

/* Every octet of every front but the first spoiled, one after another: only that record is lost, whatever its
 * content looks like. */
static void test_damage(void **state)
{
	uint64_t gaps, end;
	struct laid l;

	(void)state;
	lay(&l, mark ^ 1);
	for (size_t i = 1; i < RECORDS; i++) {
		for (size_t octet = 0; octet < RECORD_HEAD_SIZE + 13; octet++) {
			l.octets.ptr[l.at[i] + octet] ^= 0x55;
			assert_int_equal(walk(&l, 64, 0, &gaps, &end), ((1u << RECORDS) - 1) ^ 1u << i);
			assert_int_equal(gaps, 1);
			l.octets.ptr[l.at[i] + octet] ^= 0x55;
		}
	}
	arena_reset(&l.arena);
}

/* Where the first record is the spoiled one, its mark can't be relied on: the store's other segments tell it.
 */
static void test_damaged_beginning(void **state)
{
	uint64_t gaps, end;
	struct laid l;

	(void)state;
	lay(&l, mark ^ 1);
	for (size_t octet = 0; octet < RECORD_HEAD_SIZE + 13; octet++) {
		l.octets.ptr[octet] ^= 0x55;
		assert_int_equal(walk(&l, 0, mark, &gaps, &end), ((1u << RECORDS) - 1) ^ 1u);
		assert_int_equal(gaps, 1);
		l.octets.ptr[octet] ^= 0x55;
	}
	arena_reset(&l.arena);
}

/* The walk would take the forged record if it bore the mark: these tests can fail. */
static void test_mark_is_what_counts(void **state)
{
	int fd = memfd_create("segment", MFD_CLOEXEC);
	struct segment_walk w;
	struct record_head h;
	bool forged = false, found;
	uint64_t offset;
	struct laid l;
	str front;

	(void)state;
	lay(&l, mark);
	memset(l.octets.ptr + l.at[2], 0x55, RECORD_HEAD_SIZE);
	assert_int_equal(write(fd, l.octets.ptr, l.octets.len), l.octets.len);
	assert_int_equal(segment_walk_begin(&w, fd, 0).code, ERR_OK);
	while (segment_walk_next(&w, &offset, &h, &front, &found).code == ERR_OK && found)
		forged = forged || h.content_id == 1000;
	assert_true(forged);
	segment_walk_end(&w);
	close(fd);
	arena_reset(&l.arena);
}

static void test_cut_anywhere(void **state)
{
	uint64_t gaps, end;
	struct laid l;

	(void)state;
	lay(&l, 0);
	for (size_t len = l.octets.len; len > 0; len--) {
		unsigned whole = 0;
		l.octets.len = len;
		while (whole < RECORDS && l.at[whole + 1] <= len)
			whole++;
		assert_int_equal(walk(&l, 0, mark, &gaps, &end), (1u << whole) - 1);
		assert_int_equal(end, l.at[whole]);
		assert_int_equal(gaps, len != l.at[whole]);
	}
	arena_reset(&l.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damaged_beginning),
		cmocka_unit_test(test_mark_is_what_counts),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
