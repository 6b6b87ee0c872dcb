/* RCPT TO:<forward-path> [NOTIFY=...] [ORCPT=...] (RFC 5321 §4.1.1.3, RFC 3461 §4). Where it leads is
 * deliver/route.h's; here it becomes a reply.
 */
#include "smtp/report.h"
#include "smtp/session_internal.h"

enum smtp_reply smtp_reply_of_route(enum route_answer answer)
{
	switch (answer) {
	case ROUTE_TAKEN:
		return SMTP_REPLY_RCPT_OK;
	case ROUTE_UNKNOWN:
		return SMTP_REPLY_UNKNOWN_USER;
	case ROUTE_FOREIGN:
		return SMTP_REPLY_RELAY_DENIED;
	case ROUTE_NOT_FORWARDED:
		return SMTP_REPLY_NOT_FORWARDED;
	case ROUTE_SUSPENDED:
		return SMTP_REPLY_SUSPENDED;
	case ROUTE_SUSPENDED_OLD:
		return SMTP_REPLY_SUSPENDED_OLD;
	case ROUTE_FULL:
		return SMTP_REPLY_FULL;
	case ROUTE_NOBODY:
		return SMTP_REPLY_NOBODY;
	case ROUTE_LOOP:
		return SMTP_REPLY_LOOP_OF_ALIASES;
	case ROUTE_NOT_LATER:
		return SMTP_REPLY_NOT_LATER;
	case ROUTE_TOO_MANY:
		return SMTP_REPLY_TOO_MANY_MAILBOXES;
	case ROUTE_BUSY:
		return SMTP_REPLY_BUSY;
	}
	return SMTP_REPLY_FAILED;
}

static enum next rejected(struct smtp_session *s, const struct smtp_path *path, enum smtp_reply reply)
{
	smtp_report_recipient_rejected(s, path->text, reply);
	return smtp_say(s, reply);
}

/* The app has sent all that it may for now. */
static enum next limited(struct smtp_session *s, const struct smtp_path *path, int64_t wait_ms)
{
	char room[24];
	struct buf seconds;

	buf_init_fixed(&seconds, room, sizeof room);
	buf_add_i64(&seconds, (wait_ms + 999) / 1000);
	smtp_report_recipient_rejected(s, path->text, SMTP_REPLY_LIMITED);
	return smtp_say_with(s, SMTP_REPLY_LIMITED, buf_str(&seconds));
}

enum next smtp_cmd_rcpt(struct smtp_session *s, str argument)
{
	scan in = { argument, 0 };
	struct smtp_rcpt_parameters parameters;
	struct smtp_path path;
	enum route_answer answer;
	int64_t wait_ms = 0;
	err e;

	if (!scan_word_nocase(&in, STR("TO:")))
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, STR("it begins with TO:"));
	scan_char(&in, ' ');
	e = smtp_forward_path_parse(&in, &s->session.command_arena, &path);
	if (e.code == ERR_NOSPACE)
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	if (e.code != ERR_OK)
		return smtp_say_with(s, SMTP_REPLY_BAD_FORWARD_PATH, str_of(e.what));
	e = smtp_rcpt_parameters_parse(&in, &s->session.command_arena, &parameters);
	if (e.code != ERR_OK)
		return smtp_say_parameters(s, e);
	if ((path.is_wide || parameters.is_wide) && !s->tx->smtputf8)
		return smtp_say(s, SMTP_REPLY_NEEDS_SMTPUTF8);
	if (s->tx->path_count >= atomic_load(&s->server->recipients))
		return smtp_say(s, SMTP_REPLY_TOO_MANY_RECIPIENTS);
	if (!smtp_limit_take(s, &wait_ms))
		return limited(s, &path, wait_ms);
	answer = smtp_tx_add_path(s, &path, &parameters);
	if (answer == ROUTE_TAKEN) {
		s->state = SMTP_STATE_RCPT;
		return smtp_say(s, SMTP_REPLY_RCPT_OK);
	}
	smtp_limit_give_back(s->tx, 1);
	return rejected(s, &path, smtp_reply_of_route(answer));
}
