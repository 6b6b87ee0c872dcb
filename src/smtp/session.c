#include "smtp/session_internal.h"

#include "base/log.h"
#include "smtp/command_line.h"

/* --- saying --- */

static void write_reply(struct smtp_session *s, enum smtp_reply reply, str detail)
{
	char room[LIMIT_SMTP_REPLY];
	struct buf out;

	buf_init_fixed(&out, room, sizeof room);
	smtp_reply_add(&out, reply,
	               str_slice(detail, 0, detail.len < LIMIT_DOMAIN ? detail.len : LIMIT_DOMAIN));
	buf_add(&out, CRLF);
	session_write(&s->session, buf_str(&out));
}

enum next smtp_say_with(struct smtp_session *s, enum smtp_reply reply, str detail)
{
	uint16_t code = smtp_reply_code(reply);

	write_reply(s, reply, detail);
	if (code == 221 || code == 421)
		return NEXT_CLOSE;
	if (code < 500 || ++s->errors <= LIMIT_SMTP_ERRORS)
		return NEXT_COMMAND;
	write_reply(s, SMTP_REPLY_TOO_MANY_ERRORS, s->server->hostname);
	return NEXT_CLOSE;
}

enum next smtp_say(struct smtp_session *s, enum smtp_reply reply)
{
	return smtp_say_with(s, reply, s->server->hostname);
}

void smtp_rollback(struct smtp_session *s)
{
	smtp_tx_free(s->tx);
	s->tx = NULL;
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

static enum next cmd_help(struct smtp_session *s, str argument)
{
	(void)argument;
	return smtp_say(s, SMTP_REPLY_HELP);
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

/* --- the table --- */

#define IN(state) (1u << SMTP_STATE_##state)
#define ANY (IN(NEW) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNKS))

enum argument_rule { NONE, OPTIONAL, REQUIRED };

static const struct smtp_command {
	str verb;
	unsigned legal_in;
	enum argument_rule argument;
	enum next (*run)(struct smtp_session *s, str argument);
} commands[] = {
	/* clang-format off */
	/* verb               legal in             argument   does */
	{ STR_INIT("EHLO"),     ANY,                 OPTIONAL,  smtp_cmd_ehlo },
	{ STR_INIT("HELO"),     ANY,                 OPTIONAL,  smtp_cmd_helo },
	{ STR_INIT("MAIL"),     IN(READY),           REQUIRED,  smtp_cmd_mail },
	{ STR_INIT("RCPT"),     IN(MAIL) | IN(RCPT), REQUIRED,  smtp_cmd_rcpt },
	{ STR_INIT("DATA"),     IN(RCPT),            NONE,      smtp_cmd_data },
	{ STR_INIT("BDAT"),     ANY,                 REQUIRED,  smtp_cmd_bdat },
	{ STR_INIT("RSET"),     ANY,                 NONE,      cmd_rset },
	{ STR_INIT("NOOP"),     ANY,                 OPTIONAL,  cmd_noop },
	{ STR_INIT("VRFY"),     ANY,                 REQUIRED,  cmd_vrfy },
	{ STR_INIT("HELP"),     ANY,                 OPTIONAL,  cmd_help },
	{ STR_INIT("QUIT"),     ANY,                 NONE,      cmd_quit },
	{ STR_INIT("AUTH"),     ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("ETRN"),     ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("EXPN"),     ANY,                 OPTIONAL,  cmd_not_offered },
	{ STR_INIT("STARTTLS"), ANY,                 OPTIONAL,  cmd_not_offered },
	/* clang-format on */
};

static const struct smtp_command *find_command(str verb)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (str_eq_nocase(verb, commands[i].verb))
			return &commands[i];
	return NULL;
}

/* Which step is missing (RFC 5321 §4.1.4)? */
static enum smtp_reply out_of_order(const struct smtp_session *s, const struct smtp_command *command)
{
	if (s->state == SMTP_STATE_NEW)
		return SMTP_REPLY_HELLO_FIRST;
	if (command->run == smtp_cmd_mail)
		return SMTP_REPLY_NESTED_MAIL;
	if (s->state == SMTP_STATE_CHUNKS)
		return SMTP_REPLY_CHUNKS_UNDER_WAY;
	return s->state == SMTP_STATE_READY ? SMTP_REPLY_MAIL_FIRST : SMTP_REPLY_RCPT_FIRST;
}

static enum next smtp_line(struct session *session, str line)
{
	struct smtp_session *s = (struct smtp_session *)session;
	const struct smtp_command *command;
	struct smtp_command_line parsed;

	if (smtp_command_line_parse(line, &parsed).code != ERR_OK)
		return smtp_say(s, SMTP_REPLY_BAD_LINE);
	command = find_command(parsed.verb);
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

	s->server = session->server;
	session_set_timeout(session, 1000 * (int64_t)atomic_load(&s->server->idle_s));
	return smtp_say(s, SMTP_REPLY_GREETING);
}

static enum next smtp_line_too_long(struct session *session)
{
	return smtp_say((struct smtp_session *)session, SMTP_REPLY_LONG_LINE);
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

	smtp_tx_free(s->tx);
	s->tx = NULL;
}

const struct session_protocol smtp_protocol = {
	.service = { .name = "smtp" },
	.size = sizeof(struct smtp_session),
	.line_max = LIMIT_SMTP_COMMAND_LINE,
	.strict_line_ends = true,
	.opened = smtp_opened,
	.line = smtp_line,
	.line_too_long = smtp_line_too_long,
	.octets = smtp_octets,
	.timed_out = smtp_timed_out,
	.shutdown = smtp_shutdown,
	.closed = smtp_closed,
};
