#include "store/commit.h"

#include "base/clock.h"
#include "base/cond.h"
#include "store/committer_internal.h"

/* A slice of waiting, as a part of a round's time, pays when it brings more than that part of what is queued.
 */
enum { GATHER_SLICE = 16, GATHER_SLICES_MOST = 12, GATHER_SLICE_MOST_NS = 2000000 };

static void queue_add(struct commit_queue *q, struct commit *c)
{
	c->next = NULL;
	if (q->last)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
}

static struct commit *queue_take(struct commit_queue *q)
{
	struct commit *c = q->first;

	if (c) {
		q->first = c->next;
		if (!q->first)
			q->last = NULL;
		c->next = NULL;
	}
	return c;
}

struct commit *committer_take(struct committer *c)
{
	struct commit *commit = c->urgent.first ? queue_take(&c->urgent) : queue_take(&c->ordinary);

	c->queued -= commit != NULL;
	return commit;
}

/* Under the lock: until all expected are there, for at most `ns`. False: something more urgent came up. */
static bool wait_slice(struct committer *c, int64_t ns)
{
	int64_t until_ns = clock_tick_ns() + ns;

	while (c->queued < c->wanted && !c->stopping && !c->hold_wanted)
		if (!cond_wait_until(&c->wake, &c->lock, until_ns))
			return true;
	return false;
}

void committer_gather(struct committer *c)
{
	int64_t slice_ns = c->sync_ns / GATHER_SLICE;
	size_t before;

	if (slice_ns > GATHER_SLICE_MOST_NS)
		slice_ns = GATHER_SLICE_MOST_NS;
	pthread_mutex_lock(&c->lock);
	c->wanted = c->expected;
	for (int i = 0; i < GATHER_SLICES_MOST && c->queued < c->wanted && slice_ns > 0; i++) {
		before = c->queued;
		/* The first slice passes while those answered are only being woken. */
		if (!wait_slice(c, slice_ns) || (i > 0 && (c->queued - before) * GATHER_SLICE < before))
			break;
	}
	c->wanted = 0;
	pthread_mutex_unlock(&c->lock);
}

void store_commit(struct store *store, struct commit *commit)
{
	struct committer *c = store->committer;

	for (size_t i = 0; i < commit->op_count; i++)
		commit->ops[i].result = OK;
	pthread_mutex_lock(&c->lock);
	queue_add(commit->urgent ? &c->urgent : &c->ordinary, commit);
	c->queued++;
	if (c->wanted ? c->queued == c->wanted : c->queued == 1)
		pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool finished;
};

static void wake_waiter(struct commit *commit)
{
	struct waiter *w = commit->user;

	pthread_mutex_lock(&w->lock);
	w->finished = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

void store_commit_wait(struct store *store, struct commit *commit)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

	commit->loop = NULL;
	commit->done = wake_waiter;
	commit->user = &w;
	store_commit(store, commit);
	pthread_mutex_lock(&w.lock);
	while (!w.finished)
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.done);
}

static void run_post(struct post *post)
{
	struct commit *c = (struct commit *)(void *)((char *)post - offsetof(struct commit, post));

	c->done(c);
}

/* The answers for one loop travel as one list. `rest` gets what is for other loops. */
static struct commit *answer_one_loop(struct commit *first)
{
	struct loop *loop = first->loop;
	struct commit *rest = NULL, **rest_end = &rest;
	struct post *list = NULL, *last = NULL;

	for (struct commit *c = first, *next; c; c = next) {
		next = c->next;
		if (c->loop != loop) {
			*rest_end = c;
			rest_end = &c->next;
			continue;
		}
		c->post = (struct post){ .run = run_post };
		if (last)
			last->next = &c->post;
		else
			list = &c->post;
		last = &c->post;
	}
	*rest_end = NULL;
	loop_post_list(loop, list, last);
	return rest;
}

void committer_answer(struct commit *first)
{
	struct commit *for_loops = NULL, **end = &for_loops;

	for (struct commit *c = first, *next; c; c = next) {
		next = c->next; /* after done the commit is the caller's again */
		if (!c->loop) {
			c->done(c);
			continue;
		}
		*end = c;
		end = &c->next;
	}
	*end = NULL;
	while (for_loops)
		for_loops = answer_one_loop(for_loops);
}
