#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/batch.h"
#include "store/draft_internal.h"

enum { PATH_SIZE = 4096, FOLDER_IDS = 4096 };

static void folder_path(str files, uint64_t content_id, char *out, size_t size)
{
	snprintf(out, size, STR_FMT "/%" PRIu64, STR_ARG(files), content_id / FOLDER_IDS);
}

void content_file_path(str files, uint64_t content_id, char *out, size_t size)
{
	snprintf(out, size, STR_FMT "/%" PRIu64 "/%" PRIu64, STR_ARG(files), content_id / FOLDER_IDS,
	         content_id);
}

static err sync_folder(const char *path)
{
	AUTO(file) d = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (d < 0 || fsync(d) < 0)
		return err_errno(NULL, errno, "syncing a folder of messages");
	return OK;
}

err content_file_prepare(struct batch *b, struct file_move *move)
{
	char folder[PATH_SIZE], path[PATH_SIZE];

	folder_path(b->store->files, move->content_id, folder, sizeof folder);
	content_file_path(b->store->files, move->content_id, path, sizeof path);
	if (mkdir(folder, 0700) == 0) {
		char files[PATH_SIZE];
		snprintf(files, sizeof files, STR_FMT, STR_ARG(b->store->files));
		TRY(sync_folder(files));
	} else if (errno != EEXIST) {
		return err_errno(NULL, errno, "making a folder of messages");
	}
	if (rename(draft_path(move->draft), path) < 0)
		return err_errno(NULL, errno, "moving a message to its place");
	move->moved = true;
	return OK;
}

void content_file_undo(struct batch *b, struct file_move *move)
{
	char path[PATH_SIZE];

	if (!move->moved)
		return;
	content_file_path(b->store->files, move->content_id, path, sizeof path);
	unlink(path); /* nothing names it; at worst the next start removes it */
}

err content_files_sync(struct store *store, const struct file_move *moves)
{
	uint64_t synced = UINT64_MAX;
	char folder[PATH_SIZE];

	/* Ids ascend within a batch, so moves into one folder stand together. */
	for (const struct file_move *m = moves; m; m = m->next) {
		if (m->content_id / FOLDER_IDS == synced)
			continue;
		folder_path(store->files, m->content_id, folder, sizeof folder);
		TRY(sync_folder(folder));
		synced = m->content_id / FOLDER_IDS;
	}
	return OK;
}

/* Removes the plain files in `folder` whose name is a number from `from` on. */
static err remove_from(const char *folder, uint64_t from)
{
	DIR *d = opendir(folder);

	if (!d)
		return errno == ENOENT ? OK : err_errno(NULL, errno, "listing messages");
	for (struct dirent *entry; (entry = readdir(d));) {
		uint64_t n;
		if (str_to_u64(str_of(entry->d_name), UINT64_MAX, &n) && n >= from)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	closedir(d);
	return OK;
}

err content_files_recover(struct store *store, uint64_t next_content_id)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, STR_FMT, STR_ARG(store->spool));
	TRY(remove_from(path, 0));
	/* One batch takes ids of at most two folders; an older folder holds committed ids only. */
	for (uint64_t i = 0; i < 2; i++) {
		folder_path(store->files, next_content_id + i * FOLDER_IDS, path, sizeof path);
		TRY(remove_from(path, next_content_id));
	}
	return OK;
}
