/* Logging in: USER and PASS (RFC 1939 §7) or AUTH (RFC 5034); then the maildrop is locked and loaded. How a
 * password is checked, and what wrong ones cost, is session/sasl.h's.
 */
#include "pop3/session_internal.h"

enum next pop3_cmd_user(struct pop3_session *s, const struct pop3_command *c)
{
	if (!pop3_takes_passwords(s))
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	/* Too long for any address: PASS refuses it as it does any other name. */
	s->user_len = c->text.len < sizeof s->user ? c->text.len : sizeof s->user;
	memcpy(s->user, c->text.ptr, s->user_len);
	s->user_given = true;
	return pop3_say(s, POP3_REPLY_USER_OK);
}

enum next pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c)
{
	if (!pop3_takes_passwords(s))
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	if (!s->user_given)
		return pop3_say(s, POP3_REPLY_USER_FIRST);
	s->user_given = false; /* whatever comes of it, another try begins with USER (RFC 1939 §7) */
	return sasl_password(&s->session, &s->sasl, "USER", (str){ s->user, s->user_len }, c->text);
}

enum next pop3_cmd_auth(struct pop3_session *s, const struct pop3_command *c)
{
	char room[LIMIT_POP3_REPLY];
	struct buf offered;
	str rest;

	if (c->text.len > 0)
		return sasl_begin(&s->session, &s->sasl, c->text);
	/* How programs asked before there was CAPA, and some still do. */
	buf_init_fixed(&offered, room, sizeof room);
	sasl_add_mechanisms(&s->session, &s->sasl, &offered);
	if (offered.len == 0)
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	pop3_say(s, POP3_REPLY_MECHANISMS);
	rest = str_from(buf_str(&offered), 1);
	while (rest.len > 0) {
		session_write(&s->session, str_cut(&rest, ' '));
		session_write(&s->session, CRLF);
	}
	session_write(&s->session, STR(".\r\n"));
	return NEXT_COMMAND;
}

static enum next granted(struct pop3_session *s, struct identity *identity)
{
	identity_free(s->identity); /* of a login that met a lock */
	s->identity = identity;
	/* Its password lies in a shop's database: whoever finds it there is to read no mail. */
	if (identity->app.len > 0)
		return pop3_say(s, POP3_REPLY_APP);
	err e = maildrop_lock(s->server->locks, identity->account_id);
	if (e.code != ERR_OK)
		return pop3_say(s, e.code == ERR_BUSY ? POP3_REPLY_IN_USE : POP3_REPLY_FAILED);
	s->locked = true;
	s->account_id = identity->account_id;
	return pop3_load(s);
}

static enum next refused(struct pop3_session *s)
{
	if (s->sasl.failures < LIMIT_LOGIN_TRIES)
		return pop3_say(s, POP3_REPLY_REFUSED);
	pop3_say(s, POP3_REPLY_REFUSED_OFTEN);
	return NEXT_CLOSE;
}

static enum next ended(struct session *session, enum sasl_end end, struct identity *identity)
{
	struct pop3_session *s = (struct pop3_session *)session;

	switch (end) {
	case SASL_END_GRANTED:
		return granted(s, identity);
	case SASL_END_REFUSED:
		return refused(s);
	case SASL_END_LATER:
		return pop3_say(s, POP3_REPLY_LOGIN_LATER);
	case SASL_END_CANCELLED:
		return pop3_say(s, POP3_REPLY_AUTH_CANCELLED);
	case SASL_END_NOT_BASE64:
	case SASL_END_MALFORMED:
	case SASL_END_TOO_LONG:
		return pop3_say(s, POP3_REPLY_AUTH_MALFORMED);
	case SASL_END_NO_MECHANISM:
		return pop3_say(s, POP3_REPLY_AUTH_NO_MECHANISM);
	case SASL_END_NEEDS_TLS:
		return pop3_say(s, POP3_REPLY_NEEDS_TLS);
	}
	assert(false);
	return NEXT_CLOSE;
}

/* continue-req = "+" SP [base64] CRLF (RFC 5034 §5) */
static void challenge(struct session *s, str base64)
{
	session_write(s, STR("+ "));
	session_write(s, base64);
	session_write(s, CRLF);
}

const struct sasl_protocol pop3_sasl = { .challenge = challenge, .ended = ended };
