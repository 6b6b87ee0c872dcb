/* base/rate.h: at most so many in any stretch of a period: a count that rolls along with time.
 *
 * The period is cut into RATE_SLOTS slots, and what was taken is counted by slot; the whole slot in which the
 * period begins counts too. So no stretch of one period ever holds more than the limit, and what was taken is
 * free again at most one slot late. Pure but for its memory; whoever shares one between threads locks it.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_SLOTS = 60 };

/* All zero: nothing taken yet. */
struct rate {
	int64_t newest; /* number of the slot that `taken[newest % RATE_SLOTS]` counts */
	uint32_t taken[RATE_SLOTS + 1];
};

/* Takes `count` (1..limit) out of `limit` in `period_ms` (>= RATE_SLOTS), at the monotonic time `tick_ms`.
 * False: not now, nothing was taken, and *wait_ms is the time after which as many are free, if nobody else
 * takes them. */
bool rate_take(struct rate *r, uint32_t limit, int64_t period_ms, uint32_t count, int64_t tick_ms,
               int64_t *wait_ms);

/* Gives back what was taken at `since_tick_ms` or later and not used: a message that was not accepted after
 * all. What was taken so long ago that it does not count any more is nobody's to give back. */
void rate_give_back(struct rate *r, int64_t period_ms, uint32_t count, int64_t since_tick_ms);

#endif
