#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FD_MAX = 65536, OWN_FD_MIN = 900, IOV_MOST = 1026 };

/* What a descriptor was when last looked at; checked against fstat before it is believed, because
 * closes inside libc are not seen. */
struct seen {
	uint64_t inode;
	dev_t device;
	bool inside;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX]; /* without a final slash */
static size_t folder_len;
static const char *log_path;
static int log_fd = -1;
static pid_t log_pid;
static int64_t syncs;
static struct seen seen[FD_MAX];

static void give_up(const char *what)
{
	static const char head[] = "recorder: ";

	(void)!syscall(SYS_write, 2, head, sizeof head - 1);
	(void)!syscall(SYS_write, 2, what, strlen(what));
	(void)!syscall(SYS_write, 2, "\n", 1);
	_exit(97);
}

/* A descriptor of this process alone, out of the way of those the program counts on. */
static void log_open(void)
{
	int low =
		(int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (low < 0)
		give_up("can't open the log");
	log_fd = fcntl(low, F_DUPFD_CLOEXEC, OWN_FD_MIN);
	if (log_fd < 0)
		give_up("no descriptor for the log");
	(void)syscall(SYS_close, low);
	log_pid = getpid();
}

static void begin(void)
{
	const char *dir = getenv("RECORD_DIR");

	log_path = getenv("RECORD_LOG");
	if (log_path == NULL || dir == NULL)
		return;
	if (realpath(dir, folder) == NULL)
		give_up("RECORD_DIR is not there");
	folder_len = strlen(folder);
	log_open();
	record_lock();
	record_put((struct record_entry){ .kind = RECORD_START, .a = log_pid }, NULL, 0, "");
	record_unlock();
}

bool record_on(void)
{
	/* begin() itself comes back here through the calls that it makes. */
	static __thread bool inside;

	if (!inside) {
		inside = true;
		pthread_once(&once, begin);
		inside = false;
	}
	return log_fd >= 0;
}

void record_lock(void)
{
	pthread_mutex_lock(&mutex);
	/* After a fork the description is the parent's, and so would be its lock. */
	if (log_pid != getpid())
		log_open();
	while (flock(log_fd, LOCK_EX) != 0)
		if (errno != EINTR)
			give_up("can't lock the log");
}

void record_unlock(void)
{
	flock(log_fd, LOCK_UN);
	pthread_mutex_unlock(&mutex);
}

static size_t iovec_octets(const struct iovec *v, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

void record_put(struct record_entry entry, const struct iovec *first, int first_n, const char *second)
{
	struct iovec all[IOV_MOST];
	int n = 0;

	if (first_n > IOV_MOST - 2)
		give_up("too many pieces in one write");
	entry.first = (uint32_t)iovec_octets(first, first_n);
	entry.second = (uint32_t)strlen(second);
	entry.size = (uint32_t)sizeof entry + entry.first + entry.second;
	entry.pid = (uint32_t)log_pid;
	all[n++] = (struct iovec){ &entry, sizeof entry };
	for (int i = 0; i < first_n; i++)
		all[n++] = first[i];
	all[n++] = (struct iovec){ (char *)second, entry.second };
	if (syscall(SYS_writev, log_fd, all, n) != (long)entry.size)
		give_up("can't write the log");
}

int64_t record_sync_number(void) { return ++syncs; }

/* The part of an absolute path below the folder, or NULL. */
static const char *below(const char *path)
{
	if (strncmp(path, folder, folder_len) != 0)
		return NULL;
	if (path[folder_len] == '\0')
		return path + folder_len;
	return path[folder_len] == '/' ? path + folder_len + 1 : NULL;
}

static bool fd_path(int fd, char *out)
{
	char link[64];
	static const char gone[] = " (deleted)";

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	size_t tail = sizeof gone - 1;
	if ((size_t)n > tail && strcmp(out + n - tail, gone) == 0)
		out[(size_t)n - tail] = '\0';
	return true;
}

/* The folder is resolved, the last name is not: it may be new, or a link that is itself meant. */
bool record_path(int dirfd, const char *path, char *out)
{
	char joined[2 * PATH_MAX + 1];
	char start[PATH_MAX] = "";
	char real[PATH_MAX];

	if (path[0] != '/' &&
	    (dirfd == AT_FDCWD ? getcwd(start, sizeof start) == NULL : !fd_path(dirfd, start)))
		return false;
	if ((size_t)snprintf(joined, sizeof joined, "%s/%s", start, path) >= sizeof joined)
		return false;
	size_t len = strlen(joined);
	while (len > 1 && joined[len - 1] == '/')
		joined[--len] = '\0';
	char *last = strrchr(joined, '/');
	*last++ = '\0';
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
		last[-1] = '/';
		if (realpath(joined, real) == NULL)
			return false;
		last = real + strlen(real);
	} else if (realpath(joined[0] == '\0' ? "/" : joined, real) == NULL) {
		return false;
	}
	if ((size_t)snprintf(joined, sizeof joined, "%s%s%s", real, *last == '\0' ? "" : "/", last) >=
	    PATH_MAX)
		return false;
	const char *found = below(joined);
	if (found == NULL)
		return false;
	memmove(out, found, strlen(found) + 1);
	return true;
}

uint64_t record_inode(int fd)
{
	struct stat st;
	char path[PATH_MAX];

	if (fd < 0 || fd >= FD_MAX || fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return 0;
	struct seen *s = &seen[fd];
	if (s->inode != st.st_ino || s->device != st.st_dev)
		*s = (struct seen){ st.st_ino, st.st_dev, fd_path(fd, path) && below(path) != NULL };
	return s->inside ? st.st_ino : 0;
}

uint64_t record_socket(int fd, int64_t *port)
{
	struct stat st;
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode) ||
	    getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
		return 0;
	*port = 0;
	if (peer.ss_family == AF_INET)
		*port = ntohs(((struct sockaddr_in *)&peer)->sin_port);
	if (peer.ss_family == AF_INET6)
		*port = ntohs(((struct sockaddr_in6 *)&peer)->sin6_port);
	return st.st_ino;
}
