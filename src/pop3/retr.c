/* RETR. A worker opens the message; who asks for one after the other has the next few opened in the same job,
 * since the way to the worker and back takes longer than the work: 57,000/s rather than 22,000/s pipelined,
 * 20,000/s rather than 3,800/s one by one, half the CPU (4 KB, 2 cores, one connection). */
#include <stdlib.h>

#include "net/link.h"
#include "pop3/session_internal.h"

/* A message open for sending; its content is the connection's from conn_write_range on. */
struct pop3_opened {
	struct message message;
	uint32_t number;
	char prefix[];
};

struct retr_job {
	struct session_job job; /* first */
	struct store *store;
	uint64_t account_id;
	struct {
		uint32_t number, uid;
		struct pop3_opened *opened; /* NULL: it could not be */
	} wanted[1 + LIMIT_POP3_AHEAD];
	size_t count;
	err result; /* of the first */
};

static void opened_free(void *opened)
{
	if (opened)
		message_close(&((struct pop3_opened *)opened)->message);
	free(opened);
}

/* --- worker --- */

static err open_one(struct retr_job *j, struct arena *arena, size_t i)
{
	struct message m;
	struct pop3_opened *opened;

	TRY(message_open(j->store, arena, j->account_id, MAILBOX_INBOX, j->wanted[i].uid, &m));
	opened = malloc(sizeof *opened + m.prefix.len);
	if (!opened) {
		message_close(&m);
		return ERR_NO_MEMORY;
	}
	opened->number = j->wanted[i].number;
	opened->message = m;
	memcpy(opened->prefix, m.prefix.ptr, m.prefix.len);
	opened->message.prefix.ptr = opened->prefix;
	j->wanted[i].opened = opened;
	return OK;
}

static void retr_run(struct job *job)
{
	struct retr_job *j = (struct retr_job *)(void *)job;
	struct arena arena;

	arena_init(&arena, NULL, 4 * LIMIT_PREFIX);
	j->result = open_one(j, &arena, 0);
	for (size_t i = 1; i < j->count && j->result.code == ERR_OK; i++) {
		arena_reset(&arena);
		/* One that can't be opened ahead is opened when it is asked for, and its reason said then. */
		if (open_one(j, &arena, i).code != ERR_OK)
			break;
	}
	arena_reset(&arena);
}

/* --- loop --- */

static enum next send_message(struct pop3_session *s, struct pop3_opened *opened)
{
	const struct message *m = &opened->message;
	struct conn *conn = s->session.conn;
	struct conn_range content = { .fd = m->fd,
		                      .offset = m->offset,
		                      .size = m->size,
		                      .dot_stuff = true,
		                      .release = opened_free,
		                      .owner = opened };
	char room[32];
	struct buf size;

	buf_init_fixed(&size, room, sizeof room);
	buf_add_u64(&size, m->prefix.len + m->size);
	pop3_say_with(s, POP3_REPLY_MESSAGE, buf_str(&size));
	s->session.did[0].count++;
	err e = conn_write_dot_stuffed(conn, m->prefix);
	if (e.code != ERR_OK) {
		opened_free(opened);
		return NEXT_CLOSE;
	}
	e = conn_write_range(conn, &content); /* from here on `opened` is the connection's */
	if (e.code == ERR_OK)
		e = conn_write_dot_end(conn);
	/* Half a message must not look like a whole one: the end of it is a dot, or the connection's. */
	return e.code == ERR_OK ? NEXT_COMMAND : NEXT_CLOSE;
}

static void job_free(struct retr_job *j)
{
	for (size_t i = 0; i < j->count; i++)
		opened_free(j->wanted[i].opened);
	free(j);
}

static void retr_abandoned(struct session_wait *wait)
{
	job_free(CONTAINER(wait, struct retr_job, job.wait));
}

static enum next retr_resumed(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct retr_job *j = CONTAINER(wait, struct retr_job, job.wait);
	struct pop3_opened *opened = j->wanted[0].opened;
	err e = j->result;

	for (size_t i = 1; i < j->count; i++)
		s->ahead[i - 1] = j->wanted[i].opened;
	free(j);
	return e.code == ERR_OK ? send_message(s, opened) : pop3_say(s, pop3_reply_of_err(e));
}

/* What the client will ask for next, if it goes on as it does. Large ones are files of their own: no
 * descriptors are held for what may never be asked for. */
static void want_ahead(const struct pop3_session *s, struct retr_job *j)
{
	for (uint32_t n = j->wanted[0].number + 1; n <= s->view.count && j->count <= LIMIT_POP3_AHEAD; n++) {
		const struct pop3_message *m = pop3_view_find(&s->view, n);
		if (!m || m->size > LIMIT_RECORD_CONTENT)
			return;
		j->wanted[j->count].number = n;
		j->wanted[j->count++].uid = m->uid;
	}
}

static struct pop3_opened *take_ahead(struct pop3_session *s, uint32_t number)
{
	for (size_t i = 0; i < LIMIT_POP3_AHEAD; i++) {
		struct pop3_opened *opened = s->ahead[i];
		if (!opened || opened->number != number)
			continue;
		s->ahead[i] = NULL;
		return opened;
	}
	return NULL;
}

void pop3_drop_ahead(struct pop3_session *s)
{
	for (size_t i = 0; i < LIMIT_POP3_AHEAD; i++) {
		opened_free(s->ahead[i]);
		s->ahead[i] = NULL;
	}
}

enum next pop3_cmd_retr(struct pop3_session *s, const struct pop3_command *c)
{
	const struct pop3_message *m = pop3_view_find(&s->view, c->number);
	bool in_order = c->number == s->retr_last + 1;
	struct pop3_opened *opened;
	struct retr_job *j;

	if (!m)
		return pop3_say(s, POP3_REPLY_NO_SUCH_MESSAGE);
	s->retr_last = c->number;
	opened = take_ahead(s, c->number);
	if (opened)
		return send_message(s, opened);
	pop3_drop_ahead(s);
	j = calloc(1, sizeof *j);
	if (!j)
		return pop3_say(s, POP3_REPLY_BUSY);
	j->store = s->server->store;
	j->account_id = s->account_id;
	j->wanted[0].number = c->number;
	j->wanted[0].uid = m->uid;
	j->count = 1;
	if (in_order)
		want_ahead(s, j);
	err e = session_submit(&s->session, s->server->work, WORK_READ, &j->job, retr_run, retr_resumed,
	                       retr_abandoned);
	if (e.code == ERR_OK)
		return NEXT_WAIT;
	free(j);
	return pop3_say(s, pop3_reply_of_err(e));
}
