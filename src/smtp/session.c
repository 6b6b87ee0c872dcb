#include "smtp/session_internal.h"

#include "base/log.h"
#include "smtp/command_line.h"

/* --- saying --- */

void smtp_write(struct smtp_session *s, enum smtp_reply reply, str detail)
{
	char room[LIMIT_SMTP_REPLY];
	struct buf out;

	buf_init_fixed(&out, room, sizeof room);
	smtp_reply_add(&out, reply,
	               str_slice(detail, 0, detail.len < LIMIT_DOMAIN ? detail.len : LIMIT_DOMAIN));
	buf_add(&out, CRLF);
	session_write(&s->session, buf_str(&out));
}

enum next smtp_count(struct smtp_session *s, enum smtp_reply reply)
{
	uint16_t code = smtp_reply_code(reply);

	if (code == 221 || code == 421)
		return NEXT_CLOSE;
	if (code < 500 || ++s->errors <= LIMIT_SMTP_ERRORS)
		return NEXT_COMMAND;
	smtp_write(s, SMTP_REPLY_TOO_MANY_ERRORS, s->server->hostname);
	return NEXT_CLOSE;
}

enum next smtp_say_with(struct smtp_session *s, enum smtp_reply reply, str detail)
{
	smtp_write(s, reply, detail);
	return smtp_count(s, reply);
}

enum next smtp_say(struct smtp_session *s, enum smtp_reply reply)
{
	return smtp_say_with(s, reply, s->server->hostname);
}

static enum next say_number(struct smtp_session *s, enum smtp_reply reply, uint64_t n)
{
	char room[24];
	struct buf number;

	buf_init_fixed(&number, room, sizeof room);
	buf_add_u64(&number, n);
	return smtp_say_with(s, reply, buf_str(&number));
}

void smtp_rollback(struct smtp_session *s)
{
	smtp_tx_free(s->tx);
	s->tx = NULL;
	s->chunk.owed = 0;
	if (s->state != SMTP_STATE_NEW)
		s->state = SMTP_STATE_READY;
}

/* --- commands of one line --- */

static enum next cmd_rset(struct smtp_session *s, str argument)
{
	(void)argument;
	smtp_rollback(s);
	return smtp_say(s, SMTP_REPLY_RESET);
}

static enum next cmd_noop(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_NOOP);
}

static enum next cmd_vrfy(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_CANNOT_VERIFY);
}

static enum next cmd_quit(struct smtp_session *s, str argument)
{
	(void)argument;
	smtp_rollback(s);
	return smtp_say(s, SMTP_REPLY_BYE);
}

static enum next cmd_not_offered(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_NOT_OFFERED);
}

static enum next cmd_speaks_lmtp(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_SPEAKS_LMTP);
}

static enum next cmd_speaks_smtp(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_SPEAKS_SMTP);
}

static enum next cmd_auth_elsewhere(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_AUTH_ELSEWHERE);
}

static enum next cmd_help(struct smtp_session *s, str argument);

/* --- the table --- */

#define IN(state) (1u << SMTP_STATE_##state)
#define ANY (IN(NEW) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNKS))
#define ALWAYS (ANY | IN(REFUSED))

#define ROLE(name) (1u << SMTP_ROLE_##name)
#define SUBM (ROLE(SUBMISSION) | ROLE(SUBMISSIONS))
#define SMTP (ROLE(MX) | SUBM | ROLE(LOCAL))
#define LMTP ROLE(LMTP)
#define ALL (SMTP | LMTP)
#define PORT (ALL & ~ROLE(LOCAL))

enum argument_rule { NONE, OPTIONAL, REQUIRED };

/* HELP lists what is offered; the other rows are there to say better than "unknown" why it is not. */
static const struct smtp_command {
	str verb;
	bool offered;
	unsigned roles, legal_in;
	enum argument_rule argument;
	enum next (*run)(struct smtp_session *s, str argument);
} commands[] = {
	/* clang-format off */
	/* verb                offered roles  legal in             argument   does */
	{ STR_INIT("EHLO"),     true,  SMTP,  ANY,                 OPTIONAL,  smtp_cmd_ehlo },
	{ STR_INIT("HELO"),     true,  SMTP,  ANY,                 OPTIONAL,  smtp_cmd_helo },
	{ STR_INIT("LHLO"),     true,  LMTP,  ANY,                 OPTIONAL,  smtp_cmd_ehlo },
	{ STR_INIT("MAIL"),     true,  ALL,   IN(READY),           REQUIRED,  smtp_cmd_mail },
	{ STR_INIT("RCPT"),     true,  ALL,   IN(MAIL) | IN(RCPT), REQUIRED,  smtp_cmd_rcpt },
	{ STR_INIT("DATA"),     true,  ALL,   IN(RCPT),            NONE,      smtp_cmd_data },
	{ STR_INIT("BDAT"),     true,  ALL,   ANY,                 REQUIRED,  smtp_cmd_bdat },
	{ STR_INIT("RSET"),     true,  ALL,   ANY,                 NONE,      cmd_rset },
	{ STR_INIT("NOOP"),     true,  ALL,   ANY,                 OPTIONAL,  cmd_noop },
	{ STR_INIT("VRFY"),     true,  ALL,   ANY,                 REQUIRED,  cmd_vrfy },
	{ STR_INIT("HELP"),     true,  ALL,   ANY,                 OPTIONAL,  cmd_help },
	{ STR_INIT("STARTTLS"), true,  PORT,  IN(NEW) | IN(READY), NONE,      smtp_cmd_starttls },
	{ STR_INIT("AUTH"),     true,  SUBM,  IN(READY),           REQUIRED,  smtp_cmd_auth },
	{ STR_INIT("QUIT"),     true,  ALL,   ALWAYS,              NONE,      cmd_quit },
	{ STR_INIT("EHLO"),     false, LMTP,  ANY,                 OPTIONAL,  cmd_speaks_lmtp },
	{ STR_INIT("HELO"),     false, LMTP,  ANY,                 OPTIONAL,  cmd_speaks_lmtp },
	{ STR_INIT("LHLO"),     false, SMTP,  ANY,                 OPTIONAL,  cmd_speaks_smtp },
	{ STR_INIT("AUTH"),     false, PORT,  ANY,                 OPTIONAL,  cmd_auth_elsewhere },
	{ STR_INIT("AUTH"),     false, ALL,   ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("STARTTLS"), false, ALL,   ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("ETRN"),     false, ALL,   ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("EXPN"),     false, ALL,   ANY,                 OPTIONAL,  cmd_not_offered },
	/* clang-format on */
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static bool has_role(const struct smtp_command *command, const struct smtp_session *s)
{
	return (command->roles & 1u << s->role->name) != 0;
}

static const struct smtp_command *find_command(const struct smtp_session *s, str verb)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (str_eq_nocase(verb, commands[i].verb) && has_role(&commands[i], s))
			return &commands[i];
	return NULL;
}

static enum next cmd_help(struct smtp_session *s, str argument)
{
	char room[LIMIT_DOMAIN];
	struct buf verbs;

	(void)argument;
	buf_init_fixed(&verbs, room, sizeof room);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!commands[i].offered || !has_role(&commands[i], s))
			continue;
		buf_add(&verbs, verbs.len > 0 ? STR(" ") : STR(""));
		buf_add(&verbs, commands[i].verb);
	}
	return smtp_say_with(s, SMTP_REPLY_HELP, buf_str(&verbs));
}

enum smtp_reply smtp_hello_first(const struct smtp_session *s)
{
	return s->role->lmtp ? SMTP_REPLY_LHLO_FIRST : SMTP_REPLY_HELLO_FIRST;
}

/* Which step is missing (RFC 5321 §4.1.4)? */
static enum smtp_reply out_of_order(const struct smtp_session *s, const struct smtp_command *command)
{
	if (s->state == SMTP_STATE_REFUSED)
		return SMTP_REPLY_REFUSED;
	if (s->state == SMTP_STATE_NEW)
		return smtp_hello_first(s);
	if (command->run == smtp_cmd_mail || command->run == smtp_cmd_starttls ||
	    command->run == smtp_cmd_auth)
		return SMTP_REPLY_NESTED_MAIL;
	if (s->state == SMTP_STATE_CHUNKS)
		return SMTP_REPLY_CHUNKS_UNDER_WAY;
	return s->state == SMTP_STATE_READY ? SMTP_REPLY_MAIL_FIRST : SMTP_REPLY_RCPT_FIRST;
}

/* A connection that is refused waits for QUIT (RFC 5321 §3.1). */
static enum next refuse(struct smtp_session *s)
{
	s->state = SMTP_STATE_REFUSED;
	return smtp_say(s, SMTP_REPLY_EARLY_TALK);
}

/* The first line of the connection is there. False: it was sent before we had greeted. */
static bool hear_first(struct smtp_session *s)
{
	s->heard = true;
	return !s->role->greets_first || conn_output_arrived(s->session.conn);
}

static enum next smtp_line(struct session *session, str line)
{
	struct smtp_session *s = (struct smtp_session *)session;
	const struct smtp_command *command;
	struct smtp_command_line parsed;

	if (!s->heard && !hear_first(s))
		return refuse(s);
	if (sasl_is_open(&s->sasl))
		return sasl_line(session, &s->sasl, line);
	if (smtp_command_line_parse(line, &parsed).code != ERR_OK)
		return smtp_say(s, SMTP_REPLY_BAD_LINE);
	command = find_command(s, parsed.verb);
	if (!command)
		return smtp_say(s, SMTP_REPLY_UNKNOWN_COMMAND);
	if (!(command->legal_in & 1u << s->state))
		return smtp_say(s, out_of_order(s, command));
	if (command->argument == NONE && parsed.argument.len > 0)
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, STR("this command has none"));
	if (command->argument == REQUIRED && parsed.argument.len == 0)
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, STR("there is none"));
	return command->run(s, parsed.argument);
}

/* --- what the skeleton asks for --- */

static enum next smtp_opened(struct session *session)
{
	struct smtp_session *s = (struct smtp_session *)session;
	const struct smtp_service *service = session->server;

	s->server = service->server;
	s->role = service->role;
	s->sasl =
		(struct sasl){ .protocol = &smtp_sasl, .auth = s->server->auth, .service = s->role->service };
	s->trusted = smtp_server_trusts(s->server, session->peer);
	session_set_timeout(session, 1000 * (int64_t)atomic_load(&s->server->idle_s));
	if (s->role->greets_first && conn_input_waits(session->conn)) {
		s->heard = true;
		return refuse(s);
	}
	if (s->role->local)
		return smtp_local_begin(s);
	return smtp_say(s, s->role->lmtp ? SMTP_REPLY_GREETING_LMTP : SMTP_REPLY_GREETING);
}

static enum next smtp_line_too_long(struct session *session)
{
	struct smtp_session *s = (struct smtp_session *)session;

	if (sasl_is_open(&s->sasl))
		return sasl_line_too_long(session, &s->sasl);
	return say_number(s, SMTP_REPLY_LONG_LINE, s->role->line_max);
}

static enum next smtp_timed_out(struct session *session)
{
	return smtp_say((struct smtp_session *)session, SMTP_REPLY_TIMED_OUT);
}

static enum next smtp_octets(struct session *session, str octets, size_t *used)
{
	struct smtp_session *s = (struct smtp_session *)session;

	return s->state == SMTP_STATE_DATA ? smtp_message_octets(s, octets, used)
	                                   : smtp_chunk_octets(s, octets, used);
}

/* Who is sending a message may finish it; the skeleton asks again when its reply is said. */
static enum next smtp_shutdown(struct session *session)
{
	struct smtp_session *s = (struct smtp_session *)session;

	if (s->state == SMTP_STATE_DATA || s->state == SMTP_STATE_CHUNK)
		return NEXT_OCTETS;
	return s->state == SMTP_STATE_CHUNKS ? NEXT_COMMAND : smtp_say(s, SMTP_REPLY_STOPPING);
}

static void smtp_closed(struct session *session)
{
	struct smtp_session *s = (struct smtp_session *)session;

	sasl_closed(session, &s->sasl);
	identity_free(s->identity);
	smtp_tx_free(s->tx);
	s->tx = NULL;
	smtp_local_free(s->local);
	s->local = NULL;
}

/* Name and line_max are the role's. */
const struct session_protocol smtp_protocol = {
	.size = sizeof(struct smtp_session),
	.strict_line_ends = true,
	.opened = smtp_opened,
	.line = smtp_line,
	.line_too_long = smtp_line_too_long,
	.octets = smtp_octets,
	.secured = smtp_secured,
	.timed_out = smtp_timed_out,
	.shutdown = smtp_shutdown,
	.closed = smtp_closed,
};
