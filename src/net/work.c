#include "net/work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/loop_internal.h"

static const char *const class_names[WORK_CLASS_COUNT] = { "read", "write", "crypto", "password", "bulk" };

/* Where cores are short a password gets a tenth of one: a login takes longer, mail does not. */
enum { PASSWORD_NICE = 10 };

struct queue {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t filled;
	struct job *first, *last;
	struct job *last_urgent; /* of those that go first; NULL: none waits */
	unsigned waiting;        /* jobs */
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
		return cores > 1 ? cores - 1 : 1; /* computes long: a flood of guesses leaves one core to
		                                     mail, and gives way on the others */
	case WORK_BULK:
		return cores > 4 ? 2 : 1; /* must never crowd out the others */
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

static struct job *job_take(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	while (!q->first && !q->stopping)
		pthread_cond_wait(&q->filled, &q->lock);
	struct job *job = q->first;
	if (job) {
		q->first = job->next;
		q->last_urgent = q->last_urgent == job ? NULL : q->last_urgent;
		q->waiting--;
	}
	pthread_mutex_unlock(&q->lock);
	return job;
}

static void *worker_main(void *argument)
{
	struct worker worker = *(struct worker *)argument;
	struct job *job;

	free(argument);
	is_worker = true;
	thread_number = worker.number;
	if (worker.class == WORK_PASSWORD)
		(void)setpriority(PRIO_PROCESS, 0,
		                  getpriority(PRIO_PROCESS, 0) + PASSWORD_NICE); /* this thread */
	while ((job = job_take(worker.queue))) {
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
		pthread_cond_init(&work->queues[i].filled, NULL);
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

/* Behind the last of those that go first. */
static void insert_urgent(struct queue *q, struct job *job)
{
	struct job **place = q->last_urgent ? &q->last_urgent->next : &q->first;

	job->next = *place;
	*place = job;
	if (!job->next)
		q->last = job;
	q->last_urgent = job;
}

static void append(struct queue *q, struct job *job)
{
	job->next = NULL;
	if (q->first)
		q->last->next = job;
	else
		q->first = job;
	q->last = job;
}

static err submit(struct work *work, enum work_class class, struct job *job,
                  void (*insert)(struct queue *q, struct job *job))
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
	insert(q, job);
	q->waiting++;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
	return OK;
}

err work_submit(struct work *work, enum work_class class, struct job *job)
{
	return submit(work, class, job, append);
}

err work_submit_first(struct work *work, enum work_class class, struct job *job)
{
	return submit(work, class, job, insert_urgent);
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
