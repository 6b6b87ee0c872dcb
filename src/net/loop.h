/* net/loop.h: the event loops: one thread and one libuv loop a core, each with its own timers, pools and mail
 * box.
 *
 * What belongs to a loop is touched by its thread alone; other threads hand it a post. Nothing here knows a
 * protocol.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/arena.h"
#include "base/err.h"

struct loop;
struct loops;

/* Work handed to a loop by another thread: embedded in what it carries, so that handing over never fails. */
struct post {
	struct post *next;
	void (*run)(struct post *post); /* on the loop's thread */
};

/* One deadline. Embedded; all zero is unset. A wheel of LOOP_TIMER_STEP_MS serves all timers of a loop, so a
 * deadline fires up to one step late and costs no heap operation to move. */
enum { LOOP_TIMER_STEP_MS = 100 };
struct timer {
	struct timer *next, *previous;
	int64_t due_tick_ms;               /* 0: unset */
	void (*fire)(struct timer *timer); /* once; the timer is unset then */
};

static inline bool timer_is_set(const struct timer *timer) { return timer->due_tick_ms != 0; }

/* A block of LIMIT_BLOCK octets of message content, from the loop's pool. */
struct block {
	struct block *next;
	size_t used;
	char octets[];
};

/* Makes `count` loops (0: one a core), not yet running. From here on the process ignores SIGPIPE.
 * ERR_NOSPACE. */
err loops_new(unsigned count, struct loops **out) MUST_USE;

/* Starts the threads. They take no signals: SIGTERM and its kin go to the other threads. */
err loops_start(struct loops *loops) MUST_USE;

unsigned loops_count(const struct loops *loops);
struct loop *loops_get(struct loops *loops, unsigned i);

/* Ends what connections are left at once and waits for the threads. Before it: acceptor_shutdown, then
 * work_free. Legal where loops_start failed or was never called. */
void loops_stop(struct loops *loops);
/* After loops_stop. What was made on the loops (acceptors) goes first. NULL is legal. */
void loops_free(struct loops *loops);

/* Any thread. Runs `post` on the loop's thread, soon; several posts between two turns cost one wake-up. */
void loop_post(struct loop *loop, struct post *post);

/* Any thread. A whole list (linked by next, in order) with one wake-up. */
void loop_post_list(struct loop *loop, struct post *first, struct post *last);

/* Loop thread. Sets or moves a deadline `after_ms` from now; 0 clears it. */
void loop_timer_set(struct loop *loop, struct timer *timer, int64_t after_ms);

/* Loop thread. The loop's number, and its pool for arenas (base/arena.h). */
unsigned loop_number(const struct loop *loop);
struct arena_pool *loop_arena_pool(struct loop *loop);

/* Loop thread. NULL without memory. */
struct block *loop_block_take(struct loop *loop);
void loop_block_give(struct loop *loop, struct block *block);

/* The loop of the calling thread, NULL on other threads. */
struct loop *loop_current(void);

#endif
