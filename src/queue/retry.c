#include "queue/retry.h"

#include "base/limits.h"

/* A fifth more or less. */
static int64_t jittered(int64_t ms, uint64_t random)
{
	int64_t width = ms * 2 / 5;

	return ms - width / 2 + (int64_t)(random % (uint64_t)(width + 1));
}

/* first, twice as long each time, up to most */
static int64_t doubled(int64_t first_ms, int64_t most_ms, uint32_t times)
{
	int64_t ms = first_ms;

	for (uint32_t i = 1; i < times && ms < most_ms; i++)
		ms *= 2;
	return ms < most_ms ? ms : most_ms;
}

int64_t retry_after_ms(uint32_t tries, uint64_t random)
{
	return jittered(doubled(LIMIT_RETRY_FIRST_MS, LIMIT_RETRY_MOST_MS, tries), random);
}

int64_t retry_site_after_ms(uint32_t failures, uint64_t random)
{
	return jittered(doubled(LIMIT_SITE_RETRY_FIRST_MS, LIMIT_SITE_RETRY_MOST_MS, failures), random);
}

int64_t retry_spread_ms(uint64_t index, uint64_t count)
{
	return count ? (int64_t)(LIMIT_SPREAD_MS * index / count) : 0;
}
