#include "queue/quota.h"

static const int64_t periods_ms[ROUTE_PERIODS] = {
	[ROUTE_MINUTE] = 60 * 1000ll,
	[ROUTE_HOUR] = 3600 * 1000ll,
	[ROUTE_DAY] = 24 * 3600 * 1000ll,
};

/* From all limits before `end`. */
static void give_back(struct quota *q, const struct route_entry *route, int end, uint32_t count,
                      int64_t tick_ms)
{
	for (int i = 0; i < end; i++)
		if (route->limits[i])
			rate_give_back(&q->rates[i], periods_ms[i], count, tick_ms);
}

/* All limits or none; the longest wait of those that refuse is what counts, so all are asked. */
static bool take(struct quota *q, const struct route_entry *route, uint32_t count, int64_t tick_ms,
                 int64_t *wait_ms)
{
	int64_t longest = 0;

	for (int i = 0; i < ROUTE_PERIODS; i++) {
		int64_t wait = 0;
		if (route->limits[i] == 0 ||
		    rate_take(&q->rates[i], route->limits[i], periods_ms[i], count, tick_ms, &wait)) {
			continue;
		}
		longest = wait > longest ? wait : longest;
		give_back(q, route, i, count, tick_ms);
		for (int later = i + 1; later < ROUTE_PERIODS; later++)
			if (route->limits[later] && rate_take(&q->rates[later], route->limits[later],
			                                      periods_ms[later], count, tick_ms, &wait))
				rate_give_back(&q->rates[later], periods_ms[later], count, tick_ms);
			else if (route->limits[later])
				longest = wait > longest ? wait : longest;
		*wait_ms = longest;
		return false;
	}
	return true;
}

uint32_t quota_take(struct quota *q, const struct route_entry *route, uint32_t wanted, int64_t tick_ms,
                    int64_t *wait_ms)
{
	uint32_t most = wanted, least = 0;

	for (int i = 0; i < ROUTE_PERIODS; i++)
		if (route->limits[i] && route->limits[i] < most)
			most = route->limits[i];
	if (most == 0 || take(q, route, most, tick_ms, wait_ms))
		return most;
	/* The largest number that fits: least does, most does not. */
	while (most - least > 1) {
		uint32_t middle = least + (most - least) / 2;
		if (take(q, route, middle, tick_ms, wait_ms)) {
			quota_give_back(q, route, middle, tick_ms);
			least = middle;
		} else {
			most = middle;
		}
	}
	if (least > 0)
		return take(q, route, least, tick_ms, wait_ms) ? least : 0;
	(void)take(q, route, 1, tick_ms, wait_ms);
	return 0;
}

void quota_give_back(struct quota *q, const struct route_entry *route, uint32_t count, int64_t since_tick_ms)
{
	give_back(q, route, ROUTE_PERIODS, count, since_tick_ms);
}
