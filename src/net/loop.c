#include "net/loop_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

struct loops {
	unsigned count;
	struct loop *items;
};

static _Thread_local struct loop *current;

struct loop *loop_current(void) { return current; }

void signals_block_for_threads(sigset_t *former)
{
	sigset_t blocked;

	sigfillset(&blocked);
	sigdelset(&blocked, SIGSEGV);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGFPE);
	sigdelset(&blocked, SIGILL);
	sigdelset(&blocked, SIGABRT);
	sigdelset(&blocked, SIGPROF);
	pthread_sigmask(SIG_BLOCK, &blocked, former);
}

/* --- posts --- */

void loop_post_list(struct loop *loop, struct post *first, struct post *last)
{
	last->next = NULL;
	pthread_mutex_lock(&loop->posts_lock);
	bool was_empty = loop->posts == NULL;
	if (was_empty)
		loop->posts = first;
	else
		loop->posts_last->next = first;
	loop->posts_last = last;
	pthread_mutex_unlock(&loop->posts_lock);
	/* Who found the box empty rings; who comes before the loop looked rides along. */
	if (was_empty)
		uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, struct post *post) { loop_post_list(loop, post, post); }

static void run_posts(uv_async_t *wake)
{
	struct loop *loop = wake->data;

	pthread_mutex_lock(&loop->posts_lock);
	struct post *post = loop->posts;
	loop->posts = loop->posts_last = NULL;
	pthread_mutex_unlock(&loop->posts_lock);
	while (post) {
		struct post *next = post->next; /* run may free or post it again */
		post->run(post);
		post = next;
	}
}

/* --- turns --- */

static void stay_awake(uv_idle_t *idle) { (void)idle; }

void loop_turn_add(struct loop *loop, struct turn *turn)
{
	if (link_is_listed(&turn->link))
		return;
	link_append(&loop->turns, &turn->link);
}

void loop_turn_remove(struct turn *turn) { link_remove(&turn->link); }

static void run_turns(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;
	struct link now;

	/* What a turn adds waits for the next one, so that sockets are looked at in between. */
	link_take_all(&loop->turns, &now);
	loop->handshakes_left = LIMIT_HANDSHAKE_TURN;
	while (!link_is_empty(&now)) {
		struct turn *turn = CONTAINER(now.next, struct turn, link);
		link_remove(&turn->link);
		turn->run(turn);
	}
	if (link_is_empty(&loop->turns))
		uv_idle_stop(&loop->awake);
	else
		uv_idle_start(&loop->awake, stay_awake);
}

/* --- timers --- */

static void ring_alarm(uv_timer_t *alarm);

static void arm(struct loop *loop, int64_t tick_ms)
{
	int64_t after_ms = tick_ms - clock_tick_ms();

	loop->alarm_tick_ms = tick_ms;
	uv_timer_start(&loop->alarm, ring_alarm, after_ms > 1 ? (uint64_t)after_ms : 1, 0);
}

static void ring_alarm(uv_timer_t *alarm)
{
	struct loop *loop = alarm->data;

	loop->alarm_tick_ms = 0;
	wheel_run(&loop->wheel, clock_tick_ms());
	int64_t next = wheel_next_tick_ms(&loop->wheel);
	if (next >= 0 && !loop->stopping)
		arm(loop, next);
}

void loop_timer_set(struct loop *loop, struct timer *timer, int64_t after_ms)
{
	assert(after_ms >= 0);
	if (after_ms == 0) {
		wheel_clear(timer);
		return;
	}
	wheel_set(&loop->wheel, timer, clock_tick_ms() + after_ms);
	if (!loop->stopping && (loop->alarm_tick_ms == 0 || timer->due_tick_ms < loop->alarm_tick_ms))
		arm(loop, timer->due_tick_ms);
}

/* --- pools --- */

unsigned loop_number(const struct loop *loop) { return loop->number; }

struct arena_pool *loop_arena_pool(struct loop *loop) { return &loop->arena_pool; }

struct block *loop_block_take(struct loop *loop)
{
	struct block *b = loop->spare_blocks;

	if (b) {
		loop->spare_blocks = b->next;
		loop->spare_block_count--;
	} else {
		b = malloc(sizeof *b + LIMIT_BLOCK);
		if (!b)
			return NULL;
	}
	b->next = NULL;
	b->used = 0;
	return b;
}

void loop_block_give(struct loop *loop, struct block *block)
{
	if (loop->spare_block_count >= LIMIT_SPARE_BLOCKS) {
		free(block);
		return;
	}
	block->next = loop->spare_blocks;
	loop->spare_blocks = block;
	loop->spare_block_count++;
}

/* --- life --- */

static void close_handles(struct loop *loop)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&loop->wake, (uv_handle_t *)&loop->before_sleep,
		                   (uv_handle_t *)&loop->awake, (uv_handle_t *)&loop->alarm };

	for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
		if (!uv_is_closing(handles[i]))
			uv_close(handles[i], NULL);
}

void loop_close_if_stopping(struct loop *loop)
{
	if (loop->stopping && loop->conn_count == 0)
		close_handles(loop);
}

static void stop_run(struct post *post)
{
	struct loop *loop = CONTAINER(post, struct loop, stop_post);

	loop->stopping = true;
	conn_abort_all(loop, "server stopped");
	loop_close_if_stopping(loop);
}

static void *thread_main(void *argument)
{
	struct loop *loop = argument;

	current = loop;
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	current = NULL;
	return NULL;
}

static err uv_parts_init(struct loop *loop)
{
	if (uv_loop_init(&loop->uv) != 0)
		return (err){ ERR_NOSPACE, 0, "making an event loop: out of descriptors or memory" };
	/* None of the rest can fail after a loop came up, but for the async, which then asks for a
	 * descriptor. */
	if (uv_async_init(&loop->uv, &loop->wake, run_posts) != 0) {
		uv_loop_close(&loop->uv);
		return (err){ ERR_NOSPACE, 0, "making an event loop: out of descriptors" };
	}
	uv_prepare_init(&loop->uv, &loop->before_sleep);
	uv_idle_init(&loop->uv, &loop->awake);
	uv_timer_init(&loop->uv, &loop->alarm);
	uv_prepare_start(&loop->before_sleep, run_turns);
	loop->wake.data = loop->before_sleep.data = loop->alarm.data = loop;
	return OK;
}

static err loop_init(struct loop *loop, struct loops *loops, unsigned number)
{
	loop->loops = loops;
	loop->number = number;
	loop->stop_post.run = stop_run;
	link_init(&loop->turns);
	link_init(&loop->conns);
	wheel_init(&loop->wheel, clock_tick_ms());
	loop->read_buffer = malloc(LIMIT_READ_BUFFER);
	loop->sealed_buffer = malloc(LIMIT_READ_BUFFER);
	loop->copy_buffer = malloc(LIMIT_READ_BUFFER);
	err e = loop->read_buffer && loop->sealed_buffer && loop->copy_buffer ? uv_parts_init(loop)
	                                                                      : ERR_NO_MEMORY;
	if (e.code != ERR_OK) {
		free(loop->read_buffer);
		free(loop->sealed_buffer);
		free(loop->copy_buffer);
		return e;
	}
	pthread_mutex_init(&loop->posts_lock, NULL);
	return OK;
}

static void loop_fini(struct loop *loop)
{
	/* Handles closed after the thread ended, or of a loop that never ran, still want their last turn. */
	close_handles(loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int left = uv_loop_close(&loop->uv);
	assert(left == 0);
	(void)left;
	pthread_mutex_destroy(&loop->posts_lock);
	arena_pool_fini(&loop->arena_pool);
	while (loop->spare_blocks) {
		struct block *b = loop->spare_blocks;
		loop->spare_blocks = b->next;
		free(b);
	}
	free(loop->by_id);
	free(loop->read_buffer);
	free(loop->sealed_buffer);
	free(loop->copy_buffer);
}

err loops_new(unsigned count, struct loops **out)
{
	if (count == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);
		count = cores > 0 ? (unsigned)cores : 1;
	}
	if (count > LIMIT_LOOPS)
		count = LIMIT_LOOPS;
	struct loops *loops = calloc(1, sizeof *loops);
	struct loop *items = calloc(count, sizeof *items);
	if (!loops || !items) {
		free(loops);
		free(items);
		return ERR_NO_MEMORY;
	}
	/* libuv writes with write(2): a peer that went away must be an error of that connection. */
	(void)signal(SIGPIPE, SIG_IGN);
	loops->items = items;
	for (; loops->count < count; loops->count++) {
		err e = loop_init(&items[loops->count], loops, loops->count);
		if (e.code != ERR_OK) {
			loops_free(loops);
			return e;
		}
	}
	*out = loops;
	return OK;
}

err loops_start(struct loops *loops)
{
	sigset_t former;
	int failed = 0;

	signals_block_for_threads(&former);
	for (unsigned i = 0; i < loops->count && !failed; i++) {
		struct loop *loop = &loops->items[i];
		char name[16];
		failed = pthread_create(&loop->thread, NULL, thread_main, loop);
		if (failed)
			break;
		loop->started = true;
		snprintf(name, sizeof name, "loop-%u", i);
		pthread_setname_np(loop->thread, name);
	}
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (failed) {
		loops_stop(loops);
		return (err){ ERR_NOSPACE, (uint32_t)failed, "starting an event loop: out of threads" };
	}
	return OK;
}

unsigned loops_count(const struct loops *loops) { return loops->count; }

struct loop *loops_get(struct loops *loops, unsigned i)
{
	assert(i < loops->count);
	return &loops->items[i];
}

void loops_stop(struct loops *loops)
{
	for (unsigned i = 0; i < loops->count; i++)
		if (loops->items[i].started)
			loop_post(&loops->items[i], &loops->items[i].stop_post);
	for (unsigned i = 0; i < loops->count; i++) {
		if (!loops->items[i].started)
			continue;
		pthread_join(loops->items[i].thread, NULL);
		loops->items[i].started = false;
	}
}

void loops_free(struct loops *loops)
{
	if (!loops)
		return;
	for (unsigned i = 0; i < loops->count; i++)
		loop_fini(&loops->items[i]);
	free(loops->items);
	free(loops);
}
