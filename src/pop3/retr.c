/* RETR and TOP. A worker opens the message; who asks for one after the other has the next few opened in the
 * same job, since the way to the worker and back takes longer than the work: 57,000/s rather than 22,000/s
 * pipelined, 20,000/s rather than 3,800/s one by one, half the CPU (4 KB, 2 cores, one connection). */
#include <stdlib.h>

#include "base/clock.h"
#include "net/link.h"
#include "pop3/session_internal.h"

struct retr_job {
	struct session_job job; /* first */
	struct pop3_source source;
	struct {
		struct pop3_want want;
		struct pop3_opened *opened; /* NULL: not yet, or it could not be */
	} item[1 + LIMIT_POP3_AHEAD];
	size_t count;
	err result; /* of the first */
};

/* --- worker --- */

/* As far as the time allows: what is not measured then goes on in another slice. */
static err open_item(struct retr_job *j, size_t i, int64_t end_tick_ms)
{
	if (!j->item[i].opened)
		TRY(pop3_opened_open(j->source, j->item[i].want, &j->item[i].opened));
	return pop3_opened_measure(j->item[i].opened, end_tick_ms);
}

static void retr_run(struct job *job)
{
	struct retr_job *j = (struct retr_job *)(void *)job;
	int64_t end_tick_ms = clock_tick_ms() + LIMIT_READ_SLICE_MS;

	j->result = open_item(j, 0, end_tick_ms);
	if (j->result.code != ERR_OK || !j->item[0].opened->measured)
		return;
	/* One that can't be opened ahead is opened when it is asked for, and its reason said then. */
	for (size_t i = 1; i < j->count && clock_tick_ms() < end_tick_ms; i++)
		if (open_item(j, i, end_tick_ms).code != ERR_OK)
			return;
}

/* --- loop --- */

static enum next send_message(struct pop3_session *s, struct pop3_opened *opened)
{
	bool top = opened->want.lines != POP3_WHOLE;
	char room[32];
	struct buf size;

	buf_init_fixed(&size, room, sizeof room);
	buf_add_u64(&size, pop3_opened_size(opened));
	pop3_say_with(s, top ? POP3_REPLY_TOP : POP3_REPLY_MESSAGE, buf_str(&size));
	s->session.did[0].count += !top;
	return pop3_opened_send(opened, s->session.conn).code == ERR_OK ? NEXT_COMMAND : NEXT_CLOSE;
}

static void job_free(struct retr_job *j)
{
	for (size_t i = 0; i < j->count; i++)
		pop3_opened_close(j->item[i].opened);
	free(j);
}

static void retr_abandoned(struct session_wait *wait)
{
	job_free(CONTAINER(wait, struct retr_job, job.wait));
}

static enum next submit(struct pop3_session *s, struct retr_job *j);

static enum next retr_resumed(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct retr_job *j = CONTAINER(wait, struct retr_job, job.wait);
	struct pop3_opened *opened = j->item[0].opened;
	err e = j->result;

	if (e.code == ERR_OK && !opened->measured)
		return submit(s, j);
	if (e.code != ERR_OK) {
		job_free(j);
		return pop3_say(s, e.code == ERR_LIMIT ? POP3_REPLY_NEEDS_UTF8 : pop3_reply_of_err(e));
	}
	for (size_t i = 1; i < j->count; i++) {
		struct pop3_opened *next = j->item[i].opened;
		if (next && next->measured)
			s->ahead[i - 1] = next;
		else
			pop3_opened_close(next);
	}
	free(j);
	return send_message(s, opened);
}

static enum next submit(struct pop3_session *s, struct retr_job *j)
{
	err e = session_submit(&s->session, s->server->work, WORK_READ, &j->job, retr_run, retr_resumed,
	                       retr_abandoned);

	if (e.code == ERR_OK)
		return NEXT_WAIT;
	job_free(j);
	return pop3_say(s, pop3_reply_of_err(e));
}

static enum pop3_form form_of(const struct pop3_session *s, const struct pop3_message *m)
{
	return m->smtputf8 && !s->utf8 ? POP3_SURROGATE : POP3_AS_IT_IS;
}

/* What the client will ask for next, if it goes on as it does. Large ones and surrogates are files of
 * their own: no descriptors are held for what may never be asked for. */
static void want_ahead(const struct pop3_session *s, struct retr_job *j)
{
	struct pop3_want want = j->item[0].want;

	while (j->count <= LIMIT_POP3_AHEAD) {
		const struct pop3_message *m = pop3_view_find(&s->view, ++want.number);
		if (!m || m->size > LIMIT_RECORD_CONTENT || form_of(s, m) != POP3_AS_IT_IS)
			return;
		want.uid = m->uid;
		want.form = POP3_AS_IT_IS;
		j->item[j->count++].want = want;
	}
}

static struct pop3_opened *take_ahead(struct pop3_session *s, const struct pop3_want *want)
{
	for (size_t i = 0; i < LIMIT_POP3_AHEAD; i++) {
		struct pop3_opened *opened = s->ahead[i];
		if (!opened || opened->want.number != want->number || opened->want.lines != want->lines)
			continue;
		s->ahead[i] = NULL;
		return opened;
	}
	return NULL;
}

void pop3_drop_ahead(struct pop3_session *s)
{
	for (size_t i = 0; i < LIMIT_POP3_AHEAD; i++) {
		pop3_opened_close(s->ahead[i]);
		s->ahead[i] = NULL;
	}
}

enum next pop3_cmd_retr(struct pop3_session *s, const struct pop3_command *c)
{
	const struct pop3_message *m = pop3_view_find(&s->view, c->number);
	struct pop3_want want = { .number = c->number, .lines = c->verb == POP3_TOP ? c->lines : POP3_WHOLE };
	bool in_order = want.number == s->last.number + 1 && want.lines == s->last.lines;
	struct pop3_opened *opened;
	struct retr_job *j;

	if (!m)
		return pop3_say(s, POP3_REPLY_NO_SUCH_MESSAGE);
	want.uid = m->uid;
	want.form = form_of(s, m);
	s->last = want;
	opened = take_ahead(s, &want);
	if (opened)
		return send_message(s, opened);
	pop3_drop_ahead(s);
	j = calloc(1, sizeof *j);
	if (!j)
		return pop3_say(s, POP3_REPLY_BUSY);
	j->source = (struct pop3_source){ s->server->store, s->server->flight, s->account_id };
	j->item[0].want = want;
	j->count = 1;
	if (in_order)
		want_ahead(s, j);
	return submit(s, j);
}
