#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "store/backup_internal.h"
#include "store/batch.h"
#include "store/copy.h"
#include "store/record.h"

enum { ONLY_NODE = 0, FILES_IN_FOLDER = 4096 };

const char *const backup_kept[BACKUP_KEPT] = { "auth.key", "auth.pairs" };

struct work {
	struct arena scratch; /* paths and sentences of one segment or file */
	const struct backup_way *way;
	struct database *db;
	struct backup_report report;
	uint64_t tail, tail_octets;     /* the segment that is being written, and how far it was committed */
	uint64_t looked_at, its_octets; /* the segment whose size is known */
	uint64_t folder;                /* of files/, the last one made; UINT64_MAX: none yet */
};

static err read_tail(struct work *w)
{
	bool found = false;
	err e = db_start(w->db, Q_BATCH_GET, DB_INT(ONLY_NODE));

	if (e.code == ERR_OK)
		e = db_row(w->db, Q_BATCH_GET, &found);
	if (e.code == ERR_OK && found) {
		w->tail = db_u64(w->db, Q_BATCH_GET, 1);
		w->tail_octets = db_u64(w->db, Q_BATCH_GET, 2);
	}
	db_end(w->db, Q_BATCH_GET);
	return e;
}

/* One that never changes again. */
static err bring_whole(struct work *w, const char *from, const char *to)
{
	uint64_t copied = 0;

	if (w->way->may_link && link_file(&w->scratch, from, to).code == ERR_OK) {
		w->report.linked++;
		return OK;
	}
	TRY(copy_file(&w->scratch, from, to, COPY_ALL, &copied));
	w->report.copied_octets += copied;
	return OK;
}

static void segment_path(const char *directory, uint64_t number, char *out)
{
	snprintf(out, BACKUP_PATH, "%s/segments/%" PRIu64 ".seg", directory, number);
}

static err bring_segment(struct work *w, uint64_t number)
{
	char from[BACKUP_PATH], to[BACKUP_PATH];
	uint64_t copied = 0;

	segment_path(w->way->from, number, from);
	segment_path(w->way->to, number, to);
	w->report.segments++;
	if (number != w->tail)
		return bring_whole(w, from, to);
	TRY(copy_file(&w->scratch, from, to, w->tail_octets, &copied));
	w->report.copied_octets += copied;
	return OK;
}

static err gone(struct work *w, err e)
{
	if (e.code == ERR_MISSING)
		e.code = ERR_CORRUPT;
	return e.code == ERR_CORRUPT ? err_wrap(&w->scratch, e, "rows name something that is gone or cut")
	                             : e;
}

static err bring_segments(struct work *w)
{
	char folder[BACKUP_PATH];
	bool more = false, tail_seen = w->tail == 0;

	snprintf(folder, sizeof folder, "%s/segments", w->way->to);
	TRY(folder_new(&w->scratch, folder));
	err e = db_start_values(w->db, Q_SEGMENT_ALL, NULL, 0);
	while (e.code == ERR_OK && (e = db_row(w->db, Q_SEGMENT_ALL, &more)).code == ERR_OK && more) {
		uint64_t number = db_u64(w->db, Q_SEGMENT_ALL, 0);
		tail_seen |= number == w->tail;
		arena_reset(&w->scratch);
		e = bring_segment(w, number);
	}
	db_end(w->db, Q_SEGMENT_ALL);
	if (e.code == ERR_OK && !tail_seen)
		e = bring_segment(w, w->tail);
	TRY(gone(w, e));
	return directory_sync(&w->scratch, str_of(folder));
}

static err file_folder(struct work *w, uint64_t content_id)
{
	char folder[BACKUP_PATH];

	if (content_id / FILES_IN_FOLDER == w->folder)
		return OK;
	/* Ids ascend, so a folder that is left is complete. */
	if (w->folder != UINT64_MAX) {
		snprintf(folder, sizeof folder, "%s/files/%" PRIu64, w->way->to, w->folder);
		TRY(directory_sync(&w->scratch, str_of(folder)));
	}
	w->folder = content_id / FILES_IN_FOLDER;
	snprintf(folder, sizeof folder, "%s/files/%" PRIu64, w->way->to, w->folder);
	return folder_new(&w->scratch, folder);
}

static err size_of(struct work *w, const char *path, uint64_t *out)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(&w->scratch, errno, "%s", path);
	*out = (uint64_t)st.st_size;
	return OK;
}

static err bring_file(struct work *w, uint64_t content_id, uint64_t size)
{
	char files[BACKUP_PATH], from[BACKUP_PATH], to[BACKUP_PATH];
	uint64_t octets = 0;

	TRY(file_folder(w, content_id));
	snprintf(files, sizeof files, "%s/files", w->way->from);
	content_file_path(str_of(files), content_id, from, sizeof from);
	snprintf(files, sizeof files, "%s/files", w->way->to);
	content_file_path(str_of(files), content_id, to, sizeof to);
	TRY(bring_whole(w, from, to));
	w->report.files++;
	TRY(size_of(w, to, &octets));
	return octets == size ? OK
	                      : err_new(&w->scratch, ERR_CORRUPT, "%s has not the size of its row", from);
}

/* Does the record of a row end within its segment? */
static err check_record(struct work *w, uint64_t segment, uint64_t end)
{
	char path[BACKUP_PATH];

	segment_path(w->way->to, segment, path);
	if (segment != w->looked_at) {
		TRY(size_of(w, path, &w->its_octets));
		w->looked_at = segment;
	}
	return end <= w->its_octets ? OK : err_new(&w->scratch, ERR_CORRUPT, "%s is cut", path);
}

static err bring_content(struct work *w, uint64_t content_id)
{
	enum query q = Q_CONTENT_PAGE;
	bool in_file = db_u64(w->db, q, 5) & RECORD_IN_FILE;
	uint64_t size = db_u64(w->db, q, 4);
	uint64_t end = db_u64(w->db, q, 2) + db_u64(w->db, q, 3) + (in_file ? 0 : size);

	arena_reset(&w->scratch);
	TRY(check_record(w, db_u64(w->db, q, 1), end));
	return in_file ? bring_file(w, content_id, size) : OK;
}

static err bring_files(struct work *w)
{
	enum query q = Q_CONTENT_PAGE;
	char folder[BACKUP_PATH];
	bool more = false;

	snprintf(folder, sizeof folder, "%s/files", w->way->to);
	TRY(folder_new(&w->scratch, folder));
	err e = db_start(w->db, q, DB_INT(0), DB_INT(INT64_MAX));
	while (e.code == ERR_OK && (e = db_row(w->db, q, &more)).code == ERR_OK && more)
		e = bring_content(w, db_u64(w->db, q, 0));
	db_end(w->db, q);
	TRY(gone(w, e));
	if (w->folder != UINT64_MAX) {
		char last[BACKUP_PATH];
		snprintf(last, sizeof last, "%s/files/%" PRIu64, w->way->to, w->folder);
		TRY(directory_sync(&w->scratch, str_of(last)));
	}
	return directory_sync(&w->scratch, str_of(folder));
}

static err count_messages(struct work *w)
{
	bool more = false;
	err e = db_start_values(w->db, Q_USAGE_ALL, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(w->db, Q_USAGE_ALL, &more)).code == ERR_OK && more) {
		w->report.messages += db_u64(w->db, Q_USAGE_ALL, 1);
		w->report.octets += db_u64(w->db, Q_USAGE_ALL, 2);
	}
	db_end(w->db, Q_USAGE_ALL);
	return e;
}

static err bring_kept(struct work *w)
{
	char from[BACKUP_PATH], to[BACKUP_PATH];

	for (size_t i = 0; i < BACKUP_KEPT; i++) {
		uint64_t copied = 0;
		snprintf(from, sizeof from, "%s/%s", w->way->from, backup_kept[i]);
		snprintf(to, sizeof to, "%s/%s", w->way->to, backup_kept[i]);
		err e = copy_file(&w->scratch, from, to, COPY_ALL, &copied);
		if (e.code != ERR_OK && e.code != ERR_MISSING)
			return e;
		w->report.copied_octets += copied;
	}
	return OK;
}

static err bring_all(struct work *w)
{
	char from[BACKUP_PATH], to[BACKUP_PATH];
	uint64_t copied = 0;

	TRY(read_tail(w));
	TRY(bring_segments(w));
	TRY(bring_files(w));
	TRY(bring_kept(w));
	snprintf(from, sizeof from, "%s/events", w->way->from);
	snprintf(to, sizeof to, "%s/events", w->way->to);
	TRY(copy_folder(&w->scratch, from, to, &copied));
	w->report.copied_octets += copied;
	return count_messages(w);
}

err backup_contents(struct arena *arena, const struct backup_way *way, struct database *db,
                    struct backup_report *out)
{
	struct work w = { .way = way, .db = db, .folder = UINT64_MAX };

	arena_init(&w.scratch, NULL, 64 * LIMIT_KB);
	err e = bring_all(&w);
	if (e.code != ERR_OK)
		e = err_wrap(arena, e, "%s", way->from);
	arena_reset(&w.scratch);
	TRY(e);
	*out = w.report;
	return OK;
}
