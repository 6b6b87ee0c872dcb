#include "base/random.h"

#include <errno.h>
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

uint64_t random_u64(void)
{
	static _Thread_local uint64_t lot[32];
	static _Thread_local unsigned left;

	if (left == 0) {
		random_fill(lot, sizeof lot);
		left = sizeof lot / sizeof lot[0];
	}
	uint64_t n = lot[--left];
	lot[left] = 0; /* a value once given is nowhere in memory of ours */
	return n;
}
