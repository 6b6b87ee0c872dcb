#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"

enum { PARTS_MAX = 64, WRITE_BEHIND = 256 * 1024 };

void file_close(file *f)
{
	if (*f != FILE_NONE)
		close(*f);
	*f = FILE_NONE;
}

err file_open(struct arena *arena, str path, int flags, unsigned mode, file *out)
{
	char *z = arena_z(arena, path);

	if (!z)
		return ERR_NO_MEMORY;
	int fd = open(z, flags | O_CLOEXEC, (mode_t)mode);
	if (fd < 0)
		return err_errno(arena, errno, "%s", z);
	*out = fd;
	return OK;
}

err file_path(struct arena *arena, str directory, str name, str *out)
{
	struct buf path;

	buf_init(&path, arena, LIMIT_PATH_NAME);
	buf_add(&path, directory);
	buf_add_char(&path, '/');
	buf_add(&path, name);
	TRY(buf_err(&path));
	*out = buf_str(&path);
	return OK;
}

err file_read_all(struct arena *arena, str path, size_t max_octets, str *out)
{
	AUTO(file) f = FILE_NONE;
	struct stat st;

	TRY(file_open(arena, path, O_RDONLY, 0, &f));
	if (fstat(f, &st) < 0)
		return err_errno(arena, errno, STR_FMT, STR_ARG(path));
	/* A pipe or a file of /proc has no size beforehand, so the file is read to its end all the same. */
	size_t room =
		st.st_size > 0 && (uint64_t)st.st_size < max_octets ? (size_t)st.st_size + 1 : max_octets + 1;
	char *p = arena_alloc(arena, room);
	size_t used = 0;
	if (!p)
		return ERR_NO_MEMORY;
	while (used < room) {
		ssize_t n = read(f, p + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(arena, errno, STR_FMT, STR_ARG(path));
		if (n == 0)
			break;
		used += (size_t)n;
	}
	if (used > max_octets || used == room)
		return err_new(arena, ERR_LIMIT, STR_FMT ": longer than %zu octets", STR_ARG(path),
		               max_octets);
	*out = (str){ p, used };
	return OK;
}

err file_write_at(file f, const struct iovec *parts, size_t count, uint64_t offset)
{
	struct iovec now[PARTS_MAX];
	size_t at = 0, skip = 0; /* octets of parts[at] that are written */

	while (at < count) {
		size_t n = 0;
		for (; n < PARTS_MAX && at + n < count; n++)
			now[n] = parts[at + n];
		now[0].iov_base = (char *)now[0].iov_base + skip;
		now[0].iov_len -= skip;
		ssize_t w = pwritev(f, now, (int)n, (off_t)offset);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(NULL, errno, "writing");
		offset += (uint64_t)w;
		skip += (size_t)w;
		while (at < count && skip >= parts[at].iov_len)
			skip -= parts[at++].iov_len;
	}
	return OK;
}

err file_read_at(file f, void *out, size_t size, uint64_t offset)
{
	char *p = out;

	while (size) {
		ssize_t n = pread(f, p, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(NULL, errno, "reading");
		if (n == 0)
			return (err){ ERR_CORRUPT, 0, "the file ends too early" };
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return OK;
}

static str parent_of(str path)
{
	size_t slash = str_rfind_char(path, '/');

	return slash == path.len ? STR(".") : slash == 0 ? STR("/") : str_slice(path, 0, slash);
}

err directory_sync(struct arena *arena, str path)
{
	AUTO(file) d = FILE_NONE;

	TRY(file_open(arena, path, O_RDONLY | O_DIRECTORY, 0, &d));
	return fsync(d) == 0 ? OK : err_errno(arena, errno, "syncing " STR_FMT, STR_ARG(path));
}

void file_write_behind(file f, size_t *behind, size_t added)
{
	*behind += added;
	if (*behind < WRITE_BEHIND)
		return;
	*behind = 0;
	(void)sync_file_range(f, 0, 0, SYNC_FILE_RANGE_WRITE);
}

err directory_make(struct arena *arena, str path, unsigned mode)
{
	char *z = arena_z(arena, path);
	struct stat st;

	if (!z)
		return ERR_NO_MEMORY;
	if (mkdir(z, (mode_t)mode) == 0)
		return OK;
	int why = errno;
	if (why == EEXIST && stat(z, &st) == 0 && S_ISDIR(st.st_mode))
		return OK;
	return err_errno(arena, why, "making directory %s", z);
}

static err write_synced(struct arena *arena, str path, str content, unsigned mode)
{
	AUTO(file) f = FILE_NONE;
	struct iovec all = { (void *)(uintptr_t)content.ptr, content.len };

	TRY(file_open(arena, path, O_WRONLY | O_CREAT | O_TRUNC, mode, &f));
	if (content.len) {
		err e = file_write_at(f, &all, 1, 0);
		if (e.code != ERR_OK)
			return err_wrap(arena, e, STR_FMT, STR_ARG(path));
	}
	return fsync(f) == 0 ? OK : err_errno(arena, errno, "syncing " STR_FMT, STR_ARG(path));
}

err file_replace(struct arena *arena, str path, str content, unsigned mode)
{
	struct buf b;

	buf_init(&b, arena, path.len + 8);
	buf_add(&b, path);
	buf_add(&b, STR(".new"));
	TRY(buf_err(&b));
	TRY(write_synced(arena, buf_str(&b), content, mode));
	char *from = arena_z(arena, buf_str(&b)), *to = arena_z(arena, path);
	if (!from || !to)
		return ERR_NO_MEMORY;
	if (rename(from, to) < 0)
		return err_errno(arena, errno, "renaming %s to %s", from, to);
	return directory_sync(arena, parent_of(path));
}
