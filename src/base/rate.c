#include "base/rate.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { KEPT = RATE_SLOTS + 1 };

static uint32_t *slot(struct rate *r, int64_t number) { return &r->taken[number % KEPT]; }

/* Empties the slots between the newest so far and the one of now. */
static void roll(struct rate *r, int64_t now)
{
	if (now <= r->newest)
		return;
	if (now - r->newest >= KEPT)
		memset(r->taken, 0, sizeof r->taken);
	else
		for (int64_t n = r->newest + 1; n <= now; n++)
			*slot(r, n) = 0;
	r->newest = now;
}

bool rate_take(struct rate *r, uint32_t limit, int64_t period_ms, uint32_t count, int64_t tick_ms,
               int64_t *wait_ms)
{
	int64_t slot_ms = (period_ms + RATE_SLOTS - 1) / RATE_SLOTS;
	uint64_t sum = count;

	assert(period_ms >= RATE_SLOTS);
	assert(count >= 1 && count <= limit);
	roll(r, tick_ms / slot_ms);
	for (size_t i = 0; i < KEPT; i++)
		sum += r->taken[i];
	if (sum <= limit) {
		*slot(r, r->newest) += count;
		return true;
	}
	/* The oldest go first; the newest KEPT slots are all there is. */
	int64_t first = r->newest >= RATE_SLOTS ? r->newest - RATE_SLOTS : 0, n = first;
	for (; n < r->newest && sum > limit; n++)
		sum -= *slot(r, n);
	if (sum > limit)
		n++;
	*wait_ms = (n + RATE_SLOTS) * slot_ms - tick_ms;
	return false;
}

/* From the slot in which it was taken on: what others took later counts as long as before, or longer. */
void rate_give_back(struct rate *r, int64_t period_ms, uint32_t count, int64_t since_tick_ms)
{
	int64_t slot_ms = (period_ms + RATE_SLOTS - 1) / RATE_SLOTS, since = since_tick_ms / slot_ms;

	if (since > r->newest) /* another thread's clock, a little ahead */
		since = r->newest;
	for (int64_t n = since; count > 0 && n <= r->newest && since > r->newest - KEPT; n++) {
		uint32_t back = *slot(r, n) < count ? *slot(r, n) : count;
		*slot(r, n) -= back;
		count -= back;
	}
}
