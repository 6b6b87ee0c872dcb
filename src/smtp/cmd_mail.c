/* MAIL FROM:<reverse-path> [parameters] (RFC 5321 §4.1.1.2; smtp/parameters.h; RFC 4954 §5: whom the client
 * claims to relay for is read and believed by nobody, as for an untrusted one). A space after the colon is
 * tolerated, as everybody does: printers and old programs send it. */
#include "base/clock.h"
#include "smtp/session_internal.h"

static enum next too_big(struct smtp_session *s, uint64_t limit)
{
	char room[24];
	struct buf number;

	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, limit);
	return smtp_say_with(s, SMTP_REPLY_TOO_BIG, buf_str(&number));
}

enum next smtp_say_parameters(struct smtp_session *s, err e)
{
	if (e.code == ERR_MISSING)
		return smtp_say(s, SMTP_REPLY_UNKNOWN_PARAMETER);
	if (e.code == ERR_NOSPACE)
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT,
	                     e.code == ERR_LIMIT ? STR("a parameter is too long") : str_of(e.what));
}

bool smtp_offers_timing(const struct smtp_session *s) { return s->role->submission && !s->role->local; }

static bool is_offered(const struct smtp_session *s, const struct smtp_mail_parameters *p)
{
	return smtp_offers_timing(s) || !(p->has_auth || p->has_hold || p->by_mode || p->has_priority);
}

/* When it is to be sent, and by when. A time that is over when it gets here holds nothing. OK, or ERR_SYNTAX
 * as RFC 4865 §4.2 and §5.2.2 want it; ERR_LIMIT: less time than can be promised (RFC 2852 §3). */
static err ask_times(const struct smtp_mail_parameters *p, int64_t now_ms, struct queue_envelope *out)
{
	int64_t until_ms = p->hold_for_s > 0 ? now_ms + 1000 * p->hold_for_s : p->hold_until_ms;

	if (p->has_hold && until_ms > now_ms + INT64_C(1000) * LIMIT_HOLD_S)
		return (err){ ERR_SYNTAX, 0, "HOLDFOR or HOLDUNTIL is further away than EHLO says" };
	if (p->has_hold && until_ms > now_ms)
		out->hold_until_ms = until_ms;
	if (!p->by_mode)
		return OK;
	if (p->by_mode == 'R' && p->by_s < LIMIT_BY_LEAST_S)
		return (err){ ERR_LIMIT, 0, "BY leaves too little time" };
	out->by_mode = p->by_mode;
	out->by_trace = p->by_trace;
	out->by_ms = now_ms + 1000 * p->by_s;
	if (out->hold_until_ms > out->by_ms)
		return (err){ ERR_SYNTAX, 0,
			      "the message would be held until after the time that BY gives it" };
	return OK;
}

/* A transaction with what was asked for. */
static err begin(struct smtp_session *s, const struct smtp_path *path, const struct smtp_mail_parameters *p,
                 const struct queue_envelope *asked)
{
	TRY(smtp_tx_new(s, path, p->size, &s->tx));
	s->tx->smtputf8 = p->smtputf8;
	s->tx->binary = p->binary;
	s->tx->asked = *asked;
	s->tx->asked.ret = p->ret;
	s->tx->asked.priority = p->priority;
	err e = arena_copy(&s->tx->arena, p->envid, &s->tx->asked.envid);
	if (e.code != ERR_OK) {
		smtp_tx_free(s->tx);
		s->tx = NULL;
	}
	return e;
}

/* Its parameters are known; may it come? */
static enum next check(struct smtp_session *s, const struct smtp_path *path,
                       const struct smtp_mail_parameters *p)
{
	uint64_t limit = atomic_load(&s->server->message_size_octets);
	struct queue_envelope asked = { 0 };
	enum smtp_reply wrong;
	err e;

	if (!is_offered(s, p))
		return smtp_say(s, SMTP_REPLY_UNKNOWN_PARAMETER);
	if (path->is_wide && !p->smtputf8)
		return smtp_say(s, SMTP_REPLY_NEEDS_SMTPUTF8);
	if (p->size > limit)
		return too_big(s, limit);
	e = ask_times(p, clock_now(), &asked);
	if (e.code == ERR_LIMIT)
		return smtp_say(s, SMTP_REPLY_TOO_LITTLE_TIME);
	if (e.code != ERR_OK)
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, str_of(e.what));
	wrong = smtp_check_reverse_path(s, path);
	if (wrong != SMTP_REPLY_MAIL_OK)
		return smtp_say_with(s, wrong, path->text);
	if (begin(s, path, p, &asked).code != ERR_OK)
		return smtp_say(s, SMTP_REPLY_NO_SPACE);
	s->chunk.owed = 0;
	s->transactions++;
	s->state = SMTP_STATE_MAIL;
	return smtp_say(s, SMTP_REPLY_MAIL_OK);
}

enum next smtp_cmd_mail(struct smtp_session *s, str argument)
{
	scan in = { argument, 0 };
	struct smtp_mail_parameters parameters;
	struct smtp_path path;
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
	e = smtp_mail_parameters_parse(&in, &s->session.command_arena, &parameters);
	return e.code == ERR_OK ? check(s, &path, &parameters) : smtp_say_parameters(s, e);
}
