#include "store/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

enum { PATH_SIZE = 4096, PIECE = 64 * LIMIT_KB, RANGE = 1024 * LIMIT_MB };

/* One piece by read and write, for file systems that copy_file_range can't serve. */
static ssize_t copy_piece(file from, file to, uint64_t octets)
{
	char piece[PIECE];
	ssize_t n = read(from, piece, octets < sizeof piece ? (size_t)octets : sizeof piece);

	for (ssize_t done = 0; done < n;) {
		ssize_t w = write(to, piece + done, (size_t)(n - done));
		if (w < 0 && errno != EINTR)
			return -1;
		done += w > 0 ? w : 0;
	}
	return n;
}

static bool can_not_range(int why)
{
	return why == EXDEV || why == EINVAL || why == ENOSYS || why == EOPNOTSUPP || why == EPERM;
}

/* Copies up to `octets`, or to the end; *copied says how many. 0, or an errno. */
static int copy_octets(file from, file to, uint64_t octets, uint64_t *copied)
{
	bool by_range = true;
	uint64_t done = 0;

	while (done < octets) {
		uint64_t left = octets - done;
		ssize_t n = by_range ? copy_file_range(from, NULL, to, NULL, left < RANGE ? left : RANGE, 0)
		                     : copy_piece(from, to, left);
		/* Some file systems answer 0 instead of refusing. */
		if (by_range && ((n == 0 && done == 0) || (n < 0 && can_not_range(errno))))
			by_range = false;
		else if (n < 0 && errno != EINTR)
			return errno;
		else if (n == 0)
			break;
		else if (n > 0)
			done += (uint64_t)n;
	}
	*copied = done;
	return 0;
}

err copy_file(struct arena *arena, const char *from, const char *to, uint64_t octets, uint64_t *copied)
{
	AUTO(file) in = FILE_NONE;
	AUTO(file) out = FILE_NONE;
	uint64_t done = 0;

	TRY(file_open(arena, str_of(from), O_RDONLY | O_NOFOLLOW, 0, &in));
	TRY(file_open(arena, str_of(to), O_WRONLY | O_CREAT | O_EXCL, 0600, &out));
	int failed = copy_octets(in, out, octets, &done);
	if (failed)
		return err_errno(arena, failed, "copying %s to %s", from, to);
	if (octets != COPY_ALL && done < octets)
		return err_new(arena, ERR_CORRUPT, "%s is shorter than its rows say", from);
	if (fsync(out) < 0)
		return err_errno(arena, errno, "syncing %s", to);
	*copied = done;
	return OK;
}

err link_file(struct arena *arena, const char *from, const char *to)
{
	return link(from, to) == 0 ? OK : err_errno(arena, errno, "linking %s to %s", from, to);
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static err copy_entry(struct arena *arena, const char *from, const char *to, const char *name,
                      uint64_t *copied)
{
	char source[PATH_SIZE], target[PATH_SIZE];
	struct stat st;
	uint64_t octets = 0;

	snprintf(source, sizeof source, "%s/%s", from, name);
	snprintf(target, sizeof target, "%s/%s", to, name);
	if (lstat(source, &st) < 0 || !S_ISREG(st.st_mode))
		return OK; /* gone since: a day that expired */
	TRY(copy_file(arena, source, target, COPY_ALL, &octets));
	*copied += octets;
	return OK;
}

err copy_folder(struct arena *arena, const char *from, const char *to, uint64_t *copied)
{
	uint64_t sum = 0;
	err e = OK;

	TRY(folder_new(arena, to));
	DIR *d = opendir(from);
	if (!d && errno != ENOENT)
		return err_errno(arena, errno, "listing %s", from);
	for (struct dirent *entry; d && e.code == ERR_OK && (entry = readdir(d));)
		if (!is_dots(entry->d_name))
			e = copy_entry(arena, from, to, entry->d_name, &sum);
	if (d)
		closedir(d);
	TRY(e);
	*copied = sum;
	return directory_sync(arena, str_of(to));
}

err folder_new(struct arena *arena, const char *path)
{
	if (mkdir(path, 0700) == 0)
		return OK;
	if (errno == EEXIST)
		return err_new(arena, ERR_EXISTS, "%s is there already", path);
	return err_errno(arena, errno, "making %s", path);
}

err folder_is_used(struct arena *arena, const char *path, bool *out)
{
	bool used = false;
	DIR *d = opendir(path);

	if (!d && errno != ENOENT)
		return err_errno(arena, errno, "listing %s", path);
	for (struct dirent *entry; d && !used && (entry = readdir(d));)
		used = !is_dots(entry->d_name);
	if (d)
		closedir(d);
	*out = used;
	return OK;
}

err remove_tree(struct arena *arena, const char *path, unsigned depth)
{
	struct stat st;
	char below[PATH_SIZE];
	err e = OK;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? OK : err_errno(arena, errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return unlink(path) == 0 ? OK : err_errno(arena, errno, "removing %s", path);
	DIR *d = depth ? opendir(path) : NULL;
	if (!d)
		return err_errno(arena, depth ? errno : ENOTEMPTY, "removing %s", path);
	for (struct dirent *entry; e.code == ERR_OK && (entry = readdir(d));) {
		if (is_dots(entry->d_name))
			continue;
		snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		e = remove_tree(arena, below, depth - 1);
	}
	closedir(d);
	TRY(e);
	return rmdir(path) == 0 ? OK : err_errno(arena, errno, "removing %s", path);
}
