#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_fill(void *octets, size_t size)
{
	char *p = octets;

	while (size) {
		ssize_t n = getrandom(p, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		size -= (size_t)n;
	}
}

static _Thread_local uint64_t lot[32];
static _Thread_local unsigned left;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A child has the forking thread's lot: used again, its numbers would be known, and those of its siblings. */
static void forget(void) { left = 0; }

static void forget_in_children(void) { pthread_atfork(NULL, NULL, forget); }

uint64_t random_u64(void)
{
	if (left == 0) {
		pthread_once(&once, forget_in_children);
		random_fill(lot, sizeof lot);
		left = sizeof lot / sizeof lot[0];
	}
	uint64_t n = lot[--left];
	lot[left] = 0; /* a value once given is nowhere in memory of ours */
	return n;
}
