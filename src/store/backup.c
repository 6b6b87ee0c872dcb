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

struct places {
	char from[BACKUP_PATH], to[BACKUP_PATH], partial[BACKUP_PATH], rows[BACKUP_PATH];
	str parent; /* of `to` */
};

static err name_places(struct arena *arena, str directory, str to, struct places *p)
{
	while (to.len > 1 && to.ptr[to.len - 1] == '/')
		to.len--;
	/* Names of segments and files are longer by less than 64 octets. */
	if (to.len == 0 || to.len + 64 >= BACKUP_PATH || directory.len + 64 >= BACKUP_PATH)
		return err_new(arena, ERR_LIMIT, "\"" STR_FMT "\" can't be a folder's name", STR_ARG(to));
	snprintf(p->from, sizeof p->from, STR_FMT, STR_ARG(directory));
	snprintf(p->to, sizeof p->to, STR_FMT, STR_ARG(to));
	snprintf(p->partial, sizeof p->partial, STR_FMT ".partial", STR_ARG(to));
	snprintf(p->rows, sizeof p->rows, STR_FMT ".partial/postrider.db", STR_ARG(to));
	size_t slash = str_rfind_char(to, '/');
	p->parent = slash == to.len ? STR(".") : slash == 0 ? STR("/") : str_slice(to, 0, slash);
	return OK;
}

static err check_free(struct arena *arena, const struct places *p)
{
	struct stat st;
	bool used = false;

	if (lstat(p->to, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_new(arena, ERR_EXISTS, "%s is there already and no folder; name another", p->to);
	TRY(folder_is_used(arena, p->to, &used));
	if (used)
		return err_new(arena, ERR_EXISTS,
		               "%s is not empty; nothing was changed. Name a folder that is not there yet",
		               p->to);
	err e = folder_new(arena, p->partial);
	if (e.code == ERR_EXISTS)
		return err_new(arena, ERR_EXISTS,
		               "%s is there: another backup runs, or one was cut short. In that case remove "
		               "it and try again",
		               p->partial);
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

static err copy_rows(struct arena *arena, str directory, const struct places *p)
{
	struct database source;
	AUTO(file) hold = FILE_NONE;

	TRY(hold_take(arena, directory, HOLD_CHECKPOINTS, &hold));
	TRY(database_open(arena, directory, false, &source));
	err e = copy_pages(arena, &source, p->rows);
	database_close(&source);
	TRY(e);
	return sync_rows(arena, p->rows);
}

static err fill(struct arena *arena, str directory, const struct places *p, struct backup_report *out)
{
	const struct backup_way way = { .from = p->from, .to = p->partial, .may_link = true };
	AUTO(file) hold = FILE_NONE;
	struct database rows;
	struct stat st;

	TRY(hold_take(arena, directory, HOLD_COMPACTION, &hold));
	TRY(copy_rows(arena, directory, p));
	TRY(database_open(arena, str_of(p->partial), false, &rows));
	err e = backup_contents(arena, &way, &rows, out);
	database_close(&rows);
	TRY(e);
	if (stat(p->rows, &st) < 0)
		return err_errno(arena, errno, "%s", p->rows);
	out->copied_octets += (uint64_t)st.st_size;
	TRY(sync_rows(arena, p->rows));
	return directory_sync(arena, str_of(p->partial));
}

static err check_store(struct arena *arena, const struct places *p)
{
	char rows[BACKUP_PATH + 16];

	snprintf(rows, sizeof rows, "%s/postrider.db", p->from);
	return access(rows, F_OK) == 0 ? OK
	                               : err_errno(arena, errno, "there is no store to back up: %s", rows);
}

err store_backup(struct arena *arena, str directory, str to, struct backup_report *out)
{
	struct places p;
	struct backup_report report = { 0 };

	TRY(name_places(arena, directory, to, &p));
	TRY(restore_check(arena, directory));
	TRY(check_store(arena, &p));
	TRY(check_free(arena, &p));
	err e = fill(arena, directory, &p, &report);
	if (e.code == ERR_OK && rename(p.partial, p.to) < 0)
		e = err_errno(arena, errno, "renaming %s to %s", p.partial, p.to);
	if (e.code != ERR_OK) {
		err left = remove_tree(arena, p.partial, BACKUP_DEPTH);
		(void)left; /* what stays is named .partial, and the next backup says so */
		return e;
	}
	TRY(directory_sync(arena, p.parent));
	*out = report;
	return OK;
}
