#include "net/work.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/limits.h"
#include "net/loop_internal.h"

static const char *const class_names[WORK_CLASS_COUNT] = { "read",     "write", "crypto",
	                                                   "password", "bulk",  "command" };

/* Where cores are short a password gets a tenth of one: a login takes longer, mail does not. That is for
 * those that go first. The others may be a storm of guesses, each as long as ten turns of a loop; they run
 * where nothing else wants to (SCHED_IDLE), since a thread that is merely nice is not left the moment mail
 * wakes up. So that a machine that is never idle still lets a new device in, a thread of the former takes
 * one of them where it has waited for PATIENCE_MS, and none for as long after it. */
enum { PASSWORD_NICE = 10, PATIENCE_MS = 2000 };

struct queue {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t filled;
	struct jobs {
		struct job *first, *last;
	} urgent, ordinary;
	unsigned waiting;         /* jobs */
	int64_t patience_tick_ms; /* passwords: until then threads for what goes first take nothing else */
	bool stopping;
	/* set once, before the threads run */
	unsigned thread_count;
	pthread_t *threads;
	unsigned started;
};

struct work {
	struct queue queues[WORK_CLASS_COUNT];
};

struct worker {
	struct queue *queue;
	enum work_class class;
	unsigned number;
};

static _Thread_local bool is_worker;
static _Thread_local unsigned thread_number;

bool work_on_worker(void) { return is_worker; }

unsigned work_thread_number(void)
{
	assert(is_worker);
	return thread_number;
}

unsigned work_thread_count(const struct work *work, enum work_class class)
{
	return work->queues[class].thread_count;
}

/* How many threads a class has. */
static unsigned threads_for(enum work_class class, unsigned cores)
{
	switch (class) {
	case WORK_READ:
		return cores > 2 ? cores : 2; /* waits for the disk: two even on one core, so that one cold
		                                 page does not hold up all others */
	case WORK_WRITE:
		return 2; /* waits in fsync; the disk merges two, and more only queue up in its driver */
	case WORK_CRYPTO:
		return cores; /* computes: more threads than cores would only take turns */
	case WORK_PASSWORD:
		return cores > 1 ? 2 * (cores - 1) : 2; /* computes long: one core is mail's; half of the
		                                           threads for what goes first, half for what cores
		                                           have left over */
	case WORK_BULK:
		return cores > 4 ? 2 : 1; /* must never crowd out the others */
	case WORK_COMMAND:
		return 2; /* waits: a program that hangs does not hold up the next */
	case WORK_CLASS_COUNT:
		break;
	}
	assert(false);
	return 1;
}

static void done_run(struct post *post)
{
	struct job *job = CONTAINER(post, struct job, done_post);
	job->done(job);
}

static void jobs_add(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	if (jobs->first)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
}

static struct job *jobs_take(struct jobs *jobs)
{
	struct job *job = jobs->first;

	if (job)
		jobs->first = job->next;
	return job;
}

/* What a thread may take. Under the lock. */
enum taste { ANYTHING, URGENT, ORDINARY };

/* When a thread for urgent work may take what is not; INT64_MAX: there is none. */
static int64_t patience_ends_ms(const struct queue *q)
{
	if (!q->ordinary.first)
		return INT64_MAX;
	int64_t waited_ms = q->ordinary.first->queued_tick_ms + PATIENCE_MS;
	return waited_ms > q->patience_tick_ms ? waited_ms : q->patience_tick_ms;
}

static struct job *take_one(struct queue *q, enum taste taste)
{
	struct job *job = taste == ORDINARY ? NULL : jobs_take(&q->urgent);
	int64_t now_ms = clock_tick_ms();

	if (job)
		return job;
	if (taste == URGENT && patience_ends_ms(q) > now_ms)
		return NULL;
	job = jobs_take(&q->ordinary);
	if (job && taste == URGENT)
		q->patience_tick_ms = now_ms + PATIENCE_MS;
	return job;
}

/* NULL: the end, and nothing is left that this thread may take. */
static struct job *job_take(struct queue *q, enum taste taste)
{
	struct job *job;

	pthread_mutex_lock(&q->lock);
	while (!(job = take_one(q, taste)) && !q->stopping) {
		int64_t until_ms = taste == URGENT ? patience_ends_ms(q) : INT64_MAX;
		if (until_ms == INT64_MAX)
			pthread_cond_wait(&q->filled, &q->lock);
		else
			(void)cond_wait_until(&q->filled, &q->lock, until_ms * 1000000);
	}
	q->waiting -= job != NULL;
	pthread_mutex_unlock(&q->lock);
	return job;
}

/* The thread's own; where it is not allowed the work is done as any other. */
static void give_way(enum taste taste)
{
	struct sched_param none = { 0 };

	if (taste == URGENT)
		(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + PASSWORD_NICE);
	else
		(void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

/* Of the threads for passwords one half is for what goes first. */
static enum taste taste_of(const struct worker *worker)
{
	if (worker->class != WORK_PASSWORD)
		return ANYTHING;
	return worker->number < worker->queue->thread_count / 2 ? URGENT : ORDINARY;
}

static void *worker_main(void *argument)
{
	struct worker worker = *(struct worker *)argument;
	struct job *job;

	free(argument);
	is_worker = true;
	thread_number = worker.number;
	enum taste taste = taste_of(&worker);
	if (worker.class == WORK_PASSWORD)
		give_way(taste);
	while ((job = job_take(worker.queue, taste))) {
		job->run(job);
		loop_post(job->loop, &job->done_post); /* from here on the job is the loop's */
	}
	return NULL;
}

static err worker_start(struct queue *q, enum work_class class, unsigned number)
{
	struct worker *worker = malloc(sizeof *worker);
	char name[16];

	if (!worker)
		return ERR_NO_MEMORY;
	*worker = (struct worker){ q, class, number };
	int failed = pthread_create(&q->threads[number], NULL, worker_main, worker);
	if (failed) {
		free(worker);
		return (err){ ERR_NOSPACE, (uint32_t)failed, "starting a worker: out of threads" };
	}
	q->started++;
	snprintf(name, sizeof name, "%s-%u", class_names[class], number);
	pthread_setname_np(q->threads[number], name);
	return OK;
}

static err queue_start(struct queue *q, enum work_class class, unsigned cores)
{
	q->thread_count = threads_for(class, cores);
	q->threads = calloc(q->thread_count, sizeof *q->threads);
	if (!q->threads)
		return ERR_NO_MEMORY;
	for (unsigned i = 0; i < q->thread_count; i++)
		TRY(worker_start(q, class, i));
	return OK;
}

err work_new(struct work **out)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct work *work = calloc(1, sizeof *work);
	sigset_t former;
	err e = OK;

	if (!work)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < WORK_CLASS_COUNT; i++) {
		pthread_mutex_init(&work->queues[i].lock, NULL);
		cond_init(&work->queues[i].filled);
	}
	signals_block_for_threads(&former);
	for (size_t i = 0; i < WORK_CLASS_COUNT && e.code == ERR_OK; i++)
		e = queue_start(&work->queues[i], (enum work_class)i, cores > 0 ? (unsigned)cores : 1);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (e.code != ERR_OK) {
		work_free(work);
		return e;
	}
	*out = work;
	return OK;
}

static err submit(struct work *work, enum work_class class, struct job *job, bool urgent)
{
	struct queue *q = &work->queues[class];
	struct loop *loop = loop_current();

	/* Also what keeps a worker from handing on work and waiting for it. */
	assert(loop && !is_worker);
	pthread_mutex_lock(&q->lock);
	if (q->waiting >= LIMIT_WORK_QUEUE || q->stopping) {
		pthread_mutex_unlock(&q->lock);
		return (err){ ERR_BUSY, 0, "too much work is waiting" };
	}
	job->loop = loop;
	job->done_post.run = done_run;
	job->queued_tick_ms = clock_tick_ms();
	jobs_add(urgent ? &q->urgent : &q->ordinary, job);
	q->waiting++;
	/* Where threads take different jobs, the one that is woken might not take this one. */
	if (class == WORK_PASSWORD)
		pthread_cond_broadcast(&q->filled);
	else
		pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
	return OK;
}

err work_submit(struct work *work, enum work_class class, struct job *job)
{
	return submit(work, class, job, false);
}

err work_submit_first(struct work *work, enum work_class class, struct job *job)
{
	return submit(work, class, job, true);
}

void work_free(struct work *work)
{
	if (!work)
		return;
	for (size_t i = 0; i < WORK_CLASS_COUNT; i++) {
		struct queue *q = &work->queues[i];
		pthread_mutex_lock(&q->lock);
		q->stopping = true;
		pthread_cond_broadcast(&q->filled);
		pthread_mutex_unlock(&q->lock);
	}
	for (size_t i = 0; i < WORK_CLASS_COUNT; i++) {
		struct queue *q = &work->queues[i];
		for (unsigned t = 0; t < q->started; t++)
			pthread_join(q->threads[t], NULL);
		free(q->threads);
		pthread_cond_destroy(&q->filled);
		pthread_mutex_destroy(&q->lock);
	}
	free(work);
}
