/* tests/preload/clock.c: a wall clock that a test puts forward. CLOCK_CONTROL names a file of eight octets:
 * by how many milliseconds the process is ahead of the machine, from now on. A test writes them while it
 * runs.
 *
 * The clock that only goes forward stays as it is, since the kernel waits by it: time-outs last as long as
 * ever, and whoever sleeps until some time of day sleeps on. */
#include "next.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, NS_PER_MS = 1000000, MS_PER_S = 1000 };

static const _Atomic int64_t *ahead_ms;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CLOCK_CONTROL");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		ahead_ms = at;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int result = NEXT(clock_gettime)(clock, t);

	if (result != 0 || clock != CLOCK_REALTIME || ahead_ms == NULL)
		return result;
	int64_t ahead = atomic_load(ahead_ms), ns = t->tv_nsec + ahead % MS_PER_S * NS_PER_MS;
	t->tv_sec += ahead / MS_PER_S + ns / NS_PER_S;
	t->tv_nsec = ns % NS_PER_S;
	return 0;
}
