/* The view is read after the login, by workers, in slices: a mailbox of a million messages holds up nobody.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/link.h"
#include "pop3/session_internal.h"

struct load_job {
	struct session_job job; /* first */
	struct store *store;
	uint64_t account_id;
	struct pop3_view view; /* the session's, once it is complete */
	uint32_t uidnext;      /* of the first slice; 0: not yet begun */
	uint32_t after_uid;
	bool complete;
	err result;
};

/* --- worker --- */

static err begin(struct load_job *j)
{
	struct mailbox_status status;

	TRY(mailbox_get_status(j->store, j->account_id, MAILBOX_INBOX, &status));
	TRY(pop3_view_reserve(&j->view, status.messages));
	j->view.uidvalidity = status.uidvalidity;
	j->uidnext = status.uidnext;
	return OK;
}

static err read_page(struct load_job *j)
{
	struct mailbox_row rows[LIMIT_READ_ROWS];
	size_t count;

	TRY(mailbox_read_rows(j->store, j->account_id, MAILBOX_INBOX, j->after_uid, rows, LIMIT_READ_ROWS,
	                      &count));
	j->complete = count == 0;
	/* What came since the beginning would never end under load; it is there at the next login. */
	while (count > 0 && rows[count - 1].uid >= j->uidnext) {
		j->complete = true;
		count--;
	}
	TRY(pop3_view_add(&j->view, rows, count));
	if (count > 0)
		j->after_uid = rows[count - 1].uid;
	return OK;
}

static void load_run(struct job *job)
{
	struct load_job *j = (struct load_job *)(void *)job;
	int64_t end_tick_ms = clock_tick_ms() + LIMIT_SLICE_MS;

	j->result = j->uidnext ? OK : begin(j);
	while (j->result.code == ERR_OK && !j->complete && clock_tick_ms() < end_tick_ms)
		j->result = read_page(j);
}

/* --- loop --- */

static void job_free(struct load_job *j)
{
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
	j->store = s->server->store;
	j->account_id = s->account_id;
	pop3_view_init(&j->view, &s->server->views);
	return next_slice(s, j);
}
