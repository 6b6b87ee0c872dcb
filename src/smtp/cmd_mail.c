/* MAIL FROM:<reverse-path> [SIZE=n] [BODY=7BIT|8BITMIME|BINARYMIME] [SMTPUTF8] [AUTH=...] (RFC 5321 §4.1.1.2,
 * RFC 1870, RFC 6152, RFC 3030, RFC 6531; RFC 4954 §5: whom the client claims to relay for is read and
 * believed by nobody, as for an untrusted one). A space after the colon is tolerated, as everybody does:
 * printers and old programs send it. */
#include "smtp/command_line.h"
#include "smtp/session_internal.h"

static enum next too_big(struct smtp_session *s, uint64_t limit)
{
	char room[24];
	struct buf number;

	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, limit);
	return smtp_say_with(s, SMTP_REPLY_TOO_BIG, buf_str(&number));
}

enum next smtp_cmd_mail(struct smtp_session *s, str argument)
{
	scan in = { argument, 0 };
	struct smtp_mail_parameters parameters;
	struct smtp_path path;
	uint64_t limit = atomic_load(&s->server->message_size_octets);
	enum smtp_reply wrong = smtp_may_send(s);
	err e;

	if (wrong != SMTP_REPLY_MAIL_OK)
		return smtp_say(s, wrong);
	if (s->transactions >= atomic_load(&s->server->transactions))
		return smtp_say(s, SMTP_REPLY_TOO_MANY_MESSAGES);
	if (!scan_word_nocase(&in, STR("FROM:")))
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, STR("it begins with FROM:"));
	scan_char(&in, ' ');
	e = smtp_reverse_path_parse(&in, &s->session.command_arena, &path);
	if (e.code == ERR_NOSPACE)
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	if (e.code != ERR_OK)
		return smtp_say_with(s, SMTP_REPLY_BAD_REVERSE_PATH, str_of(e.what));
	e = smtp_mail_parameters_parse(&in, &parameters);
	if (e.code == ERR_MISSING)
		return smtp_say(s, SMTP_REPLY_UNKNOWN_PARAMETER);
	if (e.code != ERR_OK)
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, str_of(e.what));
	if (parameters.has_auth && (!s->role->submission || s->role->local))
		return smtp_say(s, SMTP_REPLY_UNKNOWN_PARAMETER);
	if (path.is_wide && !parameters.smtputf8)
		return smtp_say(s, SMTP_REPLY_NEEDS_SMTPUTF8);
	if (parameters.size > limit)
		return too_big(s, limit);
	wrong = smtp_check_reverse_path(s, &path);
	if (wrong != SMTP_REPLY_MAIL_OK)
		return smtp_say_with(s, wrong, path.text);
	if (smtp_tx_new(s, &path, parameters.size, &s->tx).code != ERR_OK)
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	s->tx->smtputf8 = parameters.smtputf8;
	s->tx->binary = parameters.binary;
	s->chunk.owed = 0;
	s->transactions++;
	s->state = SMTP_STATE_MAIL;
	return smtp_say(s, SMTP_REPLY_MAIL_OK);
}
