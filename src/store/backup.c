#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/backup_internal.h"
#include "store/copy.h"
#include "store/hold.h"

struct backup {
	struct arena *arena;
	str directory;
	char from[BACKUP_PATH], to[BACKUP_PATH], partial[BACKUP_PATH], rows[BACKUP_PATH];
	str parent; /* of `to` */
};

static err name_places(struct arena *arena, str directory, str to, struct backup *b)
{
	while (to.len > 1 && to.ptr[to.len - 1] == '/')
		to.len--;
	/* Names of segments and files are longer by less than 64 octets. */
	if (to.len == 0 || to.len + 64 >= BACKUP_PATH || directory.len + 64 >= BACKUP_PATH)
		return err_new(arena, ERR_LIMIT, "\"" STR_FMT "\" can't be a folder's name", STR_ARG(to));
	snprintf(b->from, sizeof b->from, STR_FMT, STR_ARG(directory));
	snprintf(b->to, sizeof b->to, STR_FMT, STR_ARG(to));
	snprintf(b->partial, sizeof b->partial, STR_FMT ".partial", STR_ARG(to));
	snprintf(b->rows, sizeof b->rows, STR_FMT ".partial/postrider.db", STR_ARG(to));
	size_t slash = str_rfind_char(to, '/');
	b->parent = slash == to.len ? STR(".") : slash == 0 ? STR("/") : str_slice(to, 0, slash);
	return OK;
}

static err check_free(struct arena *arena, const struct backup *b)
{
	struct stat st;
	bool used = false;

	if (lstat(b->to, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_new(arena, ERR_EXISTS, "%s is there already and no folder; name another", b->to);
	TRY(folder_is_used(arena, b->to, &used));
	if (used)
		return err_new(arena, ERR_EXISTS,
		               "%s is not empty; nothing was changed. Name a folder that is not there yet",
		               b->to);
	err e = folder_new(arena, b->partial);
	if (e.code == ERR_EXISTS)
		return err_new(arena, ERR_EXISTS,
		               "%s is there: another backup runs, or one was cut short. In that case remove "
		               "it and try again",
		               b->partial);
	return e;
}

/* All pages as of one commit: one step reads within one transaction. The copy is synced by hand afterwards,
 * so it needs no journal of its own. */
static err copy_pages(struct arena *arena, struct database *source, const char *path)
{
	sqlite3 *copy = NULL;
	int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_exec(copy, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL,
		                    NULL);
	sqlite3_backup *backup =
		code == SQLITE_OK ? sqlite3_backup_init(copy, "main", source->handle, "main") : NULL;
	if (backup) {
		(void)sqlite3_backup_step(backup, -1);
		code = sqlite3_backup_finish(backup);
	} else if (code == SQLITE_OK) {
		code = sqlite3_errcode(copy);
	}
	sqlite3_close(copy);
	return code == SQLITE_OK ? OK : err_wrap(arena, db_error(source, code), "copying rows to %s", path);
}

static err sync_rows(struct arena *arena, const char *path)
{
	AUTO(file) f = FILE_NONE;

	TRY(file_open(arena, str_of(path), O_RDWR, 0, &f));
	return fsync(f) == 0 ? OK : err_errno(arena, errno, "syncing %s", path);
}

static err copy_rows(const struct backup *b)
{
	struct database source;
	AUTO(file) hold = FILE_NONE;

	TRY(hold_take(b->arena, b->directory, HOLD_CHECKPOINTS, &hold));
	TRY(database_open(b->arena, b->directory, false, &source));
	err e = copy_pages(b->arena, &source, b->rows);
	database_close(&source);
	TRY(e);
	return sync_rows(b->arena, b->rows);
}

static err fill(const struct backup *b, struct backup_report *out)
{
	const struct backup_way way = { .from = b->from, .to = b->partial, .may_link = true };
	AUTO(file) hold = FILE_NONE;
	struct database rows;
	struct stat st;

	TRY(hold_take(b->arena, b->directory, HOLD_COMPACTION, &hold));
	TRY(copy_rows(b));
	TRY(database_open(b->arena, str_of(b->partial), false, &rows));
	err e = backup_contents(b->arena, &way, &rows, out);
	database_close(&rows);
	TRY(e);
	if (stat(b->rows, &st) < 0)
		return err_errno(b->arena, errno, "%s", b->rows);
	out->copied_octets += (uint64_t)st.st_size;
	TRY(sync_rows(b->arena, b->rows));
	return directory_sync(b->arena, str_of(b->partial));
}

static err check_store(struct arena *arena, const struct backup *b)
{
	char rows[BACKUP_PATH + 16];

	snprintf(rows, sizeof rows, "%s/postrider.db", b->from);
	return access(rows, F_OK) == 0 ? OK
	                               : err_errno(arena, errno, "there is no store to back up: %s", rows);
}

err store_backup_begin(struct arena *arena, str directory, str to, struct backup **out)
{
	struct backup *b = arena_new(arena, struct backup, 1);

	if (!b)
		return ERR_NO_MEMORY;
	b->arena = arena;
	b->directory = directory;
	TRY(name_places(arena, directory, to, b));
	TRY(restore_check(arena, directory));
	TRY(check_store(arena, b));
	TRY(check_free(arena, b));
	*out = b;
	return OK;
}

const char *store_backup_folder(const struct backup *b) { return b->partial; }

err store_backup_fill(struct backup *b, struct backup_report *out)
{
	struct backup_report report = { 0 };
	err e = fill(b, &report);

	if (e.code != ERR_OK) {
		err left = remove_tree(b->arena, b->partial, BACKUP_DEPTH);
		(void)left; /* what stays is named .partial, and the next backup says so */
		return e;
	}
	*out = report;
	return OK;
}

err store_backup_end(struct backup *b)
{
	if (rename(b->partial, b->to) < 0)
		return err_errno(b->arena, errno, "renaming %s to %s", b->partial, b->to);
	return directory_sync(b->arena, b->parent);
}

void store_backup_abandon(struct backup *b) { (void)rmdir(b->partial); }
