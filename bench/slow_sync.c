/* bench/slow_sync.c: preloaded into a server, it adds SLOW_SYNC_US microseconds to every fsync, fdatasync,
 * sync_file_range and msync, after the real one: an ordinary SSD becomes a disk whose cache honestly waits.
 * LD_PRELOAD=build/bench/slow_sync.so SLOW_SYNC_US=5000 postrider serve
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static void add_delay(void)
{
	const char *us = getenv("SLOW_SYNC_US");
	long delay = us != NULL ? strtol(us, NULL, 10) : 0;
	struct timespec left = { .tv_sec = delay / 1000000, .tv_nsec = delay % 1000000 * 1000 };
	int outcome = errno; /* of the real call */

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	errno = outcome;
}

PUBLIC int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	int outcome = real(fd);

	add_delay();
	return outcome;
}

PUBLIC int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	int outcome = real(fd);

	add_delay();
	return outcome;
}

PUBLIC int sync_file_range(int fd, off_t offset, off_t length, unsigned flags)
{
	int (*real)(int, off_t, off_t, unsigned) =
		(int (*)(int, off_t, off_t, unsigned))dlsym(RTLD_NEXT, "sync_file_range");
	int outcome = real(fd, offset, length, flags);

	add_delay();
	return outcome;
}

PUBLIC int msync(void *start, size_t length, int flags)
{
	int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
	int outcome = real(start, length, flags);

	add_delay();
	return outcome;
}
