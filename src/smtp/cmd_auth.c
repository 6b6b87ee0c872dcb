/* AUTH (RFC 4954): the exchange is session/sasl.h's; here its words become SMTP's. */
#include "auth/identity.h"
#include "smtp/session_internal.h"

static void challenge(struct session *session, str base64)
{
	session_write(session, STR("334 "));
	session_write(session, base64);
	session_write(session, CRLF);
}

static enum next granted(struct smtp_session *s, struct identity *identity)
{
	s->identity = identity;
	s->errors = 0;
	return smtp_say(s, SMTP_REPLY_LOGGED_IN);
}

/* Whoever guesses is not given more than a few in one connection. */
static enum next refused(struct smtp_session *s)
{
	if (s->sasl.failures < LIMIT_LOGIN_TRIES)
		return smtp_say(s, SMTP_REPLY_WRONG_LOGIN);
	smtp_write(s, SMTP_REPLY_WRONG_LOGIN, STR(""));
	return smtp_say(s, SMTP_REPLY_TOO_MANY_LOGINS);
}

static enum next ended(struct session *session, enum sasl_end end, struct identity *identity)
{
	struct smtp_session *s = (struct smtp_session *)session;

	switch (end) {
	case SASL_END_GRANTED:
		return granted(s, identity);
	case SASL_END_REFUSED:
		return refused(s);
	case SASL_END_LATER:
		return smtp_say(s, SMTP_REPLY_LOGIN_LATER);
	case SASL_END_CANCELLED:
		return smtp_say(s, SMTP_REPLY_LOGIN_CANCELLED);
	case SASL_END_NOT_BASE64:
		return smtp_say(s, SMTP_REPLY_NOT_BASE64);
	case SASL_END_MALFORMED:
		return smtp_say(s, SMTP_REPLY_BAD_SASL);
	case SASL_END_TOO_LONG:
		return smtp_say(s, SMTP_REPLY_LONG_SASL);
	case SASL_END_NO_MECHANISM:
		return smtp_say(s, SMTP_REPLY_NO_MECHANISM);
	case SASL_END_NEEDS_TLS:
		return smtp_say(s, SMTP_REPLY_LOGIN_NEEDS_TLS);
	}
	return smtp_say(s, SMTP_REPLY_FAILED);
}

const struct sasl_protocol smtp_sasl = { .challenge = challenge, .ended = ended };

enum next smtp_cmd_auth(struct smtp_session *s, str argument)
{
	if (s->identity)
		return smtp_say(s, SMTP_REPLY_LOGGED_IN_ALREADY);
	return sasl_begin(&s->session, &s->sasl, argument);
}
