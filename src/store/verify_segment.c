/* Segments from record to record, as a rebuild reads them: what no row names (records of the directory,
 * deleted messages) has to be whole too. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/segment_walk.h"
#include "store/verify_internal.h"

struct segment_row {
	uint64_t number;
	int64_t live_octets;
};

static err count_segments(struct verify *v, struct segment_row *rows, size_t room, size_t *count)
{
	enum query q = Q_SEGMENT_ALL;
	bool more = false;
	size_t n = 0;
	err e = db_start_values(&v->db, q, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more) {
		if (n < room)
			rows[n] = (struct segment_row){ db_u64(&v->db, q, 0), db_int(&v->db, q, 1) };
		n++;
	}
	db_end(&v->db, q);
	*count = n;
	return e;
}

/* The rows and where the current segment ends, as of one moment. */
static err list_segments(struct verify *v, struct segment_row **rows, size_t *count)
{
	struct segment_row *list = NULL;
	size_t n = 0;

	TRY(db_begin_read(&v->db));
	err e = verify_read_batch(v);
	if (e.code == ERR_OK)
		e = count_segments(v, NULL, 0, &n);
	if (e.code == ERR_OK && !(list = arena_new(v->arena, struct segment_row, n + 1)))
		e = ERR_NO_MEMORY;
	if (e.code == ERR_OK)
		e = count_segments(v, list, n, &n);
	db_end_read(&v->db);
	TRY(e);
	*rows = list;
	*count = n;
	return OK;
}

/* A gap before another record is damage. One at the end is what a failed batch left, or a row knows better.
 */
static err walk(struct verify *v, uint64_t number, const struct segment *segment)
{
	struct segment_walk w;
	struct record_head h;
	uint64_t offset = 0;
	bool found = true;
	str front;

	TRY(segment_walk_begin(&w, segment_fd(segment), v->mark));
	if (number == v->current_segment && w.size > v->current_offset)
		w.size = v->current_offset;
	err e = OK;
	while (e.code == ERR_OK && found) {
		uint64_t before = w.at, gaps = w.gaps;
		e = segment_walk_next(&w, &offset, &h, &front, &found);
		if (e.code == ERR_OK && found && w.gaps != gaps && !verify_is_bad(v, number, before))
			verify_add(v, "record", false,
			           "no readable record, of the directory or of a deleted message",
			           "segment %" PRIu64 ", offset %" PRIu64, number, before);
	}
	segment_walk_end(&w);
	return e;
}

static err still_named(struct verify *v, uint64_t number, bool *named)
{
	struct segment_row *rows;
	size_t count;

	TRY(list_segments(v, &rows, &count));
	for (size_t i = 0; i < count; i++)
		*named = *named || (rows[i].number == number && rows[i].live_octets > 0);
	return OK;
}

static err check_segment(struct verify *v, uint64_t number)
{
	struct segment *segment;
	bool named = false;

	err e = segment_acquire(v->segments, number, &segment);
	if (e.code == ERR_MISSING) {
		TRY(still_named(v, number, &named));
		if (named)
			verify_add(v, "segment", false, "the segment is not there", "segment %" PRIu64,
			           number);
		return OK;
	}
	TRY(e);
	e = walk(v, number, segment);
	segment_release(segment);
	return e;
}

err verify_segments(struct verify *v)
{
	struct segment_row *rows;
	size_t count;

	TRY(list_segments(v, &rows, &count));
	for (size_t i = 0; i < count && v->mark == 0; i++)
		TRY(segments_find_mark(v->segments, &rows[i].number, 1, &v->mark));
	for (size_t i = 0; i < count; i++)
		TRY(check_segment(v, rows[i].number));
	return OK;
}
