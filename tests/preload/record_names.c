/* The recorder's calls that make, name and unname files and folders. */
#include "next.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_named(struct record_entry entry, const char *path, const char *second)
{
	struct iovec v = { (char *)path, strlen(path) };

	record_put(entry, &v, 1, second);
}

/* For calls that name one path below the folder: puts the entry if the call went well, and ends the lock. */
static int named_done(int r, struct record_entry entry, const char *path, const char *second)
{
	int saved = errno;

	if (r == 0)
		put_named(entry, path, second);
	record_unlock();
	errno = saved;
	return r;
}

static void put_opened(int fd, const char *path, bool existed, off_t size, int flags)
{
	uint64_t inode = record_inode(fd);
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
	struct record_entry entry = { .kind = existed ? RECORD_OPEN : RECORD_CREATE, .inode = inode };

	/* A synchronous descriptor would need its writes to count as synced; none is used, so none is
	 * modelled. */
	if ((flags & O_DSYNC) != 0)
		abort();
	put_named(unnamed ? (struct record_entry){ .kind = RECORD_CREATE, .inode = inode } : entry,
	          unnamed ? "" : path, "");
	if (existed && !unnamed && (flags & O_TRUNC) != 0 && size > 0)
		record_put((struct record_entry){ .kind = RECORD_TRUNCATE, .inode = inode }, NULL, 0, "");
}

static int open_recorded(int dirfd, const char *path, int flags, mode_t mode)
{
	char inside[PATH_MAX];
	struct stat st = { 0 };

	if (!record_on() || !record_path(dirfd, path, inside))
		return NEXT(openat)(dirfd, path, flags, mode);
	record_lock();
	bool existed = fstatat(dirfd, path, &st, 0) == 0;
	int fd = NEXT(openat)(dirfd, path, flags, mode);
	int saved = errno;
	if (fd >= 0 && record_inode(fd) != 0)
		put_opened(fd, inside, existed, st.st_size, flags);
	record_unlock();
	errno = saved;
	return fd;
}

static mode_t mode_of(int flags, va_list list)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

int openat(int dirfd, const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_recorded(dirfd, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return open_recorded(AT_FDCWD, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return open_recorded(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int openat64(int dirfd, const char *path, int flags, ...) __attribute__((alias("openat")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));

/* What a build with _FORTIFY_SOURCE calls instead where no mode is given. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

int __open_2(const char *path, int flags) { return open_recorded(AT_FDCWD, path, flags, 0); }
int __openat_2(int dirfd, const char *path, int flags) { return open_recorded(dirfd, path, flags, 0); }
int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
int __openat64_2(int dirfd, const char *path, int flags) __attribute__((alias("__openat_2")));

int truncate(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 ? -1 : ftruncate(fd, size);
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return r;
}

int truncate64(const char *path, off64_t size) __attribute__((alias("truncate")));

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	char from_in[PATH_MAX];
	char to_in[PATH_MAX];

	if (!record_on() || !record_path(from_fd, from, from_in) || !record_path(to_fd, to, to_in))
		return NEXT(renameat2)(from_fd, from, to_fd, to, flags);
	record_lock();
	int r = NEXT(renameat2)(from_fd, from, to_fd, to, flags);
	return named_done(r, (struct record_entry){ .kind = RECORD_RENAME, .c = flags }, from_in, to_in);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int dirfd, const char *path, int flags)
{
	char inside[PATH_MAX];

	if (!record_on() || !record_path(dirfd, path, inside))
		return NEXT(unlinkat)(dirfd, path, flags);
	record_lock();
	int r = NEXT(unlinkat)(dirfd, path, flags);
	return named_done(r, (struct record_entry){ .kind = RECORD_UNLINK }, inside, "");
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char *path)
{
	int r = unlink(path);

	return r != 0 && errno == EISDIR ? rmdir(path) : r;
}

static uint64_t inode_at(int dirfd, const char *path, int flags)
{
	struct stat st;

	return fstatat(dirfd, path, &st, flags) == 0 ? st.st_ino : 0;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	char inside[PATH_MAX];

	if (!record_on() || !record_path(to_fd, to, inside))
		return NEXT(linkat)(from_fd, from, to_fd, to, flags);
	record_lock();
	int r = NEXT(linkat)(from_fd, from, to_fd, to, flags);
	uint64_t inode = r == 0 ? inode_at(to_fd, to, AT_SYMLINK_NOFOLLOW) : 0;
	return named_done(r, (struct record_entry){ .kind = RECORD_LINK, .inode = inode }, inside, "");
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	char inside[PATH_MAX];

	if (!record_on() || !record_path(dirfd, path, inside))
		return NEXT(mkdirat)(dirfd, path, mode);
	record_lock();
	int r = NEXT(mkdirat)(dirfd, path, mode);
	uint64_t inode = r == 0 ? inode_at(dirfd, path, 0) : 0;
	return named_done(r, (struct record_entry){ .kind = RECORD_MKDIR, .inode = inode }, inside, "");
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
