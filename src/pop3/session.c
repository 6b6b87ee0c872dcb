#include "pop3/session_internal.h"

/* --- saying --- */

enum next pop3_say_with(struct pop3_session *s, enum pop3_reply reply, str detail)
{
	char room[LIMIT_POP3_REPLY];
	struct buf out;

	buf_init_fixed(&out, room, sizeof room);
	pop3_reply_add(&out, reply, detail);
	buf_add(&out, CRLF);
	session_write(&s->session, buf_str(&out));
	return NEXT_COMMAND;
}

enum next pop3_say(struct pop3_session *s, enum pop3_reply reply)
{
	return pop3_say_with(s, reply, s->server->hostname);
}

/* A line that is no command: a few are a person's typing errors, many are another protocol. */
static enum next not_a_command(struct pop3_session *s, enum pop3_reply reply, const char *what)
{
	pop3_say_with(s, reply, str_of(what));
	if (++s->errors <= LIMIT_POP3_ERRORS)
		return NEXT_COMMAND;
	pop3_say(s, POP3_REPLY_TOO_MANY_ERRORS);
	return NEXT_CLOSE;
}

bool pop3_takes_passwords(const struct pop3_session *s)
{
	return sasl_takes_passwords(&s->session, &s->sasl);
}

void pop3_leave(struct pop3_session *s)
{
	pop3_ahead_free(s->ahead);
	s->ahead = NULL;
	pop3_view_fini(&s->view);
	if (s->locked)
		maildrop_unlock(s->server->locks, s->account_id);
	s->locked = false;
}

/* --- commands of one line --- */

/* What is listed is true of this connection (RFC 2449 §5). */
static enum next cmd_capa(struct pop3_session *s, const struct pop3_command *c)
{
	char room[LIMIT_POP3_REPLY];
	struct buf sasl;

	(void)c;
	pop3_say(s, POP3_REPLY_CAPABILITIES);
	if (s->state == POP3_STATE_AUTHORIZATION && conn_can_start_tls(s->session.conn))
		session_write(&s->session, STR("STLS\r\n"));
	/* "UTF8 USER": names and passwords may be in UTF-8 (RFC 6856 §2.2). */
	session_write(&s->session, pop3_takes_passwords(s) ? STR("USER\r\nUTF8 USER\r\n") : STR("UTF8\r\n"));
	buf_init_fixed(&sasl, room, sizeof room);
	buf_add(&sasl, STR("SASL"));
	sasl_add_mechanisms(&s->session, &s->sasl, &sasl);
	buf_add(&sasl, CRLF);
	if (sasl.len > strlen("SASL\r\n"))
		session_write(&s->session, buf_str(&sasl));
	session_write(&s->session, STR("TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	                               "LANG\r\nEXPIRE NEVER\r\nIMPLEMENTATION postrider\r\n.\r\n"));
	return NEXT_COMMAND;
}

static enum next cmd_noop(struct pop3_session *s, const struct pop3_command *c)
{
	(void)c;
	return pop3_say(s, POP3_REPLY_NOOP);
}

/* RFC 2595 §4. The handshake is the connection's; pop3_secured goes on. */
static enum next cmd_stls(struct pop3_session *s, const struct pop3_command *c)
{
	(void)c;
	if (conn_is_secure(s->session.conn))
		return pop3_say(s, POP3_REPLY_TLS_ALREADY);
	if (!conn_can_start_tls(s->session.conn))
		return pop3_say(s, POP3_REPLY_NO_CERTIFICATE);
	pop3_say(s, POP3_REPLY_TLS);
	return NEXT_TLS;
}

/* RFC 6856 §2.1: from here on messages come as they are. */
static enum next cmd_utf8(struct pop3_session *s, const struct pop3_command *c)
{
	(void)c;
	s->utf8 = true;
	return pop3_say(s, POP3_REPLY_UTF8);
}

static enum next cmd_dele(struct pop3_session *s, const struct pop3_command *c)
{
	char room[16];
	struct buf number;

	if (!pop3_view_mark(&s->view, c->number))
		return pop3_say(s, POP3_REPLY_NO_SUCH_MESSAGE);
	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, c->number);
	return pop3_say_with(s, POP3_REPLY_MARKED, buf_str(&number));
}

static enum next cmd_rset(struct pop3_session *s, const struct pop3_command *c)
{
	char room[16];
	struct buf number;

	(void)c;
	pop3_view_unmark_all(&s->view);
	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, s->view.left);
	return pop3_say_with(s, POP3_REPLY_RESET, buf_str(&number));
}

/* --- the table --- */

#define IN(state) (1u << POP3_STATE_##state)
#define ANY (IN(AUTHORIZATION) | IN(TRANSACTION))

static const struct {
	unsigned legal_in;
	enum next (*run)(struct pop3_session *s, const struct pop3_command *c);
} commands[POP3_VERB_COUNT] = {
	/* clang-format off */
	/*              legal in           does */
	[POP3_CAPA] = { ANY,               cmd_capa },
	[POP3_AUTH] = { IN(AUTHORIZATION), pop3_cmd_auth },
	[POP3_USER] = { IN(AUTHORIZATION), pop3_cmd_user },
	[POP3_PASS] = { IN(AUTHORIZATION), pop3_cmd_pass },
	[POP3_STLS] = { IN(AUTHORIZATION), cmd_stls },
	[POP3_STAT] = { IN(TRANSACTION),   pop3_cmd_stat },
	[POP3_LIST] = { IN(TRANSACTION),   pop3_cmd_list },
	[POP3_UIDL] = { IN(TRANSACTION),   pop3_cmd_list },
	[POP3_RETR] = { IN(TRANSACTION),   pop3_cmd_retr },
	[POP3_TOP]  = { IN(TRANSACTION),   pop3_cmd_retr },
	[POP3_DELE] = { IN(TRANSACTION),   cmd_dele },
	[POP3_RSET] = { IN(TRANSACTION),   cmd_rset },
	[POP3_UTF8] = { IN(AUTHORIZATION), cmd_utf8 },
	[POP3_LANG] = { ANY,               pop3_cmd_lang },
	[POP3_NOOP] = { IN(TRANSACTION),   cmd_noop },
	[POP3_QUIT] = { ANY,               pop3_cmd_quit },
	/* clang-format on */
};

static enum next pop3_line(struct session *session, str line)
{
	struct pop3_session *s = (struct pop3_session *)session;
	struct pop3_command c;

	if (sasl_is_open(&s->sasl))
		return sasl_line(session, &s->sasl, line);
	err e = pop3_command_parse(line, &c);
	if (e.code == ERR_MISSING)
		return not_a_command(s, POP3_REPLY_UNKNOWN_COMMAND, "");
	if (e.code != ERR_OK)
		return not_a_command(s, POP3_REPLY_BAD_ARGUMENT, e.what);
	if (commands[c.verb].legal_in & 1u << s->state)
		return commands[c.verb].run(s, &c);
	return pop3_say(s, s->state == POP3_STATE_AUTHORIZATION ? POP3_REPLY_LOGIN_FIRST
	                                                        : POP3_REPLY_LOGGED_IN_ALREADY);
}

/* --- what the skeleton asks for --- */

static enum next pop3_opened(struct session *session)
{
	struct pop3_session *s = (struct pop3_session *)session;

	s->server = session->server;
	s->sasl = (struct sasl){ .protocol = &pop3_sasl,
		                 .auth = s->server->auth,
		                 .service = session->protocol->service.name };
	session->did[0].name = "retrieved";
	session->did[1].name = "deleted";
	pop3_view_init(&s->view, &s->server->views);
	s->last.lines = POP3_WHOLE;
	session_set_timeout(session, 1000 * (int64_t)atomic_load(&s->server->idle_s));
	return pop3_say(s, POP3_REPLY_GREETING);
}

/* Nothing that was said in the clear counts. */
static enum next pop3_secured(struct session *session)
{
	struct pop3_session *s = (struct pop3_session *)session;

	s->user_given = s->utf8 = false;
	return NEXT_COMMAND;
}

static enum next pop3_line_too_long(struct session *session)
{
	struct pop3_session *s = (struct pop3_session *)session;

	if (sasl_is_open(&s->sasl))
		return sasl_line_too_long(session, &s->sasl);
	return not_a_command(s, POP3_REPLY_LONG_LINE, "");
}

/* "without removing any messages or sending any response to the client" (RFC 1939 §3) */
static enum next pop3_timed_out(struct session *session)
{
	(void)session;
	return NEXT_CLOSE;
}

static enum next pop3_shutdown(struct session *session)
{
	pop3_say((struct pop3_session *)session, POP3_REPLY_STOPPING);
	return NEXT_CLOSE;
}

static void pop3_closed(struct session *session)
{
	struct pop3_session *s = (struct pop3_session *)session;

	sasl_closed(session, &s->sasl);
	identity_free(s->identity);
	pop3_leave(s);
}

const struct session_protocol pop3_protocol = {
	.service = { .name = "pop3" },
	.size = sizeof(struct pop3_session),
	.line_max = LIMIT_POP3_COMMAND_LINE,
	.strict_line_ends = false,
	.opened = pop3_opened,
	.line = pop3_line,
	.secured = pop3_secured,
	.line_too_long = pop3_line_too_long,
	.timed_out = pop3_timed_out,
	.shutdown = pop3_shutdown,
	.closed = pop3_closed,
};
