#include "pop3/ahead.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"

enum {
	BATCH = LIMIT_POP3_AHEAD / 2, /* of one job: while a half is sent the other is opened */
	FIRST_BATCH = BATCH / 4,      /* who has asked for two in order may want no third */
};

struct pop3_ahead {
	struct job job; /* first */
	struct work *work;
	struct pop3_source source;
	bool utf8;

	/* The job's, from fill to done: */
	struct pop3_want want[BATCH];
	struct pop3_opened *opened[BATCH]; /* NULL: not yet, or it could not be */
	size_t count;                      /* 0: no job is under way */
	size_t batch;                      /* how many the next one opens */

	bool unwanted; /* what the job opens is closed */
	bool gone;     /* and all this is freed */
	bool awaited;
	struct session_wait wait;

	struct pop3_opened *ready[LIMIT_POP3_AHEAD]; /* as their numbers ascend */
	size_t ready_count;
};

struct pop3_ahead *pop3_ahead_new(struct pop3_source source, bool utf8, struct work *work)
{
	struct pop3_ahead *a = calloc(1, sizeof *a);

	if (a) {
		a->source = source;
		a->utf8 = utf8;
		a->work = work;
		a->batch = FIRST_BATCH;
	}
	return a;
}

/* --- worker --- */

/* One that can't be opened ahead is opened when it is asked for, and its reason said then. */
static void ahead_run(struct job *job)
{
	struct pop3_ahead *a = (struct pop3_ahead *)(void *)job;
	int64_t end_tick_ms = clock_tick_ms() + LIMIT_READ_SLICE_MS;

	pop3_opened_prepare_some(a->source, a->want, a->count, end_tick_ms, a->opened);
}

/* --- loop --- */

static void close_first(struct pop3_ahead *a, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pop3_opened_close(a->ready[i]);
	a->ready_count -= count;
	memmove(a->ready, a->ready + count, a->ready_count * sizeof a->ready[0]);
}

/* The session is gone, and pop3_ahead_free was called for it or will be. */
static void abandoned(struct session_wait *wait) { (void)wait; }

static void ahead_done(struct job *job)
{
	struct pop3_ahead *a = (struct pop3_ahead *)(void *)job;
	struct session_wait wait = a->wait;
	bool awaited = a->awaited;

	for (size_t i = 0; i < a->count; i++) {
		if (!a->unwanted && a->opened[i] && a->opened[i]->measured)
			a->ready[a->ready_count++] = a->opened[i];
		else
			pop3_opened_close(a->opened[i]);
		a->opened[i] = NULL;
	}
	a->count = 0;
	a->awaited = a->unwanted = false;
	if (a->gone)
		free(a);
	if (awaited)
		session_wake(&wait);
}

/* Large ones and surrogates are files of their own: no descriptors are held for what may never be asked for.
 */
static bool is_cheap(const struct pop3_ahead *a, const struct pop3_message *m)
{
	return m->size <= LIMIT_RECORD_CONTENT && pop3_form_of(m, a->utf8) == POP3_AS_IT_IS;
}

void pop3_ahead_fill(struct pop3_ahead *a, const struct pop3_view *view, struct pop3_want first)
{
	struct pop3_want want = first;

	if (a->count > 0 || a->ready_count > LIMIT_POP3_AHEAD - BATCH)
		return;
	if (a->ready_count > 0)
		want.number = a->ready[a->ready_count - 1]->want.number + 1;
	want.form = POP3_AS_IT_IS;
	for (; a->count < a->batch; want.number++) {
		const struct pop3_message *m = pop3_view_find(view, want.number);
		if (!m || !is_cheap(a, m))
			break;
		want.uid = m->uid;
		a->want[a->count++] = want;
	}
	a->job = (struct job){ .run = ahead_run, .done = ahead_done };
	if (a->count > 0 && work_submit(a->work, WORK_READ, &a->job).code != ERR_OK)
		a->count = 0;
	a->batch = a->batch * 2 < BATCH ? a->batch * 2 : BATCH;
}

static bool is_same(const struct pop3_want *a, const struct pop3_want *b)
{
	return a->number == b->number && a->lines == b->lines;
}

struct pop3_opened *pop3_ahead_take(struct pop3_ahead *a, const struct pop3_want *want)
{
	for (size_t i = 0; i < a->ready_count; i++) {
		struct pop3_opened *opened = a->ready[i];
		if (!is_same(&opened->want, want))
			continue;
		a->ready[i] = NULL;
		close_first(a, i + 1);
		return opened;
	}
	return NULL;
}

bool pop3_ahead_await(struct pop3_ahead *a, struct session *session, const struct pop3_want *want,
                      enum next (*resumed)(struct session *session, struct session_wait *wait))
{
	for (size_t i = 0; i < a->count && !a->unwanted; i++) {
		if (!is_same(&a->want[i], want))
			continue;
		session_wait_begin(session, &a->wait, resumed, abandoned);
		a->awaited = true;
		return true;
	}
	return false;
}

void pop3_ahead_drop(struct pop3_ahead *a)
{
	close_first(a, a->ready_count);
	a->unwanted = a->count > 0;
	a->batch = FIRST_BATCH;
}

void pop3_ahead_free(struct pop3_ahead *a)
{
	if (!a)
		return;
	pop3_ahead_drop(a);
	a->gone = true;
	if (a->count == 0)
		free(a);
}
