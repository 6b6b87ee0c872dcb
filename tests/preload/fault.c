#include "fault.h"
#include "next.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct call {
	enum fault_call kind;
	int fd;           /* -1: path, or neither */
	const char *path; /* NULL: neither */
	size_t octets;
};

enum verdict { PASS, FAIL, HALF };

static struct fault_control *control;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)syscall(SYS_close, fd);
	if (at != MAP_FAILED)
		control = at;
}

static bool path_fits(const struct fault_rule *rule, const struct call *call)
{
	char link[64];
	char path[PATH_MAX] = "";

	if (call->path != NULL)
		return fnmatch(rule->glob, call->path, 0) == 0;
	if (call->fd < 0)
		return true;
	snprintf(link, sizeof link, "/proc/self/fd/%d", call->fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	return n > 0 && fnmatch(rule->glob, path, 0) == 0;
}

static bool fits(const struct fault_rule *rule, const struct call *call)
{
	return (rule->calls & (uint32_t)call->kind) != 0 && call->octets >= rule->least &&
	       path_fits(rule, call);
}

/* splitmix64: well mixed, and the same for the same call of the same run. */
static bool chance(const struct fault_rule *rule, uint64_t n)
{
	uint64_t z = (n + 1) * 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (z ^ (z >> 31)) % FAULT_CHANCE_ALWAYS < rule->chance;
}

static void wait_us(uint32_t us)
{
	struct timespec t = { us / 1000000, (long)(us % 1000000) * 1000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR) {
	}
}

static enum verdict strike(struct fault_rule *rule)
{
	uint64_t nth = atomic_fetch_add(&rule->struck, 1);

	if (nth >= rule->count) {
		atomic_fetch_sub(&rule->struck, 1);
		return PASS;
	}
	if (rule->delay_us > 0)
		wait_us(rule->delay_us);
	if (rule->error == 0)
		return PASS;
	errno = rule->error;
	return rule->shortened != 0 && nth == 0 ? HALF : FAIL;
}

static enum verdict judge(struct call call)
{
	/* Matching a path may allocate: that is not the program's call. */
	static __thread bool inside;
	enum verdict v = PASS;
	int saved = errno;

	if (control == NULL || inside)
		return PASS;
	inside = true;
	for (int i = 0; i < FAULT_RULES && v == PASS; i++) {
		struct fault_rule *rule = &control->rules[i];
		if (rule->calls == 0 || !fits(rule, &call))
			continue;
		uint64_t n = atomic_fetch_add(&rule->met, 1);
		if (n >= rule->skip && chance(rule, n))
			v = strike(rule);
	}
	inside = false;
	if (v == PASS)
		errno = saved;
	return v;
}

static enum verdict judge_fd(enum fault_call kind, int fd, size_t octets)
{
	return judge((struct call){ kind, fd, NULL, octets });
}

static bool fails_path(enum fault_call kind, const char *path)
{
	return judge((struct call){ kind, -1, path, SIZE_MAX }) != PASS;
}

static size_t iovec_octets(const struct iovec *v, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

/* A disk that fills up in the middle of a write takes its first octets. */
static ssize_t write_half(int fd, struct iovec v, off_t at)
{
	size_t n = (v.iov_len + 1) / 2;

	return at < 0 ? NEXT(write)(fd, v.iov_base, n) : NEXT(pwrite)(fd, v.iov_base, n, at);
}

ssize_t write(int fd, const void *octets, size_t n)
{
	enum verdict v = judge_fd(FAULT_WRITE, fd, n);

	if (v == HALF)
		return write_half(fd, (struct iovec){ (void *)octets, n }, -1);
	return v == FAIL ? -1 : NEXT(write)(fd, octets, n);
}

ssize_t pwrite(int fd, const void *octets, size_t n, off_t at)
{
	enum verdict v = judge_fd(FAULT_WRITE, fd, n);

	if (v == HALF)
		return write_half(fd, (struct iovec){ (void *)octets, n }, at);
	return v == FAIL ? -1 : NEXT(pwrite)(fd, octets, n, at);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	enum verdict v = judge_fd(FAULT_WRITE, fd, iovec_octets(iov, n));

	if (v == HALF)
		return write_half(fd, iov[0], -1);
	return v == FAIL ? -1 : NEXT(writev)(fd, iov, n);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	enum verdict v = judge_fd(FAULT_WRITE, fd, iovec_octets(iov, n));

	if (v == HALF)
		return write_half(fd, iov[0], at);
	return v == FAIL ? -1 : NEXT(pwritev2)(fd, iov, n, at, flags);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at) { return pwritev2(fd, iov, n, at, 0); }

ssize_t pwrite64(int fd, const void *octets, size_t n, off64_t at) __attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at) __attribute__((alias("pwritev")));
ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
	__attribute__((alias("pwritev2")));

ssize_t read(int fd, void *octets, size_t n)
{
	return judge_fd(FAULT_READ, fd, n) != PASS ? -1 : NEXT(read)(fd, octets, n);
}

ssize_t pread(int fd, void *octets, size_t n, off_t at)
{
	return judge_fd(FAULT_READ, fd, n) != PASS ? -1 : NEXT(pread)(fd, octets, n, at);
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	return judge_fd(FAULT_READ, fd, iovec_octets(iov, n)) != PASS ? -1
	                                                              : NEXT(preadv2)(fd, iov, n, at, flags);
}

ssize_t pread64(int fd, void *octets, size_t n, off64_t at) __attribute__((alias("pread")));
ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
	__attribute__((alias("preadv2")));

int fsync(int fd) { return judge_fd(FAULT_FSYNC, fd, SIZE_MAX) != PASS ? -1 : NEXT(fsync)(fd); }

int fdatasync(int fd) { return judge_fd(FAULT_FDATASYNC, fd, SIZE_MAX) != PASS ? -1 : NEXT(fdatasync)(fd); }

int ftruncate(int fd, off_t size)
{
	return judge_fd(FAULT_TRUNCATE, fd, SIZE_MAX) != PASS ? -1 : NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t at, off_t n)
{
	return judge_fd(FAULT_FALLOCATE, fd, SIZE_MAX) != PASS ? -1 : NEXT(fallocate)(fd, mode, at, n);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	return judge_fd(FAULT_FALLOCATE, fd, SIZE_MAX) != PASS ? errno : NEXT(posix_fallocate)(fd, at, n);
}

int fallocate64(int fd, int mode, off64_t at, off64_t n) __attribute__((alias("fallocate")));
int posix_fallocate64(int fd, off64_t at, off64_t n) __attribute__((alias("posix_fallocate")));

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
	return fails_path(FAULT_OPEN, path) ? -1 : NEXT(openat)(dirfd, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	return openat(AT_FDCWD, path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...) __attribute__((alias("openat")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* What a build with _FORTIFY_SOURCE calls instead where no mode is given. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

int __open_2(const char *path, int flags) { return open(path, flags); }
int __openat_2(int dirfd, const char *path, int flags) { return openat(dirfd, path, flags); }
int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
int __openat64_2(int dirfd, const char *path, int flags) __attribute__((alias("__openat_2")));

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return fails_path(FAULT_RENAME, from) ? -1 : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* The connection waits on in the kernel's queue, as it does where descriptors have run out. */
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	return judge((struct call){ FAULT_ACCEPT, -1, NULL, SIZE_MAX }) != PASS
	               ? -1
	               : NEXT(accept4)(fd, address, len, flags);
}

int accept(int fd, struct sockaddr *address, socklen_t *len) { return accept4(fd, address, len, 0); }

int getpwuid_r(uid_t uid, struct passwd *entry, char *octets, size_t size, struct passwd **found)
{
	*found = NULL;
	return judge((struct call){ FAULT_LOGIN, -1, NULL, SIZE_MAX }) != PASS
	               ? errno
	               : NEXT(getpwuid_r)(uid, entry, octets, size, found);
}

/* dlsym allocates, so that these can't ask it for what comes next. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *old, size_t n);

static bool fails_malloc(size_t n) { return judge((struct call){ FAULT_MALLOC, -1, NULL, n }) != PASS; }

void *malloc(size_t n) { return fails_malloc(n) ? NULL : __libc_malloc(n); }

void *calloc(size_t n, size_t each)
{
	return fails_malloc(n > SIZE_MAX / (each + 1) ? SIZE_MAX : n * each) ? NULL : __libc_calloc(n, each);
}

void *realloc(void *old, size_t n) { return fails_malloc(n) ? NULL : __libc_realloc(old, n); }
