/* The database anew from the records.
 *
 * It is made in DIRECTORY/rebuild and takes its place when it is whole. First every segment is walked and the
 * place of each record noted; then the directory's records are done again in the order of their commits, then
 * deliveries, newest first: where two claim one UID, the older belongs to a batch that failed, and where a
 * record has copies, the one in the newest segment counts. No segment is made the current one, so that
 * nothing is cut off and the next record goes into a new segment.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/batch.h"
#include "store/intent.h"
#include "store/queue_internal.h"
#include "store/segment_walk.h"
#include "store/verify.h"

enum { PATH_SIZE = 4096, ROWS_A_COMMIT = 10000, DIRECTORY_ARENA = 64 * 1024 * 1024 };

static const int64_t keep_homeless_ms = INT64_C(30) * 86400000;

struct place {
	uint64_t commit_number, content_id, offset;
	uint32_t segment; /* index into numbers */
	uint32_t front_size;
};

struct places {
	struct place *all;
	size_t count, room;
};

struct rebuild {
	struct arena *arena;
	str directory;
	str files;
	struct segments *segments;
	struct segment *open; /* the one read last */
	size_t open_index;
	uint64_t *numbers; /* of segments, ascending */
	int64_t *live;     /* their live octets */
	size_t segment_count;
	uint64_t mark;                /* of the store's records; 0: unknown */
	struct places rows, messages; /* records of the directory; deliveries */
	struct batch batch;           /* its database and arena */
	struct database db;
	char *octets;
	size_t room;
	size_t pending;                                 /* rows since the last COMMIT */
	uint64_t commit_number, content_id, account_id; /* the highest seen */
	int64_t now_ms;
	struct rebuild_report *report;
};

static uint64_t highest(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* --- finding the records --- */

static err add_place(struct places *p, struct place place)
{
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 4096;
		struct place *more = realloc(p->all, room * sizeof *more);
		if (!more)
			return ERR_NO_MEMORY;
		p->all = more;
		p->room = room;
	}
	p->all[p->count++] = place;
	return OK;
}

static err note_record(struct rebuild *r, size_t index, uint64_t offset, const struct record_head *h)
{
	struct place place = { h->commit_number, h->content_id, offset, (uint32_t)index,
		               (uint32_t)record_content_at(h) };

	r->commit_number = highest(r->commit_number, h->commit_number);
	r->content_id = highest(r->content_id, h->content_id);
	if (h->kind == RECORD_DIRECTORY)
		r->live[index] += (int64_t)record_size(h);
	return add_place(h->kind == RECORD_DIRECTORY ? &r->rows : &r->messages, place);
}

/* Room allocated ahead goes, as when a segment is sealed: compaction wants records up to the end. */
static err cut_zeros(struct segment *segment, const struct segment_walk *w, uint64_t gaps_before)
{
	return w->at < w->size && w->gaps == gaps_before ? segment_cut(segment, w->at) : OK;
}

static err walk(struct rebuild *r, size_t index, struct segment *segment)
{
	struct segment_walk w;
	struct record_head h;
	uint64_t offset = 0, gaps = 0;
	bool found;
	str front;

	TRY(segment_walk_begin(&w, segment_fd(segment), r->mark));
	err e;
	do {
		gaps = w.gaps;
		e = segment_walk_next(&w, &offset, &h, &front, &found);
		if (e.code == ERR_OK && found)
			e = note_record(r, index, offset, &h);
	} while (e.code == ERR_OK && found);
	if (e.code == ERR_OK)
		e = cut_zeros(segment, &w, gaps);
	r->report->gaps += w.gaps;
	segment_walk_end(&w);
	return e;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static err find_records(struct rebuild *r)
{
	TRY(segments_list(r->segments, r->arena, &r->numbers, &r->segment_count));
	if (r->segment_count)
		qsort(r->numbers, r->segment_count, sizeof *r->numbers, by_number);
	r->live = arena_new(r->arena, int64_t, r->segment_count + 1);
	if (!r->live)
		return ERR_NO_MEMORY;
	TRY(segments_find_mark(r->segments, r->numbers, r->segment_count, &r->mark));
	for (size_t i = 0; i < r->segment_count; i++) {
		struct segment *segment;
		TRY(segment_acquire(r->segments, r->numbers[i], &segment));
		err e = walk(r, i, segment);
		segment_release(segment);
		TRY(e);
	}
	return OK;
}

/* By commit, and within it as the records lie. */
static int by_commit(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->commit_number != y->commit_number)
		return x->commit_number < y->commit_number ? -1 : 1;
	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int newest_first(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->commit_number != y->commit_number)
		return x->commit_number > y->commit_number ? -1 : 1;
	if (x->content_id != y->content_id)
		return x->content_id > y->content_id ? -1 : 1;
	return (x->segment < y->segment) - (x->segment > y->segment);
}

/* --- doing them again --- */

static err read_front(struct rebuild *r, const struct place *p, struct record_head *h, str *intent)
{
	if (!r->open || r->open_index != p->segment) {
		segment_release(r->open);
		r->open = NULL;
		TRY(segment_acquire(r->segments, r->numbers[p->segment], &r->open));
		r->open_index = p->segment;
	}
	if (p->front_size > r->room) {
		char *more = realloc(r->octets, p->front_size);
		if (!more)
			return ERR_NO_MEMORY;
		r->octets = more;
		r->room = p->front_size;
	}
	TRY(file_read_at(segment_fd(r->open), r->octets, p->front_size, p->offset));
	TRY(record_head_parse((str){ r->octets, p->front_size }, h));
	*intent = (str){ r->octets + RECORD_HEAD_SIZE, h->intent_size };
	return OK;
}

static err commit_some(struct rebuild *r, size_t rows)
{
	r->pending += rows;
	if (r->pending < ROWS_A_COMMIT)
		return OK;
	r->pending = 0;
	TRY(db_commit(&r->db));
	int code = sqlite3_wal_checkpoint_v2(r->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code != SQLITE_OK)
		return db_error(&r->db, code);
	return db_begin(&r->db);
}

/* A row that contradicts what is there (a record before it is lost) is passed over and counted. */
static err redo_rows(struct rebuild *r, str intent)
{
	struct directory_row row;
	bool found = true;

	while (found) {
		TRY(intent_next_row(&r->batch.arena, &intent, &row, &found));
		if (!found)
			return OK;
		r->account_id = highest(r->account_id, row.account_id);
		err e = batch_put_row(&r->batch, &row);
		if (e.code == ERR_IO && (e.at & 0xff) == SQLITE_CONSTRAINT)
			r->report->gaps++;
		else
			TRY(e);
	}
	return OK;
}

static err redo_directory(struct rebuild *r)
{
	struct record_head h;
	str intent;

	if (r->rows.count)
		qsort(r->rows.all, r->rows.count, sizeof *r->rows.all, by_commit);
	for (size_t i = 0; i < r->rows.count; i++) {
		TRY(read_front(r, &r->rows.all[i], &h, &intent));
		TRY(redo_rows(r, intent));
		arena_reset(&r->batch.arena);
		TRY(commit_some(r, 1));
	}
	return OK;
}

static err has_mailbox(struct rebuild *r, const struct intent_target *t, bool *there)
{
	enum query q = Q_MAILBOX_GET;
	err e = db_start(&r->db, q, DB_INT(t->account_id), DB_INT(t->mailbox_id));

	if (e.code == ERR_OK)
		e = db_row(&r->db, q, there);
	db_end(&r->db, q);
	return e;
}

static err redo_target(struct rebuild *r, const struct record_head *h, int64_t received_ms,
                       const struct intent_target *t)
{
	bool there = false;

	r->account_id = highest(r->account_id, t->account_id);
	TRY(has_mailbox(r, t, &there));
	if (!there) {
		r->report->homeless++;
		return OK;
	}
	TRY(db_run(&r->db, Q_REBUILD_MESSAGE, DB_INT(t->account_id), DB_INT(t->mailbox_id), DB_INT(t->uid),
	           DB_INT(h->content_id), DB_INT(t->modseq), DB_INT(t->flags), DB_INT(received_ms),
	           DB_INT(t->prefix.len + h->content_size), DB_INT(RECORD_HEAD_SIZE + t->prefix_at),
	           DB_INT(t->prefix.len)));
	r->report->messages += db_changes(&r->db);
	return OK;
}

/* Whether they were sent stands in no record: they are held until a person says so. */
static err redo_recipients(struct rebuild *r, const struct record_head *h, const struct intent_message *m,
                           str intent, str in)
{
	struct intent_recipient to;

	for (size_t i = 0; i < m->queue_count; i++) {
		TRY(intent_next_recipient(intent, &in, &to));
		TRY(db_run(&r->db, Q_REBUILD_QUEUE, DB_INT(queue_id_of(h->content_id, i)), DB_TEXT(to.domain),
		           DB_TEXT(to.reverse_domain), DB_INT(m->envelope.sender), DB_INT(m->envelope.lane),
		           DB_INT(m->received_ms), DB_INT(m->envelope.expires_ms),
		           DB_INT(RECORD_HEAD_SIZE + to.at), DB_INT(to.size)));
		r->report->queued += db_changes(&r->db);
	}
	return OK;
}

static bool is_file_gone(const struct rebuild *r, const struct record_head *h)
{
	char path[PATH_SIZE];

	if (!(h->flags & RECORD_IN_FILE))
		return false;
	content_file_path(r->files, h->content_id, path, sizeof path);
	return access(path, F_OK) < 0 && errno == ENOENT;
}

static err redo_message(struct rebuild *r, const struct place *p, const struct record_head *h, str intent)
{
	struct intent_message m;
	struct intent_target t;
	str in = intent;

	if (is_file_gone(r, h)) {
		r->report->lost++;
		return OK;
	}
	TRY(intent_parse_message(&in, &m));
	TRY(db_run(&r->db, Q_REBUILD_CONTENT, DB_INT(h->content_id), DB_INT(r->numbers[p->segment]),
	           DB_INT(p->offset), DB_INT(record_content_at(h)), DB_INT(h->content_size), DB_INT(h->flags),
	           DB_INT(r->now_ms + keep_homeless_ms)));
	if (db_changes(&r->db) == 0)
		return OK; /* a copy of one that is there */
	r->live[p->segment] += (int64_t)record_size(h);
	for (size_t i = 0; i < m.target_count; i++) {
		TRY(intent_next_target(intent, &in, &t));
		TRY(redo_target(r, h, m.received_ms, &t));
	}
	TRY(redo_recipients(r, h, &m, intent, in));
	return commit_some(r, 1 + m.target_count + m.queue_count);
}

static err redo_messages(struct rebuild *r)
{
	struct record_head h;
	str intent;

	if (r->messages.count)
		qsort(r->messages.all, r->messages.count, sizeof *r->messages.all, newest_first);
	for (size_t i = 0; i < r->messages.count; i++) {
		TRY(read_front(r, &r->messages.all[i], &h, &intent));
		err e = redo_message(r, &r->messages.all[i], &h, intent);
		if (e.code == ERR_CORRUPT && e.at == 0) /* an intent, not the new database */
			r->report->gaps++;
		else
			TRY(e);
	}
	return OK;
}

static err count_accounts(struct rebuild *r)
{
	bool more = false;
	err e = db_start_values(&r->db, Q_ACCOUNT_COUNT, NULL, 0);

	if (e.code == ERR_OK)
		e = db_row(&r->db, Q_ACCOUNT_COUNT, &more);
	if (e.code == ERR_OK && more)
		r->report->accounts = db_u64(&r->db, Q_ACCOUNT_COUNT, 0);
	db_end(&r->db, Q_ACCOUNT_COUNT);
	return e;
}

/* Files above all records would be taken for leftovers at the next start: ids go on above them. */
static void note_files_in(struct rebuild *r, const char *folder)
{
	DIR *d = opendir(folder);

	for (struct dirent *entry; d && (entry = readdir(d));) {
		uint64_t n;
		if (str_to_u64(str_of(entry->d_name), INT64_MAX - 1, &n))
			r->content_id = highest(r->content_id, n);
	}
	if (d)
		closedir(d);
}

static void note_files(struct rebuild *r)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, STR_FMT, STR_ARG(r->files));
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		uint64_t n;
		if (!str_to_u64(str_of(entry->d_name), UINT64_MAX, &n))
			continue;
		snprintf(path, sizeof path, STR_FMT "/%" PRIu64, STR_ARG(r->files), n);
		note_files_in(r, path);
	}
	if (d)
		closedir(d);
}

static err finish_rows(struct rebuild *r)
{
	TRY(db_run_values(&r->db, Q_REPAIR_REFS, NULL, 0));
	TRY(db_run_values(&r->db, Q_REPAIR_MAILBOXES, NULL, 0));
	TRY(db_run(&r->db, Q_MAILBOX_RAISE, DB_INT(REBUILD_RAISE), DB_INT(UINT32_MAX)));
	for (size_t i = 0; i < r->segment_count; i++)
		TRY(db_run(&r->db, Q_SEGMENT_ADD_LIVE, DB_INT(r->numbers[i]), DB_INT(r->live[i])));
	TRY(db_run(&r->db, Q_BATCH_SET, DB_INT(0), DB_INT(r->commit_number), DB_INT(0), DB_INT(0),
	           DB_INT(r->content_id + 1), DB_INT(r->account_id + 1)));
	return count_accounts(r);
}

static err redo_all(struct rebuild *r)
{
	TRY(db_begin(&r->db));
	TRY(redo_directory(r));
	TRY(redo_messages(r));
	note_files(r);
	TRY(finish_rows(r));
	TRY(db_commit(&r->db));
	int code = sqlite3_wal_checkpoint_v2(r->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? OK : db_error(&r->db, code);
}

/* --- into its place --- */

static err path_to(struct rebuild *r, const char *name, const char **out)
{
	err e = err_new(r->arena, ERR_MISSING, STR_FMT "/%s", STR_ARG(r->directory), name);

	*out = e.what;
	return OK;
}

/* What a rebuild that was broken off left. */
static err empty_workplace(struct rebuild *r)
{
	static const char *const names[] = { "rebuild/postrider.db", "rebuild/postrider.db-wal",
		                             "rebuild/postrider.db-shm" };
	const char *path;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		TRY(path_to(r, names[i], &path));
		if (unlink(path) < 0 && errno != ENOENT)
			return err_errno(r->arena, errno, "removing %s", path);
	}
	return OK;
}

static err move(struct rebuild *r, const char *from, const char *to, bool *moved)
{
	const char *old, *new;

	TRY(path_to(r, from, &old));
	TRY(path_to(r, to, &new));
	*moved = rename(old, new) == 0;
	if (!*moved && errno != ENOENT)
		return err_errno(r->arena, errno, "renaming %s", old);
	return OK;
}

/* The WAL goes first: without its database it is nothing, and beside the new one it would be read into it. */
static err set_aside(struct rebuild *r)
{
	const char *shm, *aside;
	char name[64], wal[80];
	bool moved;

	snprintf(name, sizeof name, "postrider.db.damaged-%" PRId64, r->now_ms / 1000);
	snprintf(wal, sizeof wal, "%s-wal", name);
	TRY(path_to(r, "postrider.db-shm", &shm));
	TRY(path_to(r, name, &aside));
	TRY(move(r, "postrider.db-wal", wal, &moved));
	if (unlink(shm) < 0 && errno != ENOENT)
		return err_errno(r->arena, errno, "removing %s", shm);
	TRY(move(r, "postrider.db", name, &moved));
	r->report->set_aside = moved ? aside : NULL;
	return OK;
}

static err put_in_place(struct rebuild *r)
{
	const char *workplace;
	bool moved;

	TRY(set_aside(r));
	TRY(move(r, "rebuild/postrider.db", "postrider.db", &moved));
	if (!moved)
		return (err){ ERR_IO, 0, "the new database is not there" };
	TRY(path_to(r, "rebuild", &workplace));
	(void)rmdir(workplace);
	return directory_sync(r->arena, r->directory);
}

static err rebuild(struct rebuild *r)
{
	const char *workplace, *segments, *files;

	TRY(path_to(r, "rebuild", &workplace));
	TRY(path_to(r, "segments", &segments));
	TRY(path_to(r, "files", &files));
	r->files = str_of(files);
	TRY(directory_make(r->arena, str_of(workplace), 0700));
	TRY(empty_workplace(r));
	TRY(segments_open(r->arena, str_of(segments), &r->segments));
	TRY(find_records(r));
	TRY(database_open(r->arena, str_of(workplace), true, &r->db));
	r->batch.db = &r->db;
	err e = redo_all(r);
	db_rollback(&r->db);
	database_close(&r->db);
	TRY(e);
	return put_in_place(r);
}

err repair_rebuild(struct arena *arena, str directory, struct rebuild_report *out)
{
	struct rebuild_report report = { 0 };
	struct rebuild r = {
		.arena = arena, .directory = directory, .report = &report, .now_ms = clock_now()
	};

	arena_init(&r.batch.arena, NULL, DIRECTORY_ARENA);
	err e = rebuild(&r);
	arena_reset(&r.batch.arena);
	segment_release(r.open);
	if (r.segments)
		segments_close(r.segments);
	free(r.rows.all);
	free(r.messages.all);
	free(r.octets);
	TRY(e);
	*out = report;
	return OK;
}
