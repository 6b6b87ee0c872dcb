#include "net/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/link.h"

/* One test's loop side: posts run `step` on the loop. */
struct script {
	struct post post;
	struct work *work;
	void (*step)(struct script *script);
	sem_t done;
	unsigned wanted; /* jobs */
};

struct item {
	struct job job;
	struct script *script;
	sem_t *gate;  /* the worker waits for it: tests only */
	sem_t *opens; /* and opens this one */
	unsigned number;
};

static _Atomic unsigned ran, finished, submitted;
static _Atomic int nice_seen, nice_of[70], policy_seen[70];
static unsigned order_seen[2000];

static void step_run(struct post *post)
{
	struct script *s = CONTAINER(post, struct script, post);
	s->step(s);
}

static void play(struct work *work, struct loops *loops, void (*step)(struct script *script))
{
	struct script s = { .post.run = step_run, .work = work, .step = step };

	sem_init(&s.done, 0, 0);
	ran = finished = submitted = 0;
	loop_post(loops_get(loops, 0), &s.post);
	while (sem_wait(&s.done) != 0)
		;
	sem_destroy(&s.done);
}

static void with_loop(void (*step)(struct script *script))
{
	struct loops *loops;
	struct work *work;

	assert_int_equal(loops_new(1, &loops).code, ERR_OK);
	assert_int_equal(work_new(&work).code, ERR_OK);
	assert_int_equal(loops_start(loops).code, ERR_OK);
	play(work, loops, step);
	work_free(work);
	loops_stop(loops);
	loops_free(loops);
}

static void run_item(struct job *job)
{
	struct item *item = CONTAINER(job, struct item, job);

	assert(work_on_worker() && !loop_current());
	nice_seen = getpriority(PRIO_PROCESS, 0);
	if (item->gate)
		sem_wait(item->gate);
	assert(work_thread_number() < work_thread_count(item->script->work, WORK_READ));
	ran++;
}

static void item_done(struct job *job)
{
	struct item *item = CONTAINER(job, struct item, job);
	struct script *s = item->script;

	assert(loop_current() == job->loop && !work_on_worker());
	order_seen[finished++] = item->number;
	free(item);
	if (finished == s->wanted)
		sem_post(&s->done);
}

static err submit_by(err (*by)(struct work *work, enum work_class class, struct job *job), struct script *s,
                     enum work_class class, unsigned number, sem_t *gate)
{
	struct item *item = calloc(1, sizeof *item);

	assert(item);
	*item = (struct item){
		.job = { .run = run_item, .done = item_done }, .script = s, .gate = gate, .number = number
	};
	err e = by(s->work, class, &item->job);
	if (e.code != ERR_OK)
		free(item);
	return e;
}

static err submit(struct script *s, enum work_class class, unsigned number, sem_t *gate)
{
	return submit_by(work_submit, s, class, number, gate);
}

static err submit_first(struct script *s, enum work_class class, unsigned number, sem_t *gate)
{
	return submit_by(work_submit_first, s, class, number, gate);
}

static void thousand(struct script *s)
{
	s->wanted = 1000;
	for (unsigned i = 0; i < s->wanted; i++) {
		err e = submit(s, WORK_BULK, i, NULL);
		assert(e.code == ERR_OK);
		(void)e;
	}
}

/* One thread's class keeps the order; every job is done once, on its loop. */
static void test_order(void **state)
{
	(void)state;
	with_loop(thousand);
	assert_int_equal(ran, 1000);
	assert_int_equal(nice_seen, getpriority(PRIO_PROCESS, 0));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(order_seen[i], i);
}

static sem_t gate;

static void overfill(struct script *s)
{
	unsigned taken = 0;

	/* Workers take a few from the queue and stand before the gate; then it fills to its limit. */
	while (submit(s, WORK_READ, taken, &gate).code == ERR_OK)
		taken++;
	assert(submit(s, WORK_READ, 0, &gate).code == ERR_BUSY);
	assert(taken >= LIMIT_WORK_QUEUE);
	assert(taken <= LIMIT_WORK_QUEUE + work_thread_count(s->work, WORK_READ));
	submitted = s->wanted = taken + 1;
	/* Other classes are not held up. */
	assert(submit(s, WORK_WRITE, 0, NULL).code == ERR_OK);
	for (unsigned i = 0; i < taken; i++)
		sem_post(&gate);
}

static void test_full(void **state)
{
	(void)state;
	sem_init(&gate, 0, 0);
	with_loop(overfill);
	assert_int_equal(ran, submitted);
	assert_int_equal(finished, submitted);
	sem_destroy(&gate);
}

static sem_t second_gate;

/* Passwords: the two that wait at gates are strangers'. What goes first passes them and opens the second
 * gate, whose job, which nobody else takes, opens the first. */
static void run_password(struct job *job)
{
	struct item *item = CONTAINER(job, struct item, job);

	policy_seen[item->number] = sched_getscheduler(0);
	nice_of[item->number] = getpriority(PRIO_PROCESS, 0);
	if (item->gate)
		sem_wait(item->gate);
	if (item->opens)
		sem_post(item->opens);
	ran++;
}

static void password(struct script *s, unsigned number, bool first, sem_t *waits_at, sem_t *opens)
{
	struct item *item = calloc(1, sizeof *item);

	assert(item);
	*item = (struct item){ .job = { .run = run_password, .done = item_done },
		               .script = s,
		               .gate = waits_at,
		               .opens = opens,
		               .number = number };
	err e = (first ? work_submit_first : work_submit)(s->work, WORK_PASSWORD, &item->job);
	assert(e.code == ERR_OK);
	(void)e;
}

static void strangers(struct script *s)
{
	unsigned patient = work_thread_count(s->work, WORK_PASSWORD) / 2;

	s->wanted = patient + 2;
	for (unsigned i = 0; i < patient; i++)
		password(s, 2 + i, false, &gate, i + 1 < patient ? &gate : NULL);
	password(s, 1, false, &second_gate, &gate);
	password(s, 0, true, NULL, &second_gate);
}

/* Strangers hold up nobody who goes first, run only where nothing else wants to, and yet get their turn where
 * that never is. */
static void test_strangers(void **state)
{
	int nice = getpriority(PRIO_PROCESS, 0) + 10;
	unsigned patient = 0;

	(void)state;
	sem_init(&gate, 0, 0);
	sem_init(&second_gate, 0, 0);
	with_loop(strangers);
	assert_true(finished >= 3);
	assert_int_equal(order_seen[0], 0);
	assert_int_equal(policy_seen[0], SCHED_OTHER);
	assert_int_equal(nice_of[0], nice < 19 ? nice : 19);
	for (unsigned i = 1; i < finished; i++)
		patient += policy_seen[i] == SCHED_IDLE;
	assert_int_equal(patient, finished - 2);
	sem_destroy(&gate);
	sem_destroy(&second_gate);
}

/* What goes first goes before what waits, each kind in its order. */
static void urgent(struct script *s)
{
	const bool first[] = { false, false, false, true, true };

	s->wanted = sizeof first / sizeof first[0];
	for (unsigned i = 0; i < s->wanted; i++) {
		err e = first[i] ? submit_first(s, WORK_BULK, i, &gate) : submit(s, WORK_BULK, i, &gate);
		assert(e.code == ERR_OK);
		(void)e;
	}
	for (unsigned i = 0; i < s->wanted; i++)
		sem_post(&gate);
}

static unsigned place_of(unsigned number)
{
	for (unsigned i = 0; i < finished; i++)
		if (order_seen[i] == number)
			return i;
	return 0;
}

static void test_urgent(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) > 4)
		skip(); /* several threads have no one order */
	sem_init(&gate, 0, 0);
	with_loop(urgent);
	assert_int_equal(finished, 5);
	assert_true(place_of(3) < place_of(4) && place_of(4) < place_of(1));
	assert_true(place_of(0) < place_of(1) && place_of(1) < place_of(2));
	sem_destroy(&gate);
}

/* Posts of several threads arrive all, in each thread's order. */
enum { POSTERS = 4, POSTS = 5000 };

struct numbered {
	struct post post;
	unsigned thread, number;
};

static struct numbered posts[POSTERS][POSTS];
static unsigned next_of[POSTERS];
static _Atomic unsigned in_order;

static void count(struct post *post)
{
	struct numbered *n = CONTAINER(post, struct numbered, post);

	if (next_of[n->thread]++ == n->number)
		in_order++;
}

struct poster {
	struct loop *loop;
	unsigned thread;
};

static void *post_all(void *argument)
{
	struct poster *p = argument;

	for (unsigned i = 0; i < POSTS;) {
		unsigned batch = i % 7 + 1 < POSTS - i ? i % 7 + 1 : POSTS - i;
		for (unsigned k = 0; k < batch; k++) {
			struct numbered *n = &posts[p->thread][i + k];
			*n = (struct numbered){ .post.run = count, .thread = p->thread, .number = i + k };
			if (k)
				posts[p->thread][i + k - 1].post.next = &n->post;
		}
		loop_post_list(p->loop, &posts[p->thread][i].post, &posts[p->thread][i + batch - 1].post);
		i += batch;
	}
	return NULL;
}

static void test_posts(void **state)
{
	struct loops *loops;
	pthread_t threads[POSTERS];
	struct poster posters[POSTERS];

	(void)state;
	assert_int_equal(loops_new(1, &loops).code, ERR_OK);
	assert_int_equal(loops_start(loops).code, ERR_OK);
	for (unsigned i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ loops_get(loops, 0), i };
		assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
	}
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	loops_stop(loops);
	loops_free(loops);
	assert_int_equal(in_order, POSTERS * POSTS);
}

/* Life without living: every part may be freed where it was never started. */
static void test_never_started(void **state)
{
	struct loops *loops;

	(void)state;
	assert_int_equal(loops_new(3, &loops).code, ERR_OK);
	assert_int_equal(loops_count(loops), 3);
	loops_stop(loops);
	loops_free(loops);
	loops_free(NULL);
	work_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),     cmocka_unit_test(test_full),
		cmocka_unit_test(test_strangers), cmocka_unit_test(test_urgent),
		cmocka_unit_test(test_posts),     cmocka_unit_test(test_never_started),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
