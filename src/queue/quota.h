/* queue/quota.h: how many recipients a route may be given just now: its limits a minute, an hour, a day, all
 * at once. They roll (base/rate.h): no minute, hour or day, wherever it begins, sees more than its limit.
 * Pure but for its memory; whoever shares one between threads locks it.
 */
#ifndef QUEUE_QUOTA_H
#define QUEUE_QUOTA_H

#include "base/rate.h"
#include "store/route_entry.h"

/* All zero: nothing taken yet. Limits that change meanwhile count from then on, with what was taken before.
 */
struct quota {
	struct rate rates[ROUTE_PERIODS];
};

/* As many of `wanted` recipients as all limits of `route` have room for, taken at the monotonic time
 * `tick_ms`; at most a whole limit. 0: none, and *wait_ms is after how long one may be. */
uint32_t quota_take(struct quota *q, const struct route_entry *route, uint32_t wanted, int64_t tick_ms,
                    int64_t *wait_ms);

/* Gives back what was taken, at `since_tick_ms` or later, for recipients that were not offered to the next
 * server after all. */
void quota_give_back(struct quota *q, const struct route_entry *route, uint32_t count, int64_t since_tick_ms);

#endif
