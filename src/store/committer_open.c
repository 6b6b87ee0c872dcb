/* Opening, recovering, and opening again after a failure. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "store/committer_internal.h"
#include "store/directory_internal.h"
#include "store/maintenance.h"
#include "store/segment_walk.h"

enum { FIRST_ID = 1 };

static err read_tail(struct committer *c, struct batch_tail *tail)
{
	enum query q = Q_BATCH_GET;
	bool found = false;
	struct batch_tail t = { .next_content_id = FIRST_ID, .next_account_id = FIRST_ID };
	err e = db_start(&c->db, q, DB_INT(c->store->options.node));

	if (e.code == ERR_OK)
		e = db_row(&c->db, q, &found);
	if (e.code == ERR_OK && found)
		t = (struct batch_tail){ db_u64(&c->db, q, 0), db_u64(&c->db, q, 1), db_u64(&c->db, q, 2),
			                 db_u64(&c->db, q, 3), db_u64(&c->db, q, 4) };
	db_end(&c->db, q);
	TRY(e);
	if (!found) { /* node numbers stand in the high 16 bits of ids */
		t.next_content_id |= (uint64_t)c->store->options.node << 48;
		t.next_account_id |= (uint64_t)c->store->options.node << 48;
	}
	/* Ids given to a batch whose COMMIT failed are not given again: its record may still lie somewhere.
	 */
	if (t.next_content_id < c->tail.next_content_id)
		t.next_content_id = c->tail.next_content_id;
	if (t.next_account_id < c->tail.next_account_id)
		t.next_account_id = c->tail.next_account_id;
	*tail = t;
	return OK;
}

static bool is_listed(const uint64_t *numbers, size_t count, uint64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* The numbers that the segment table knows, and their octets for status. */
static err known_segments(struct committer *c, struct arena *arena, uint64_t **numbers, size_t *count)
{
	enum query q = Q_SEGMENT_ALL;
	bool more = false;
	size_t used = 0, room = 1024;
	uint64_t *list = arena_new(arena, uint64_t, room);
	err e = db_start_values(&c->db, q, NULL, 0);

	while (list && e.code == ERR_OK && (e = db_row(&c->db, q, &more)).code == ERR_OK && more) {
		if (used == room) {
			uint64_t *bigger = arena_new(arena, uint64_t, room * 2);
			if (bigger)
				memcpy(bigger, list, used * sizeof *list);
			list = bigger;
			room *= 2;
		}
		if (list)
			list[used++] = db_u64(&c->db, q, 0);
	}
	db_end(&c->db, q);
	TRY(e);
	if (!list)
		return ERR_NO_MEMORY;
	*numbers = list;
	*count = used;
	return OK;
}

/* Files that no commit knows are from a batch or a compaction that a crash ended: nothing in them was
 * promised. */
static err remove_unknown_segments(struct committer *c, uint64_t *highest)
{
	struct arena arena;
	uint64_t *files = NULL, *known = NULL;
	size_t file_count = 0, known_count = 0;

	arena_init(&arena, NULL, 64 * LIMIT_MB);
	err e = segments_list(c->store->segments, &arena, &files, &file_count);
	if (e.code == ERR_OK)
		e = known_segments(c, &arena, &known, &known_count);
	*highest = c->tail.segment;
	for (size_t i = 0; e.code == ERR_OK && i < file_count; i++) {
		if (files[i] > *highest)
			*highest = files[i];
		if (files[i] != c->tail.segment && files[i] != atomic_load(&c->store->compacting_segment) &&
		    !is_listed(known, known_count, files[i]))
			e = segment_remove(c->store->segments, files[i]);
	}
	for (size_t i = 0; i < known_count; i++)
		if (known[i] > *highest)
			*highest = known[i];
	atomic_store(&c->store->segment_count, known_count);
	arena_reset(&arena);
	return e;
}

/* Opens the current segment and cuts what was never committed. A segment that is gone or too short is damage:
 * it is reported, and a new one begun; the rows that point there are verify's to judge. */
static err open_current_segment(struct committer *c)
{
	if (c->tail.segment == 0)
		return OK;
	err e = segment_acquire(c->store->segments, c->tail.segment, &c->segment);
	if (e.code == ERR_OK)
		e = segment_cut(c->segment, c->tail.offset);
	if (e.code == ERR_OK)
		return OK;
	segment_release(c->segment);
	c->segment = NULL;
	if (e.code != ERR_MISSING && e.code != ERR_CORRUPT)
		return e;
	store_report_damage(c->store, "segment", c->tail.segment, c->tail.offset, e.what);
	return OK;
}

/* The mark that the records have already; a new store, or one without a readable record, gets one. */
static err find_mark(struct committer *c)
{
	struct arena arena;
	uint64_t *files = NULL;
	size_t count = 0;

	if (c->store->record_mark)
		return OK;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	err e = segments_list(c->store->segments, &arena, &files, &count);
	if (e.code == ERR_OK)
		e = segments_find_mark(c->store->segments, files, count, &c->store->record_mark);
	while (e.code == ERR_OK && c->store->record_mark == 0)
		c->store->record_mark = random_u64() & RECORD_MARK_MAX;
	arena_reset(&arena);
	return e;
}

err committer_new_segment(struct committer *c)
{
	struct segment *fresh;
	uint64_t number = committer_new_segment_number(c);

	TRY(segment_create(c->store->segments, number, &fresh));
	segment_release(c->segment);
	c->segment = fresh;
	c->tail.segment = number;
	c->tail.offset = 0;
	atomic_store(&c->current_segment, number);
	atomic_fetch_add(&c->store->segment_count, 1);
	return OK;
}

static err load_directory(struct committer *c)
{
	struct directory *fresh;

	directory_work_free(c->directory);
	c->directory = NULL;
	TRY(directory_work_new(&c->directory));
	TRY(directory_work_load(c->directory, &c->db));
	TRY(directory_work_publish(c->directory, &fresh));
	pthread_mutex_lock(&c->store->directory_lock);
	struct directory *old = c->store->published;
	c->store->published = fresh;
	pthread_mutex_unlock(&c->store->directory_lock);
	directory_release(old);
	return OK;
}

static int wal_hook(void *user, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	maintenance_wal_grew(user, (uint64_t)frames * 4120); /* a page and its frame header */
	return SQLITE_OK;
}

/* After a failed sync of the WAL nothing in it may be relied on: its content goes into the database, which is
 * synced, and the WAL begins anew. At an ordinary start it is cheap and leaves the same clean state. */
static err restart_wal(struct committer *c)
{
	int code = sqlite3_wal_checkpoint_v2(c->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	/* Another process may be reading (verify, backup) while the server starts; that is no failure. */
	if (code == SQLITE_BUSY && !atomic_load(&c->store->why_not))
		return OK;
	return code == SQLITE_OK ? OK : db_error(&c->db, code);
}

/* Records without a database: it was lost, since it is durable before the first record is written. A new one
 * would know none of the segments and have them removed. */
static err refuse_lost_database(struct arena *arena, const struct committer *c)
{
	char path[LIMIT_PATH_NAME];
	uint64_t *numbers = NULL;
	size_t count = 0;

	snprintf(path, sizeof path, STR_FMT "/postrider.db", STR_ARG(c->store->directory));
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return OK;
	TRY(segments_list(c->store->segments, arena, &numbers, &count));
	return count == 0
	               ? OK
	               : err_new(arena, ERR_CORRUPT,
	                         "%s is missing, but there is mail; postrider verify --repair makes it anew",
	                         path);
}

err committer_open(struct arena *arena, struct committer *c)
{
	uint64_t highest = 0;

	TRY(refuse_lost_database(arena, c));
	TRY(database_open(arena, c->store->directory, true, &c->db));
	c->database_open = true;
	TRY(restart_wal(c));
	sqlite3_wal_hook(c->db.handle, wal_hook, c->store);
	atomic_store(&c->store->wal_octets, 0);
	TRY(read_tail(c, &c->tail));
	TRY(remove_unknown_segments(c, &highest));
	if (atomic_load(&c->next_segment) <= highest)
		atomic_store(&c->next_segment, highest + 1);
	atomic_store(&c->current_segment, c->tail.segment);
	TRY(open_current_segment(c));
	TRY(find_mark(c));
	TRY(content_files_recover(c->store, c->tail.next_content_id));
	pending_free(c->pending);
	c->pending = NULL;
	TRY(pending_load(&c->db, &c->pending));
	return load_directory(c);
}

void committer_close(struct committer *c)
{
	if (c->database_open)
		database_close(&c->db);
	c->database_open = false;
	segment_release(c->segment);
	c->segment = NULL;
	mailbox_states_forget(c->mailboxes);
}
