/* QUIT: the UPDATE state (RFC 1939 §6). All that is marked goes in one commit, and +OK says that it is
 * durable; the maildrop is the session's until the answer is there, also where the client is gone by then. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/link.h"
#include "pop3/session_internal.h"
#include "store/commit.h"

struct update {
	struct session_wait wait;
	struct commit commit;
	struct commit_op op;
	struct pop3_server *server;
	uint32_t *uids;
	char event[LIMIT_POP3_EVENT];
};

static void update_free(struct update *u)
{
	free(u->uids);
	free(u);
}

static void update_abandoned(struct session_wait *wait) { update_free(CONTAINER(wait, struct update, wait)); }

static enum next update_resumed(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct update *u = CONTAINER(wait, struct update, wait);
	char room[24];
	struct buf number;

	if (u->op.result.code == ERR_OK)
		session->did[1].count = u->op.expunge.uid_count;
	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, u->op.expunge.uid_count);
	pop3_say_with(s, u->op.result.code == ERR_OK ? POP3_REPLY_DELETED : POP3_REPLY_NOT_DELETED,
	              buf_str(&number));
	update_free(u);
	return NEXT_CLOSE;
}

static void update_done(struct commit *commit)
{
	struct update *u = commit->user;

	/* Before the reply: who has it may log in again at once. */
	maildrop_unlock(u->server->locks, u->op.expunge.account_id);
	if (u->op.result.code == ERR_OK)
		log_write_line(u->op.expunge.event);
	session_wake(&u->wait);
}

/* One line for the log and for trace: who deleted how many of which mailbox. */
static str describe(struct pop3_session *s, struct update *u)
{
	struct buf line;

	buf_init_fixed(&line, u->event, sizeof u->event);
	log_format(&line, clock_now(), EV_MESSAGE_DELETED,
	           (const struct log_field[]){ LOG_INT("session", s->session.id),
	                                       LOG_STR("service", str_of(s->session.protocol->service.name)),
	                                       LOG_STR("account", s->identity->address),
	                                       LOG_INT("count", u->op.expunge.uid_count),
	                                       LOG_INT("first_uid", u->uids[0]),
	                                       LOG_INT("last_uid", u->uids[u->op.expunge.uid_count - 1]),
	                                       { 0 } });
	return buf_err(&line).code == ERR_OK ? buf_str(&line) : STR("");
}

static err prepare(struct pop3_session *s, struct update **out)
{
	struct update *u = calloc(1, sizeof *u);

	if (!u)
		return ERR_NO_MEMORY;
	err e = pop3_view_take_marked(&s->view, &u->uids);
	if (e.code != ERR_OK) {
		update_free(u);
		return e;
	}
	u->server = s->server;
	u->op = (struct commit_op){ .kind = COMMIT_EXPUNGE,
		                    .expunge = { .account_id = s->account_id,
		                                 .mailbox_id = MAILBOX_INBOX,
		                                 .uids = u->uids,
		                                 .uid_count = s->view.count - s->view.left } };
	u->op.expunge.event = describe(s, u);
	u->commit = (struct commit){ .loop = conn_loop(s->session.conn),
		                     .done = update_done,
		                     .user = u,
		                     .ops = &u->op,
		                     .op_count = 1 };
	*out = u;
	return OK;
}

enum next pop3_cmd_quit(struct pop3_session *s, const struct pop3_command *c)
{
	struct update *u;

	(void)c;
	if (s->view.left == s->view.count) {
		pop3_leave(s);
		pop3_say(s, POP3_REPLY_BYE);
		return NEXT_CLOSE;
	}
	err e = prepare(s, &u);
	if (e.code != ERR_OK) {
		pop3_say(s, POP3_REPLY_NOT_DELETED);
		return NEXT_CLOSE;
	}
	s->locked = false; /* the commit has it now */
	pop3_leave(s);
	session_wait_begin(&s->session, &u->wait, update_resumed, update_abandoned);
	store_commit(s->server->store, &u->commit);
	return NEXT_WAIT;
}
