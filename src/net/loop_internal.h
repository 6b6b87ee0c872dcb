/* net/loop_internal.h: what the files of net/ see of a loop. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/limits.h"
#include "net/link.h"
#include "net/loop.h"
#include "net/wheel.h"

/* Something to do before the loop sleeps again: output to be written, input to be offered once more. */
struct turn {
	struct link link;
	void (*run)(struct turn *turn);
};

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t before_sleep;
	uv_idle_t awake;  /* active while turns wait: the loop then polls without sleeping */
	uv_timer_t alarm; /* for the wheel's next slot; idle loops have none and sleep for ever */
	int64_t alarm_tick_ms;
	struct wheel wheel;
	struct link turns;
	unsigned handshakes_left; /* that may still be computed in this turn */
	struct loops *loops;
	unsigned number;
	pthread_t thread;
	bool started, stopping;
	struct post stop_post;

	pthread_mutex_t posts_lock; /* guards the posts */
	struct post *posts, *posts_last;

	struct arena_pool arena_pool;
	struct block *spare_blocks;
	size_t spare_block_count;
	char *read_buffer;   /* LIMIT_READ_BUFFER octets: what was just read, of one connection at a time */
	char *sealed_buffer; /* LIMIT_READ_BUFFER octets: the same under TLS, not yet opened */
	char *copy_buffer;   /* LIMIT_READ_BUFFER octets: file content on its way through dot-stuffing */

	/* conn.c's */
	struct link conns;
	struct conn **by_id; /* chains; ids are consecutive, so their low bits spread evenly */
	size_t by_id_size;   /* power of two or 0 */
	size_t conn_count;
	_Atomic uint32_t load; /* connections given to this loop; the acceptor reads it */
};

/* Loop thread. Runs `turn` once before the loop sleeps; legal when it waits already. */
void loop_turn_add(struct loop *loop, struct turn *turn);
void loop_turn_remove(struct turn *turn);

/* Called by conn.c when the last connection of a stopping loop is gone. */
void loop_close_if_stopping(struct loop *loop);

/* Ends every connection of the loop at once (conn.c). Loop thread. */
void conn_abort_all(struct loop *loop, const char *why);

/* No signals but those of the thread's own faults: SIGTERM and its kin go to the main thread. Used around
 * pthread_create, whose threads inherit it. */
void signals_block_for_threads(sigset_t *former);

#endif
