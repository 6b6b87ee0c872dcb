/* The recorder's calls that write octets, to files and to sockets.
 *
 * sync_file_range is let through unrecorded on purpose: it promises nothing about a power cut. */
#include "next.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
	int fd;
	const struct iovec *v;
	int n;
	off_t offset; /* -1: the descriptor's own position */
	int flags;
};

static ssize_t output_pass(const struct output *o)
{
	if (o->offset >= 0)
		return NEXT(pwritev2)(o->fd, o->v, o->n, o->offset, o->flags);
	if (o->n == 1)
		return NEXT(write)(o->fd, o->v[0].iov_base, o->v[0].iov_len);
	return NEXT(writev)(o->fd, o->v, o->n);
}

/* Puts an entry that carries the first `octets` of v. */
static void put_octets(struct record_entry entry, const struct iovec *v, int n, size_t octets)
{
	struct iovec cut[IOV_MAX];
	int cut_n = 0;

	for (int i = 0; i < n && octets > 0; i++) {
		cut[cut_n] = v[i];
		if (cut[cut_n].iov_len > octets)
			cut[cut_n].iov_len = octets;
		octets -= cut[cut_n++].iov_len;
	}
	record_put(entry, cut, cut_n, "");
}

static off_t next_offset(int fd, bool append)
{
	struct stat st;

	if (append || (fcntl(fd, F_GETFL) & O_APPEND) != 0)
		return fstat(fd, &st) == 0 ? st.st_size : 0;
	return lseek(fd, 0, SEEK_CUR);
}

static void put_sent(uint64_t inode, int64_t port, const struct iovec *v, int n, ssize_t sent)
{
	size_t shown = sent > RECORD_SENT_MAX ? RECORD_SENT_MAX : (size_t)sent;

	put_octets((struct record_entry){ .kind = RECORD_SENT, .inode = inode, .a = sent, .b = port }, v, n,
	           shown);
}

static ssize_t output(struct output o)
{
	int64_t port;

	if (!record_on())
		return output_pass(&o);
	uint64_t file = record_inode(o.fd);
	uint64_t socket = file != 0 ? 0 : record_socket(o.fd, &port);
	if (file == 0 && socket == 0)
		return output_pass(&o);

	record_lock();
	off_t at = file == 0 ? 0 : o.offset >= 0 ? o.offset : next_offset(o.fd, (o.flags & RWF_APPEND) != 0);
	ssize_t done = output_pass(&o);
	int saved = errno;
	if (done > 0 && file != 0)
		put_octets((struct record_entry){ .kind = RECORD_WRITE, .inode = file, .a = at }, o.v, o.n,
		           (size_t)done);
	if (done > 0 && socket != 0)
		put_sent(socket, port, o.v, o.n, done);
	record_unlock();
	errno = saved;
	return done;
}

ssize_t write(int fd, const void *octets, size_t n)
{
	return output((struct output){ fd, &(struct iovec){ (void *)octets, n }, 1, -1, 0 });
}

ssize_t writev(int fd, const struct iovec *v, int n) { return output((struct output){ fd, v, n, -1, 0 }); }

ssize_t pwrite(int fd, const void *octets, size_t n, off_t offset)
{
	return output((struct output){ fd, &(struct iovec){ (void *)octets, n }, 1, offset, 0 });
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset)
{
	return output((struct output){ fd, v, n, offset, 0 });
}

ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t offset, int flags)
{
	return output((struct output){ fd, v, n, offset, flags });
}

ssize_t pwrite64(int fd, const void *octets, size_t n, off64_t offset) __attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t offset) __attribute__((alias("pwritev")));
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t offset, int flags)
	__attribute__((alias("pwritev2")));

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	int64_t port;
	uint64_t inode = record_on() ? record_socket(fd, &port) : 0;

	if (inode == 0)
		return NEXT(sendmsg)(fd, m, flags);
	record_lock();
	ssize_t sent = NEXT(sendmsg)(fd, m, flags);
	int saved = errno;
	if (sent > 0)
		put_sent(inode, port, m->msg_iov, (int)m->msg_iovlen, sent);
	record_unlock();
	errno = saved;
	return sent;
}

ssize_t send(int fd, const void *octets, size_t n, int flags)
{
	struct iovec v = { (void *)octets, n };

	return sendmsg(fd, &(struct msghdr){ .msg_iov = &v, .msg_iovlen = 1 }, flags);
}

/* What the kernel copied into a file is read back, while the lock still keeps others from writing there. */
static void put_read_back(int fd, uint64_t inode, off_t at, size_t n)
{
	char link[64];
	char *octets = malloc(n);

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	int in = NEXT(openat)(AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
	if (octets == NULL || in < 0 || pread(in, octets, n, at) != (ssize_t)n)
		abort();
	struct iovec v = { octets, n };
	record_put((struct record_entry){ .kind = RECORD_WRITE, .inode = inode, .a = at }, &v, 1, "");
	close(in);
	free(octets);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	uint64_t inode = record_on() ? record_inode(out) : 0;

	if (inode == 0)
		return NEXT(copy_file_range)(in, in_at, out, out_at, n, flags);
	record_lock();
	off_t at = out_at != NULL ? *out_at : next_offset(out, false);
	ssize_t done = NEXT(copy_file_range)(in, in_at, out, out_at, n, flags);
	int saved = errno;
	if (done > 0)
		put_read_back(out, inode, at, (size_t)done);
	record_unlock();
	errno = saved;
	return done;
}

ssize_t sendfile(int out, int in, off_t *in_at, size_t n)
{
	int64_t port;
	uint64_t file = record_on() ? record_inode(out) : 0;
	uint64_t socket = record_on() && file == 0 ? record_socket(out, &port) : 0;

	if (file == 0 && socket == 0)
		return NEXT(sendfile)(out, in, in_at, n);
	record_lock();
	off_t at = file != 0 ? next_offset(out, false) : 0;
	ssize_t done = NEXT(sendfile)(out, in, in_at, n);
	int saved = errno;
	if (done > 0 && file != 0)
		put_read_back(out, file, at, (size_t)done);
	if (done > 0 && socket != 0)
		record_put(
			(struct record_entry){ .kind = RECORD_SENT, .inode = socket, .a = done, .b = port },
			NULL, 0, "");
	record_unlock();
	errno = saved;
	return done;
}

ssize_t sendfile64(int out, int in, off64_t *in_at, size_t n) __attribute__((alias("sendfile")));

int ftruncate(int fd, off_t size)
{
	uint64_t inode = record_on() ? record_inode(fd) : 0;

	if (inode == 0)
		return NEXT(ftruncate)(fd, size);
	record_lock();
	int r = NEXT(ftruncate)(fd, size);
	int saved = errno;
	if (r == 0)
		record_put((struct record_entry){ .kind = RECORD_TRUNCATE, .inode = inode, .a = size }, NULL,
		           0, "");
	record_unlock();
	errno = saved;
	return r;
}

int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t at, off_t n)
{
	uint64_t inode = record_on() ? record_inode(fd) : 0;

	if (inode == 0)
		return NEXT(fallocate)(fd, mode, at, n);
	record_lock();
	int r = NEXT(fallocate)(fd, mode, at, n);
	int saved = errno;
	if (r == 0)
		record_put((struct record_entry){ .kind = RECORD_FALLOCATE,
		                                  .inode = inode,
		                                  .a = at,
		                                  .b = n,
		                                  .c = (uint32_t)mode },
		           NULL, 0, "");
	record_unlock();
	errno = saved;
	return r;
}

int fallocate64(int fd, int mode, off64_t at, off64_t n) __attribute__((alias("fallocate")));

int posix_fallocate(int fd, off_t at, off_t n) { return fallocate(fd, 0, at, n) == 0 ? 0 : errno; }

int posix_fallocate64(int fd, off64_t at, off64_t n) __attribute__((alias("posix_fallocate")));

void *mmap(void *hint, size_t n, int prot, int flags, int fd, off_t at)
{
	uint64_t inode = 0;

	if (fd >= 0 && (prot & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0 && record_on())
		inode = record_inode(fd);
	if (inode != 0) {
		record_lock();
		record_put((struct record_entry){ .kind = RECORD_MMAP, .inode = inode }, NULL, 0, "");
		record_unlock();
	}
	return NEXT(mmap)(hint, n, prot, flags, fd, at);
}

void *mmap64(void *hint, size_t n, int prot, int flags, int fd, off64_t at) __attribute__((alias("mmap")));
