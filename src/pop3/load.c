/* The view is read after the login, by workers, in slices: a mailbox of a million messages holds up nobody.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/link.h"
#include "pop3/session_internal.h"

struct load_job {
	struct session_job job; /* first */
	struct pop3_source source;
	struct pop3_view view; /* the session's, once it is complete */
	uint32_t uidnext;      /* of the first slice; 0: not yet begun */
	uint32_t after_uid;
	bool all_read;
	/* Surrogates whose sizes the lists will say (RFC 6856 §2.1). */
	bool surrogates;
	uint32_t measured; /* numbers up to here have their sizes */
	struct pop3_opened *measuring;
	bool complete;
	err result;
};

/* --- worker --- */

static err begin(struct load_job *j)
{
	struct mailbox_status status;

	TRY(mailbox_get_status(j->source.store, j->source.account_id, MAILBOX_INBOX, &status));
	TRY(pop3_view_reserve(&j->view, status.messages));
	j->view.uidvalidity = status.uidvalidity;
	j->uidnext = status.uidnext;
	return OK;
}

static err read_page(struct load_job *j)
{
	struct mailbox_row rows[LIMIT_READ_ROWS];
	size_t count;

	TRY(mailbox_read_rows(j->source.store, j->source.account_id, MAILBOX_INBOX, j->after_uid, rows,
	                      LIMIT_READ_ROWS, &count));
	j->all_read = count == 0;
	/* What came since the beginning would never end under load; it is there at the next login. */
	while (count > 0 && rows[count - 1].uid >= j->uidnext) {
		j->all_read = true;
		count--;
	}
	TRY(pop3_view_add(&j->view, rows, count));
	if (count > 0)
		j->after_uid = rows[count - 1].uid;
	return OK;
}

/* One that can't be made keeps the size of the message: RETR says why. */
static void measure_surrogate(struct load_job *j, uint32_t number, int64_t end_tick_ms)
{
	const struct pop3_want want = { .number = number,
		                        .uid = pop3_view_find(&j->view, number)->uid,
		                        .lines = POP3_WHOLE,
		                        .form = POP3_SURROGATE_COUNTED };
	err e = pop3_opened_prepare(j->source, want, end_tick_ms, &j->measuring);

	if (e.code == ERR_OK && !j->measuring->measured)
		return;
	if (e.code == ERR_OK)
		pop3_view_set_size(&j->view, number, pop3_opened_size(j->measuring));
	pop3_opened_close(j->measuring);
	j->measuring = NULL;
	j->measured = number;
}

static void measure_surrogates(struct load_job *j, int64_t end_tick_ms)
{
	while (j->measured < j->view.count && clock_tick_ms() < end_tick_ms) {
		if (j->surrogates && pop3_view_find(&j->view, j->measured + 1)->smtputf8)
			measure_surrogate(j, j->measured + 1, end_tick_ms);
		else
			j->measured++;
	}
	j->complete = j->measured == j->view.count;
}

static void load_run(struct job *job)
{
	struct load_job *j = (struct load_job *)(void *)job;
	int64_t end_tick_ms = clock_tick_ms() + LIMIT_SLICE_MS;

	j->result = j->uidnext ? OK : begin(j);
	while (j->result.code == ERR_OK && !j->all_read && clock_tick_ms() < end_tick_ms)
		j->result = read_page(j);
	if (j->result.code == ERR_OK && j->all_read)
		measure_surrogates(j, end_tick_ms);
}

/* --- loop --- */

static void job_free(struct load_job *j)
{
	pop3_opened_close(j->measuring);
	pop3_view_fini(&j->view);
	free(j);
}

static void load_abandoned(struct session_wait *wait)
{
	job_free(CONTAINER(wait, struct load_job, job.wait));
}

static enum next loaded(struct pop3_session *s, struct load_job *j)
{
	char room[64];
	struct buf text;

	s->view = j->view;
	free(j);
	s->state = POP3_STATE_TRANSACTION;
	buf_init_fixed(&text, room, sizeof room);
	buf_add_format(&text, "%" PRIu32 " messages (%" PRIu64 " octets)", s->view.left, s->view.left_octets);
	return pop3_say_with(s, POP3_REPLY_LOGGED_IN, buf_str(&text));
}

/* The session is where it was before the login. */
static enum next failed(struct pop3_session *s, struct load_job *j, err e)
{
	job_free(j);
	maildrop_unlock(s->server->locks, s->account_id);
	s->locked = false;
	if (e.code == ERR_LIMIT)
		return pop3_say(s, POP3_REPLY_TOO_LARGE);
	return pop3_say(s, e.code == ERR_BUSY || e.code == ERR_NOSPACE ? POP3_REPLY_BUSY : POP3_REPLY_FAILED);
}

static enum next next_slice(struct pop3_session *s, struct load_job *j);

static enum next load_resumed(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct load_job *j = CONTAINER(wait, struct load_job, job.wait);

	if (j->result.code != ERR_OK)
		return failed(s, j, j->result);
	return j->complete ? loaded(s, j) : next_slice(s, j);
}

static enum next next_slice(struct pop3_session *s, struct load_job *j)
{
	err e = session_submit(&s->session, s->server->work, WORK_BULK, &j->job, load_run, load_resumed,
	                       load_abandoned);

	return e.code == ERR_OK ? NEXT_WAIT : failed(s, j, e);
}

enum next pop3_load(struct pop3_session *s)
{
	struct load_job *j = calloc(1, sizeof *j);

	if (!j) {
		maildrop_unlock(s->server->locks, s->account_id);
		s->locked = false;
		return pop3_say(s, POP3_REPLY_BUSY);
	}
	j->source = (struct pop3_source){ s->server->store, s->server->flight, s->account_id };
	j->surrogates = !s->utf8;
	pop3_view_init(&j->view, &s->server->views);
	return next_slice(s, j);
}
