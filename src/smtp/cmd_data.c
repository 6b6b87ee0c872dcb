/* DATA (RFC 5321 §4.1.1.4): 354, the content, one commit, one reply. What BDAT does in the same way stands
 * here too (smtp_message_...).
 *
 *   octets -> [a draft that grows is written by a worker, meanwhile nothing is read] -> the final dot
 *          -> [a draft that is a file is synced by a worker] -> [a notice is made by a worker] -> commit ->
 * smtp/finish.c
 *
 * In [ ] and while the commit is under way the transaction is lent (smtp/tx.h). */
#include <stdio.h>

#include "base/clock.h"
#include "deliver/prefix.h"
#include "smtp/session_internal.h"
#include "smtp/success.h"
#include "store/draft.h"

static struct smtp_flight flight_of(struct smtp_session *s)
{
	struct smtp_server *server = s->server;
	unsigned loop = loop_number(conn_loop(s->session.conn));

	if (server->flight && !server->loops[loop].taken) {
		server->loops[loop].taken = true;
		server->loops[loop].slot = flight_slot_take(server->flight);
	}
	return (struct smtp_flight){ server->flight, server->loops[loop].slot, s->session.peer };
}

err smtp_message_begin(struct smtp_session *s, bool counted)
{
	struct conn_tls_description tls = { 0 };
	struct smtp_tx *tx = s->tx;
	char room[2 * LIMIT_KB];
	bool secure = conn_tls_describe(s->session.conn, &tls);
	struct buf trace;

	tx->received_ms = clock_now();
	buf_init_fixed(&trace, room, sizeof room);
	trace_add(&trace, &(struct trace){ .hello = smtp_hello(s),
	                                   .peer = s->session.peer,
	                                   .login = s->local ? s->local->login.name : STR(""),
	                                   .hostname = s->server->hostname,
	                                   .lmtp = s->role->lmtp,
	                                   .esmtp = s->esmtp,
	                                   .utf8 = tx->smtputf8,
	                                   .tls = secure,
	                                   .authenticated = s->identity != NULL,
	                                   .tls_cipher = tls.cipher,
	                                   .tls_group = tls.group,
	                                   .id = tx->id,
	                                   .for_path = tx->path_count == 1 ? tx->first_path->text : STR(""),
	                                   .time_ms = tx->received_ms });
	TRY(buf_err(&trace));
	TRY(smtp_content_begin(&tx->content,
	                       &(struct smtp_content_options){ .store = s->server->store,
	                                                       .pool = tx->arena.pool,
	                                                       .hostname = s->server->hostname,
	                                                       .trace = buf_str(&trace),
	                                                       .size_limit = tx->size_limit,
	                                                       .counted = counted,
	                                                       .binary = tx->binary,
	                                                       .local = tx->route.count > 0,
	                                                       .sent = tx->route.remotes.count > 0,
	                                                       .flight = flight_of(s) }));
	TRY(smtp_success_begin(tx));
	return smtp_submission_begin(s);
}

enum next smtp_cmd_data(struct smtp_session *s, str argument)
{
	(void)argument;
	if (s->tx->binary)
		return smtp_say(s, SMTP_REPLY_NEEDS_BDAT);
	if (smtp_message_begin(s, false).code != ERR_OK) {
		smtp_rollback(s);
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	}
	s->state = SMTP_STATE_DATA;
	smtp_say(s, SMTP_REPLY_SEND_DATA);
	return NEXT_OCTETS;
}

/* --- the commit --- */

static enum next settle(struct smtp_session *s);

static enum next data_committed(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;
	struct smtp_tx *tx = smtp_tx_of_commit_wait(wait);
	err e = tx->ops[0].result;

	smtp_tx_take_back(s, tx);
	if (e.code != ERR_OK && s->role->lmtp && smtp_tx_leave_out(s, tx))
		return settle(s);
	return smtp_message_finish(s, smtp_reply_of_commit(e), e);
}

static void commit_abandoned(struct session_wait *wait)
{
	struct smtp_tx *tx = smtp_tx_of_commit_wait(wait);

	if (tx->ops[0].result.code == ERR_OK)
		tx->limit_taken = 0; /* it was delivered, though nobody is there to hear it */
	smtp_tx_free(tx);
}

static enum next commit(struct smtp_session *s)
{
	struct smtp_tx *tx = s->tx;
	err e = smtp_tx_prepare_commit(s, tx);

	if (e.code != ERR_OK)
		return smtp_message_finish(s, smtp_reply_of_err(e), e);
	session_wait_begin(&s->session, &tx->commit_wait, data_committed, commit_abandoned);
	smtp_tx_lend(s);
	store_commit(tx->server->store, &tx->commit);
	return NEXT_WAIT;
}

/* --- work on the draft --- */

static void job_abandoned(struct session_wait *wait) { smtp_tx_free(smtp_tx_of_job_wait(wait)); }

static enum next submit(struct smtp_session *s, void (*run)(struct job *job),
                        enum next (*resumed)(struct session *s, struct session_wait *wait), err *e)
{
	*e = session_submit(&s->session, s->server->work, WORK_WRITE, &s->tx->job, run, resumed,
	                    job_abandoned);
	if (e->code == ERR_OK)
		smtp_tx_lend(s);
	return NEXT_WAIT;
}

static void write_run(struct job *job)
{
	struct smtp_tx *tx = (struct smtp_tx *)(void *)job;
	char path[LIMIT_PATH_NAME];
	int size = snprintf(path, sizeof path, STR_FMT "/" STR_FMT ".eml", STR_ARG(tx->server->aside_dir),
	                    STR_ARG(tx->id));

	assert(size > 0 && (size_t)size < sizeof path);
	tx->job_result = smtp_content_write(&tx->content, path);
}

static void sync_run(struct job *job)
{
	struct smtp_tx *tx = (struct smtp_tx *)(void *)job;

	tx->job_result = draft_sync(tx->content.draft);
}

static enum next data_synced(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;
	struct smtp_tx *tx = smtp_tx_of_job_wait(wait);

	smtp_tx_take_back(s, tx);
	if (tx->job_result.code != ERR_OK)
		return smtp_message_finish(s, smtp_reply_of_err(tx->job_result), tx->job_result);
	return settle(s);
}

static void success_run(struct job *job)
{
	struct smtp_tx *tx = (struct smtp_tx *)(void *)job;

	tx->job_result = smtp_success_make(tx);
}

static enum next success_made(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;
	struct smtp_tx *tx = smtp_tx_of_job_wait(wait);

	smtp_tx_take_back(s, tx);
	if (tx->job_result.code != ERR_OK)
		return smtp_message_finish(s, smtp_reply_of_err(tx->job_result), tx->job_result);
	return commit(s);
}

/* The message is on disk or fits into its record; a notice that it owes is made before it is committed. */
static enum next settle(struct smtp_session *s)
{
	enum next next;
	err e;

	if (!s->tx->success)
		return commit(s);
	e = smtp_tx_prepare_summary(s->tx);
	if (e.code != ERR_OK)
		return smtp_message_finish(s, smtp_reply_of_err(e), e);
	next = submit(s, success_run, success_made, &e);
	return e.code == ERR_OK ? next : smtp_message_finish(s, smtp_reply_of_err(e), e);
}

static enum next data_put_aside(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;

	smtp_tx_take_back(s, smtp_tx_of_job_wait(wait));
	return smtp_message_finish(s, SMTP_REPLY_QUARANTINED, OK);
}

enum next smtp_message_end(struct smtp_session *s)
{
	struct smtp_content *content = &s->tx->content;
	enum smtp_reply verdict = smtp_content_verdict(content);
	err e, why = content->failed;
	enum next next;

	if (verdict == SMTP_REPLY_ACCEPTED)
		verdict = smtp_check_origin(s, &why);
	if (verdict == SMTP_REPLY_ACCEPTED) {
		smtp_content_read(content);
		verdict = smtp_content_verdict(content);
	}
	if (verdict == SMTP_REPLY_QUARANTINED && content->draft) {
		next = submit(s, write_run, data_put_aside, &e);
		return e.code == ERR_OK ? next : smtp_message_finish(s, verdict, OK);
	}
	if (verdict != SMTP_REPLY_ACCEPTED)
		return smtp_message_finish(s, verdict, why);
	if (!draft_finish(content->draft))
		return settle(s);
	next = submit(s, sync_run, data_synced, &e);
	return e.code == ERR_OK ? next : smtp_message_finish(s, smtp_reply_of_err(e), e);
}

static enum next data_written(struct session *session, struct session_wait *wait)
{
	struct smtp_session *s = (struct smtp_session *)session;
	struct smtp_tx *tx = smtp_tx_of_job_wait(wait);

	smtp_tx_take_back(s, tx);
	if (tx->job_result.code != ERR_OK)
		smtp_content_drop(&tx->content, tx->job_result);
	return s->state == SMTP_STATE_CHUNK ? smtp_chunk_taken(s) : NEXT_OCTETS;
}

enum next smtp_message_octets(struct smtp_session *s, str octets, size_t *used)
{
	enum next next;
	err e;

	switch (smtp_content_take(&s->tx->content, octets, used)) {
	case SMTP_CONTENT_MORE:
		return NEXT_OCTETS;
	case SMTP_CONTENT_ENDED:
		return smtp_message_end(s);
	case SMTP_CONTENT_WRITE:
		break;
	}
	smtp_content_read(&s->tx->content);
	next = submit(s, write_run, data_written, &e);
	if (e.code == ERR_OK)
		return next;
	smtp_content_drop(&s->tx->content, e);
	return NEXT_OCTETS;
}
