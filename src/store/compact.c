/* Compaction: contents that nothing names are collected, and segments that are mostly dead are emptied.
 *
 * The live records of such a segment are copied, octet for octet, into a new segment, which is synced; then
 * the committer swaps the places of their rows, at most LIMIT_BATCH_ROWS a batch; then the old segment's row
 * and file go. A crash at any point leaves each row pointing to a whole copy: the old one until its swap is
 * durable, the new one after. A new segment that no row knows is removed at the next start; on a failure
 * nothing is removed here, since a commit that seemed to fail may have come through. Records of the directory
 * are always live.
 */
#include "store/maintenance.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/commit.h"
#include "store/committer.h"
#include "store/record.h"
#include "store/store_internal.h"

enum { COLLECT_PAGE = 1000, HOUR_MS = 3600000 };

/* One segment being emptied. */
struct compaction {
	struct store *store;
	struct arena arena; /* one record at a time */
	struct segment *from, *to;
	uint64_t size;   /* of the old segment */
	uint64_t offset; /* in the new one */
	uint64_t directory_octets;
	struct content_move *moves;
	size_t count, room;
};

/* --- collecting --- */

static err free_contents(struct store *store, int64_t before_ms, uint64_t *ids, size_t *count)
{
	struct database *db;
	bool more = false;
	size_t n = 0;

	TRY(readers_take(store->readers, &db));
	err e = db_start(db, Q_CONTENT_FREE, DB_INT(before_ms), DB_INT(COLLECT_PAGE));
	while (e.code == ERR_OK && (e = db_row(db, Q_CONTENT_FREE, &more)).code == ERR_OK && more)
		ids[n++] = db_u64(db, Q_CONTENT_FREE, 0);
	db_end(db, Q_CONTENT_FREE);
	readers_give(store->readers, db);
	*count = n;
	return e;
}

static err collect(struct store *store, int64_t before_ms)
{
	uint64_t ids[COLLECT_PAGE];
	size_t count;

	do {
		TRY(free_contents(store, before_ms, ids, &count));
		if (count == 0)
			return OK;
		struct commit_op op = {
			.kind = COMMIT_COLLECT,
			.collect = { .content_ids = ids, .count = count, .freed_before_ms = before_ms }
		};
		struct commit commit = { .ops = &op, .op_count = 1 };
		store_commit_wait(store, &commit);
		TRY(op.result);
	} while (count == COLLECT_PAGE);
	return OK;
}

/* --- emptying a segment --- */

/* Does the content's row say that it lies here? */
static err is_live(struct compaction *c, const struct record_head *h, uint64_t offset, bool *live)
{
	struct database *db;
	bool found = false;
	enum query q = Q_CONTENT_GET;

	TRY(readers_take(c->store->readers, &db));
	err e = db_start(db, q, DB_INT(h->content_id));
	if (e.code == ERR_OK)
		e = db_row(db, q, &found);
	*live = e.code == ERR_OK && found && db_u64(db, q, 0) == segment_number(c->from) &&
	        db_u64(db, q, 1) == offset;
	db_end(db, q);
	readers_give(c->store->readers, db);
	return e;
}

static err note_move(struct compaction *c, uint64_t content_id)
{
	if (c->count == c->room) {
		size_t room = c->room ? c->room * 2 : 1024;
		struct content_move *more = realloc(c->moves, room * sizeof *more);
		if (!more)
			return ERR_NO_MEMORY;
		c->moves = more;
		c->room = room;
	}
	c->moves[c->count++] = (struct content_move){ .content_id = content_id,
		                                      .from_segment = segment_number(c->from),
		                                      .segment = segment_number(c->to),
		                                      .offset = c->offset };
	return OK;
}

/* Reads a whole record and holds it against its checksums: damage is not carried on. */
static err read_record(struct compaction *c, const struct record_head *h, uint64_t offset, str *out)
{
	size_t size = record_size(h), front = record_content_at(h);
	char *octets = arena_alloc(&c->arena, size);

	if (!octets)
		return ERR_NO_MEMORY;
	TRY(file_read_at(segment_fd(c->from), octets, size, offset));
	if (!record_front_check(h, (str){ octets, front }))
		return (err){ ERR_CORRUPT, 0, "a record's checksum is wrong" };
	if (!(h->flags & RECORD_IN_FILE) &&
	    crc32c(0, (str){ octets + front, h->content_size }) != h->content_crc)
		return (err){ ERR_CORRUPT, 0, "a content's checksum is wrong" };
	*out = (str){ octets, size };
	return OK;
}

/* The number is known to the committer before the file is there, so that reopening does not take it for a
 * leftover. */
static err begin_new(struct compaction *c)
{
	uint64_t number = committer_new_segment_number(c->store->committer);

	atomic_store(&c->store->compacting_segment, number);
	return segment_create(c->store->segments, number, &c->to);
}

static err copy_record(struct compaction *c, const struct record_head *h, uint64_t offset)
{
	bool live = true;
	str record;

	if (h->kind == RECORD_MESSAGE)
		TRY(is_live(c, h, offset, &live));
	if (!live)
		return OK;
	if (!c->to)
		TRY(begin_new(c));
	TRY(read_record(c, h, offset, &record));
	struct iovec part = { (void *)(uintptr_t)record.ptr, record.len };
	TRY(segment_write(c->to, &part, 1, c->offset));
	if (h->kind == RECORD_MESSAGE)
		TRY(note_move(c, h->content_id));
	else
		c->directory_octets += record.len;
	c->offset += record.len;
	return OK;
}

static err copy_records(struct compaction *c)
{
	char octets[RECORD_HEAD_SIZE];
	struct record_head h;

	for (uint64_t at = 0; at < c->size; at += record_size(&h)) {
		err e = at + RECORD_HEAD_SIZE <= c->size
		                ? file_read_at(segment_fd(c->from), octets, sizeof octets, at)
		                : (err){ ERR_CORRUPT, 0, "a segment ends within a record" };
		if (e.code == ERR_OK)
			e = record_head_parse((str){ octets, sizeof octets }, &h);
		if (e.code == ERR_OK)
			e = copy_record(c, &h, at);
		if (e.code == ERR_CORRUPT)
			store_report_damage(c->store, "record", segment_number(c->from), at, e.what);
		TRY(e);
		arena_reset(&c->arena);
	}
	return OK;
}

/* The rows' new places; the directory's octets are counted over with the first piece. */
static err swap_places(struct compaction *c)
{
	size_t at = 0;

	do {
		size_t n = c->count - at > LIMIT_BATCH_ROWS ? LIMIT_BATCH_ROWS : c->count - at;
		struct commit_op op = { .kind = COMMIT_MOVE,
			                .move = { .moves = c->moves + at,
			                          .count = n,
			                          .from_segment = segment_number(c->from),
			                          .segment = segment_number(c->to),
			                          .directory_octets = at ? 0 : c->directory_octets } };
		struct commit commit = { .ops = &op, .op_count = 1 };
		store_commit_wait(c->store, &commit);
		TRY(op.result);
		at += n;
	} while (at < c->count);
	return OK;
}

static err drop_segment(struct store *store, uint64_t number)
{
	struct commit_op op = { .kind = COMMIT_COLLECT, .collect = { .drop_segment = number } };
	struct commit commit = { .ops = &op, .op_count = 1 };

	/* A checkpoint past the swap: not even a database without its WAL points into what goes now. */
	TRY(checkpoint_run(store, false));
	store_commit_wait(store, &commit);
	return op.result;
}

static err empty_segment(struct compaction *c)
{
	TRY(copy_records(c));
	if (c->to) {
		TRY(segment_cut(c->to, c->offset));
		if (fsync(segment_fd(c->to)) < 0)
			return err_errno(NULL, errno, "syncing a compacted segment");
		TRY(swap_places(c));
	}
	return drop_segment(c->store, segment_number(c->from));
}

static err compact_segment(struct store *store, uint64_t number, uint64_t size)
{
	struct compaction c = { .store = store, .size = size };
	int64_t begin = clock_tick_ms();

	TRY(segment_acquire(store->segments, number, &c.from));
	arena_init(&c.arena, NULL, 16 * LIMIT_MB);
	err e = empty_segment(&c);
	if (e.code == ERR_OK)
		log_event(EV_STORE_COMPACTED, LOG_INT("segment", number), LOG_INT("octets", size),
		          LOG_INT("kept_octets", c.offset), LOG_MS("ms", clock_tick_ms() - begin));
	atomic_store(&store->compacting_segment, 0);
	segment_release(c.from);
	segment_release(c.to);
	arena_reset(&c.arena);
	free(c.moves);
	return e;
}

/* --- choosing --- */

struct candidate {
	uint64_t number, live_octets;
};

/* The first sealed segment after `after` of which less than half is live. */
static err next_candidate(struct store *store, uint64_t after, struct candidate *out, uint64_t *size,
                          bool *found)
{
	struct database *db;
	bool more = false;
	enum query q = Q_SEGMENT_ALL;

	*found = false;
	TRY(readers_take(store->readers, &db));
	err e = db_start_values(db, q, NULL, 0);
	while (e.code == ERR_OK && !*found && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct candidate c = { db_u64(db, q, 0), (uint64_t)db_int(db, q, 1) };
		struct segment *segment;
		struct stat st = { 0 };
		if (c.number <= after || c.number == committer_current_segment(store->committer) ||
		    segment_acquire(store->segments, c.number, &segment).code != ERR_OK)
			continue;
		*found = fstat(segment_fd(segment), &st) == 0 && c.live_octets < (uint64_t)st.st_size / 2;
		segment_release(segment);
		*out = c;
		*size = (uint64_t)st.st_size;
	}
	db_end(db, q);
	readers_give(store->readers, db);
	return e;
}

static err compact_all(struct store *store)
{
	struct candidate c = { 0 };
	uint64_t size = 0;
	bool found;

	TRY(collect(store, clock_now() - (int64_t)store->options.limits.deleted_hours * HOUR_MS));
	do {
		TRY(next_candidate(store, c.number, &c, &size, &found));
		if (found) {
			err e = compact_segment(store, c.number, size);
			if (e.code != ERR_OK &&
			    e.code != ERR_CORRUPT) /* a damaged one stays; the others go on */
				return e;
		}
	} while (found);
	return OK;
}

err compact_run(struct store *store)
{
	pthread_mutex_lock(&store->compact_lock);
	err e = compact_all(store);
	pthread_mutex_unlock(&store->compact_lock);
	return e;
}
