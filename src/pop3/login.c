/* USER and PASS (RFC 1939 §7): the password is checked by a worker, then the maildrop is locked and loaded.
 */
#include <stdlib.h>

#include "auth/login.h"
#include "base/log.h"
#include "deliver/address.h"
#include "net/link.h"
#include "pop3/session_internal.h"

struct login_job {
	struct session_job job; /* first */
	struct store *store;
	struct login login;
};

enum next pop3_cmd_user(struct pop3_session *s, const struct pop3_command *c)
{
	str address = STR("");

	if (!pop3_takes_passwords(s))
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	/* What is no address is nobody's: PASS refuses it as it does any other, after the same time. */
	if (address_normalise(&s->session.command_arena, c->text, &address).code != ERR_OK ||
	    address.len > sizeof s->user)
		address = STR("");
	memcpy(s->user, address.ptr, address.len);
	s->user_len = address.len;
	s->user_given = true;
	return pop3_say(s, POP3_REPLY_USER_OK);
}

static void log_login(const struct pop3_session *s, enum log_event event, str account, const char *why)
{
	char text[64];
	struct buf peer;

	buf_init_fixed(&peer, text, sizeof text);
	ip_format(&peer, s->session.peer);
	log_event(event, LOG_INT("session", s->session.id), LOG_STR("service", STR("pop3")),
	          LOG_STR("account", account), LOG_STR("remote_ip", buf_str(&peer)),
	          { why[0] ? "why" : NULL, LOG_FIELD_STR, str_of(why), 0 });
}

/* --- refused: the answer waits, longer each time, so that guessing takes for ever --- */

static enum next refusal_due(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;

	(void)wait;
	if (s->failures < LIMIT_LOGIN_TRIES)
		return pop3_say(s, POP3_REPLY_REFUSED);
	pop3_say(s, POP3_REPLY_REFUSED_OFTEN);
	return NEXT_CLOSE;
}

/* The wait is the session's own and holds nothing. */
static void refusal_abandoned(struct session_wait *wait) { (void)wait; }

static void pause_over(struct timer *timer)
{
	session_wake(&CONTAINER(timer, struct pop3_session, pause)->pause_wait);
}

static enum next refuse(struct pop3_session *s)
{
	s->pause.fire = pause_over;
	session_wait_begin(&s->session, &s->pause_wait, refusal_due, refusal_abandoned);
	loop_timer_set(conn_loop(s->session.conn), &s->pause, (int64_t)LIMIT_LOGIN_DELAY_MS << s->failures);
	s->failures++;
	return NEXT_WAIT;
}

/* --- granted --- */

static enum next granted(struct pop3_session *s, uint64_t account_id)
{
	err e = maildrop_lock(s->server->locks, account_id);

	if (e.code != ERR_OK)
		return pop3_say(s, e.code == ERR_BUSY ? POP3_REPLY_IN_USE : POP3_REPLY_FAILED);
	s->locked = true;
	s->account_id = account_id;
	return pop3_load(s);
}

/* --- the check --- */

static void login_run(struct job *job)
{
	struct login_job *j = (struct login_job *)(void *)job;

	login_check(&j->login, j->store);
}

static void login_abandoned(struct session_wait *wait) { free(CONTAINER(wait, struct login_job, job.wait)); }

static enum next login_resumed(struct session *session, struct session_wait *wait)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct login_job *j = CONTAINER(wait, struct login_job, job.wait);
	enum login_answer answer = j->login.answer;
	uint64_t account_id = j->login.account_id;

	log_login(s, answer == LOGIN_GRANTED ? EV_AUTH_SUCCEEDED : EV_AUTH_FAILED, login_address(&j->login),
	          login_refusal(answer));
	free(j);
	if (answer == LOGIN_GRANTED)
		return granted(s, account_id);
	return answer == LOGIN_LATER ? pop3_say(s, POP3_REPLY_FAILED) : refuse(s);
}

enum next pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c)
{
	struct login_job *j;

	if (!pop3_takes_passwords(s))
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	if (!s->user_given)
		return pop3_say(s, POP3_REPLY_USER_FIRST);
	s->user_given = false; /* whatever comes of it, another try begins with USER (RFC 1939 §7) */
	j = calloc(1, sizeof *j);
	if (!j)
		return pop3_say(s, POP3_REPLY_FAILED);
	j->store = s->server->store;
	login_set(&j->login, (str){ s->user, s->user_len }, c->text);
	err e = session_submit(&s->session, s->server->work, WORK_PASSWORD, &j->job, login_run, login_resumed,
	                       login_abandoned);
	if (e.code == ERR_OK)
		return NEXT_WAIT;
	explicit_bzero(j, sizeof *j);
	free(j);
	return pop3_say(s, pop3_reply_of_err(e));
}
