/* net/wheel.h: the timers of one loop, by steps of LOOP_TIMER_STEP_MS in a ring of slots.
 *
 * Setting, moving and clearing cost a few pointers whatever the number of timers. A timer further away than
 * one turn of the ring (51 s) is passed over once a turn. Never early, up to one step late. Pure but for what
 * `fire` does, which may set and clear any timer, its own included. One thread.
 */
#ifndef NET_WHEEL_H
#define NET_WHEEL_H

#include "net/loop.h"

enum { WHEEL_SLOTS = 512 };

struct wheel {
	struct timer slots[WHEEL_SLOTS]; /* heads of rings */
	int64_t step;                    /* the last one that was run */
};

void wheel_init(struct wheel *wheel, int64_t now_tick_ms);

/* Sets or moves `timer`; a deadline that is past fires in the next step. */
void wheel_set(struct wheel *wheel, struct timer *timer, int64_t due_tick_ms);

/* Legal for a timer that is not set. */
void wheel_clear(struct timer *timer);

/* Fires what is due. */
void wheel_run(struct wheel *wheel, int64_t now_tick_ms);

/* When wheel_run has something to look at; -1 where no timer is set. */
int64_t wheel_next_tick_ms(const struct wheel *wheel);

#endif
