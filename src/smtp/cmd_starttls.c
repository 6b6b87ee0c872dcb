/* STARTTLS (RFC 3207): after it the session begins anew. Nothing that was said in the clear counts, since
 * anybody on the way could have said it; what came behind the command is dropped by net/. */
#include "smtp/session_internal.h"

enum next smtp_cmd_starttls(struct smtp_session *s, str argument)
{
	(void)argument;
	if (conn_is_secure(s->session.conn))
		return smtp_say(s, SMTP_REPLY_TLS_ALREADY);
	if (!conn_can_start_tls(s->session.conn))
		return smtp_say(s, SMTP_REPLY_NO_TLS);
	smtp_say(s, SMTP_REPLY_START_TLS);
	return NEXT_TLS;
}

enum next smtp_secured(struct session *session)
{
	struct smtp_session *s = (struct smtp_session *)session;

	smtp_rollback(s);
	identity_free(s->identity);
	s->identity = NULL;
	s->state = SMTP_STATE_NEW;
	s->hello_len = 0;
	s->esmtp = false;
	return NEXT_COMMAND;
}
