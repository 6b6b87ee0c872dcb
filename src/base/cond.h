/* base/cond.h: conditions that are waited on for a time, on the clock that only goes forward: a step of the
 * wall clock neither cuts a wait short nor makes it last an hour. Any thread.
 */
#ifndef BASE_COND_H
#define BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void cond_init(pthread_cond_t *cond);

/* pthread_cond_wait until `until_ns` of clock_tick_ns, for a condition made by cond_init. False: it is over.
 */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

#endif
