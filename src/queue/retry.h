/* queue/retry.h: when a recipient is tried again, and when it is given up. Pure.
 *
 * RFC 5321 §4.5.4.1 asks for growing intervals and for 4 to 5 days in all. The first is short, since
 * greylisting and full machines pass in minutes; each has a part by chance, so that what failed together does
 * not come back together.
 */
#ifndef QUEUE_RETRY_H
#define QUEUE_RETRY_H

#include <stdint.h>

/* From the `tries`-th failure (1-based) to the next attempt, with chance `random`. */
int64_t retry_after_ms(uint32_t tries, uint64_t random);

/* From the `failures`-th time in a row (1-based) that none of a site's hosts could be used to the next
 * connection. */
int64_t retry_site_after_ms(uint32_t failures, uint64_t random);

/* What came due during a stop of the program, as the `index`-th of `count`: all within LIMIT_SPREAD_MS, in
 * their order. */
int64_t retry_spread_ms(uint64_t index, uint64_t count);

#endif
