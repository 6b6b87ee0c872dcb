#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/backup_internal.h"
#include "store/copy.h"

/* DIRECTORY/restore.partial is there from before the first change until after the last: a data directory
 * with it is not served, and what else of a store stands there came from that restore. */
#define PARTIAL "restore.partial"

/* Far more than a mailbox gets between a backup and the day it is needed. UIDs are of 32 bits (RFC 9051
 * §2.3.1.1). */
static const int64_t raise_by = INT64_C(1) << 20, uid_highest = INT64_C(4294967295);

/* In the order of their moving; without the rows there is no store. */
static const char *const parts[] = { "segments", "files", "events", "postrider.db" };
enum { PARTS = sizeof parts / sizeof parts[0], ROWS = PARTS - 1 };

static void path_in(str directory, const char *name, char *out)
{
	snprintf(out, BACKUP_PATH, STR_FMT "/%s", STR_ARG(directory), name);
}

static err is_interrupted(struct arena *arena, str directory, bool *out)
{
	char path[BACKUP_PATH];

	path_in(directory, PARTIAL, path);
	if (access(path, F_OK) == 0)
		*out = true;
	else if (errno == ENOENT)
		*out = false;
	else
		return err_errno(arena, errno, "%s", path);
	return OK;
}

err restore_check(struct arena *arena, str directory)
{
	bool interrupted = false;

	TRY(is_interrupted(arena, directory, &interrupted));
	return interrupted ? err_new(arena, ERR_CORRUPT,
	                             "a restore into " STR_FMT
	                             " did not come to its end; run `postrider restore` again",
	                             STR_ARG(directory))
	                   : OK;
}

static err check_free(struct arena *arena, str directory)
{
	char path[BACKUP_PATH];
	bool used = false;

	for (size_t i = 0; i < ROWS && !used; i++) {
		path_in(directory, parts[i], path);
		TRY(folder_is_used(arena, path, &used));
	}
	path_in(directory, parts[ROWS], path);
	if (!used && access(path, F_OK) < 0)
		return OK;
	return err_new(arena, ERR_EXISTS,
	               STR_FMT " holds a store already; nothing was changed. Rename it, or name another "
	                       "data_dir in the configuration",
	               STR_ARG(directory));
}

/* Takes away what a restore that was cut short has left; the mark goes last. */
static err remove_interrupted(struct arena *arena, str directory)
{
	static const char *const rests[] = {
		"postrider.db", "postrider.db-wal", "postrider.db-shm", "segments", "files", "events"
	};
	char path[BACKUP_PATH];

	for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
		path_in(directory, rests[i], path);
		TRY(remove_tree(arena, path, BACKUP_DEPTH));
	}
	TRY(directory_sync(arena, directory));
	path_in(directory, PARTIAL, path);
	return remove_tree(arena, path, BACKUP_DEPTH);
}

/* Everything in one transaction, and out of the WAL, so that the file alone is the database. */
static err raise_numbers(struct database *db)
{
	TRY(db_begin(db));
	err e = db_run(db, Q_MAILBOX_RAISE, DB_INT(raise_by), DB_INT(uid_highest));
	if (e.code == ERR_OK)
		e = db_run(db, Q_BATCH_RAISE, DB_INT(raise_by));
	if (e.code == ERR_OK)
		e = db_commit(db);
	if (e.code != ERR_OK) {
		db_rollback(db);
		return e;
	}
	int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? OK : db_error(db, code);
}

static err fill(struct arena *arena, str from, const char *partial, struct backup_report *out)
{
	char source[BACKUP_PATH], rows[BACKUP_PATH];
	struct backup_way way = { .from = source, .to = partial };
	struct database db;
	uint64_t copied = 0;

	path_in(from, parts[ROWS], rows);
	path_in(str_of(partial), parts[ROWS], source);
	TRY(copy_file(arena, rows, source, COPY_ALL, &copied));
	snprintf(source, sizeof source, STR_FMT, STR_ARG(from));
	TRY(database_open(arena, str_of(partial), true, &db));
	err e = backup_contents(arena, &way, &db, out);
	if (e.code == ERR_OK)
		e = raise_numbers(&db);
	database_close(&db);
	out->copied_octets += copied;
	TRY(e);
	return directory_sync(arena, str_of(partial));
}

static err move_kept(struct arena *arena, str directory, const char *partial)
{
	char from[BACKUP_PATH], to[BACKUP_PATH];

	for (size_t i = 0; i < BACKUP_KEPT; i++) {
		path_in(str_of(partial), backup_kept[i], from);
		path_in(directory, backup_kept[i], to);
		if (rename(from, to) < 0 && errno != ENOENT)
			return err_errno(arena, errno, "renaming %s to %s", from, to);
	}
	return OK;
}

/* The rows go last, and behind a sync: where they are, everything else is. */
static err move_in(struct arena *arena, str directory, const char *partial)
{
	char from[BACKUP_PATH], to[BACKUP_PATH];

	TRY(move_kept(arena, directory, partial));
	for (size_t i = 0; i < PARTS; i++) {
		if (i == ROWS)
			TRY(directory_sync(arena, directory));
		path_in(str_of(partial), parts[i], from);
		path_in(directory, parts[i], to);
		if (rename(from, to) < 0)
			return err_errno(arena, errno, "renaming %s to %s", from, to);
	}
	TRY(directory_sync(arena, directory));
	TRY(remove_tree(arena, partial, BACKUP_DEPTH));
	return directory_sync(arena, directory);
}

static err check_backup(struct arena *arena, str from)
{
	char rows[BACKUP_PATH];

	path_in(from, parts[ROWS], rows);
	return access(rows, R_OK) == 0
	               ? OK
	               : err_errno(arena, errno, "there is no backup that can be read: %s", rows);
}

err store_restore(struct arena *arena, str from, str directory, struct backup_report *out)
{
	char partial[BACKUP_PATH];
	bool interrupted = false;
	struct backup_report report = { 0 };

	if (from.len + 64 >= BACKUP_PATH || directory.len + 64 >= BACKUP_PATH)
		return err_new(arena, ERR_LIMIT, "the folder's name is too long");
	TRY(is_interrupted(arena, directory, &interrupted));
	if (!interrupted)
		TRY(check_free(arena, directory));
	TRY(check_backup(arena, from));
	if (interrupted)
		TRY(remove_interrupted(arena, directory));
	path_in(directory, PARTIAL, partial);
	TRY(folder_new(arena, partial));
	TRY(directory_sync(arena, directory));
	err e = fill(arena, from, partial, &report);
	if (e.code != ERR_OK) {
		/* Nothing took its place yet: without the mark the data directory is as it was. */
		err left = remove_tree(arena, partial, BACKUP_DEPTH);
		(void)left;
		return e;
	}
	TRY(move_in(arena, directory, partial));
	*out = report;
	return OK;
}
