/* send: a program of this machine hands in a message; sendmail for everything that calls it by that name. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/dialogue.h"
#include "cli/send_options.h"
#include "cli/send_recipients.h"
#include "cli/submit.h"

struct sending {
	struct command_line *line;
	const struct config *config;
	struct send_options options;
	struct send_recipients recipients;
	struct send_message message;
	str login, full_name;
};

/* Who calls: uid's login, since a program's environment may say anything. */
static err find_login(struct sending *s)
{
	struct arena *arena = s->line->arena;
	const struct passwd *entry = getpwuid(getuid());

	if (!entry)
		return err_new(
			arena, ERR_DENIED,
			"nobody on this machine has the uid %u that this runs as; mail needs a login to "
			"come from",
			(unsigned)getuid());
	TRY(arena_copy(arena, str_of(entry->pw_name), &s->login));
	str gecos = str_of(entry->pw_gecos ? entry->pw_gecos : "");
	str name = str_cut(&gecos, ',');
	if (s->options.full_name)
		name = str_of(s->options.full_name);
	return arena_copy(arena, name, &s->full_name);
}

/* The reverse-path: of -f, else the login's own address. */
static err find_reverse_path(struct sending *s, str *out)
{
	const char *given = s->options.reverse_path;
	err e = send_path(s->line->arena, s->config->hostname, given ? str_of(given) : s->login, out);

	return e.code == ERR_OK ? OK : err_wrap(s->line->arena, e, "-f");
}

static err find_recipients(struct sending *s)
{
	struct command_line *line = s->line;

	TRY(send_recipients_init(&s->recipients, line->arena, s->config->hostname,
	                         s->config->limits.recipients));
	for (size_t i = 0; i < line->count; i++)
		TRY(send_recipients_add(&s->recipients, str_of(line->words[i])));
	if (s->options.from_header)
		TRY(send_recipients_add_header(&s->recipients, s->message.header));
	if (s->recipients.count == 0)
		return (err){ ERR_SYNTAX, 0, "the header names no recipient in To, Cc or Bcc" };
	return OK;
}

static int say_outcome(struct command_line *line, const struct send_options *options,
                       const struct submit_outcome *outcome)
{
	if (outcome->exit != EXIT_FINE)
		return command_fail_with(line, outcome->exit,
		                         err_new(line->arena,
		                                 outcome->exit == EXIT_TRY_AGAIN ? ERR_BUSY : ERR_DENIED,
		                                 STR_FMT "; nothing was sent", STR_ARG(outcome->reply)));
	if (line->json) {
		json_t *object = json_pack("{s:s%, s:s%}", "queue_id", outcome->id.ptr, outcome->id.len,
		                           "reply", outcome->reply.ptr, outcome->reply.len);
		command_print_json(object);
		json_decref(object);
	} else if (options->verbose) {
		printf(STR_FMT "\n", STR_ARG(outcome->reply));
	}
	return command_done(line);
}

/* No server, or none that goes on: not queued, so that the caller tries again. */
static int not_sent(struct command_line *line, err e)
{
	switch (e.code) {
	case ERR_MISSING:
	case ERR_CLOSED:
	case ERR_TIMEOUT:
	case ERR_CORRUPT:
	case ERR_IO:
	case ERR_NOSPACE:
		return command_fail_with(line, EXIT_TRY_AGAIN, e);
	default:
		return command_fail(line, e);
	}
}

static err read_all(struct sending *s, str *reverse_path, str *header)
{
	struct arena *arena = s->line->arena;
	str from = { 0 };

	TRY(find_login(s));
	TRY(find_reverse_path(s, reverse_path));
	TRY(send_message_read(arena, STDIN_FILENO, !s->options.dot_is_text,
	                      s->config->limits.message_size_octets, &s->message));
	TRY(find_recipients(s));
	from = *reverse_path;
	if (from.len == 0)
		TRY(send_path(arena, s->config->hostname, s->login, &from));
	return send_message_compose(arena, &s->message, from, s->full_name, header);
}

static int send_one(struct sending *s)
{
	struct command_line *line = s->line;
	struct submit_envelope envelope = { 0 };
	struct submit_outcome outcome = { 0 };
	AUTO(file) fd = FILE_NONE;
	str header = { 0 };

	err e = read_all(s, &envelope.reverse_path, &header);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	envelope.paths = s->recipients.paths;
	envelope.count = s->recipients.count;
	e = submit_connect(line->arena, s->config->data_dir, &fd);
	if (e.code == ERR_OK)
		e = submit_message(line->arena, fd, s->config->hostname, &envelope, header, &s->message,
		                   &outcome);
	return e.code == ERR_OK ? say_outcome(line, &s->options, &outcome) : not_sent(line, e);
}

/* What waits for a greeting gets one. */
static int speak(struct sending *s)
{
	AUTO(file) fd = FILE_NONE;
	err e = submit_connect(s->line->arena, s->config->data_dir, &fd);

	if (e.code != ERR_OK) {
		printf("421 4.3.2 %s\r\n", e.what);
		(void)fflush(stdout);
	} else {
		e = dialogue_pass(s->line->arena, fd, STDIN_FILENO, STDOUT_FILENO);
	}
	return e.code == ERR_OK ? EXIT_FINE : not_sent(s->line, e);
}

static int run(struct command_line *line)
{
	struct sending s = { .line = line, .message.rest = FILE_NONE };

	err e = send_options_read(line, &s.options);
	if (e.code == ERR_OK && !s.options.from_header && !s.options.dialogue && line->count == 0)
		e = command_usage(line, "no recipient: name one, or read them from the header with -t");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &s.config);
	if (code != EXIT_FINE)
		return code;
	(void)signal(SIGPIPE, SIG_IGN);
	code = s.options.dialogue ? speak(&s) : send_one(&s);
	send_message_close(&s.message);
	return code;
}

const struct command send_command = {
	.name = "send",
	.summary = "send a message from standard input, as sendmail does",
	.help = "Usage: postrider send [-t] [-i] [-f FROM] [-F NAME] [-v] [TO...]\n"
		"       postrider send -bs\n"
		"\n"
		"Reads a message from standard input and hands it to the server of this machine. It works "
		"for\n"
		"every login and takes what programs say to sendmail, whose name it may be called by.\n"
		"\n"
		"  -t       take the recipients from To, Cc and Bcc too; nobody gets to see Bcc\n"
		"  -i       a line with a dot alone does not end the message; also -oi\n"
		"  -f FROM  the address that failures go back to; without it, the login's own\n"
		"  -F NAME  the name in From, where the message has no From\n"
		"  -v       say what the server answered\n"
		"  -bs      speak SMTP on standard input and output instead\n"
		"\n"
		"-B, -m, -U, -bm, -oe, -od and -om, which other programs like to add, ask for what happens\n"
		"anyway. A name without a domain gets this server's hostname.\n"
		"\n"
		"A login may send as login@hostname and as whatever [submit] allow gives it in the\n"
		"configuration, root as anybody. It is one message to all its recipients, or, where one is\n"
		"refused, to none: 64 wrong usage, 65 the message or an address is malformed, 67 nobody has\n"
		"the address, 69 the server refuses, 75 no server runs or it asks to try again, 77 the "
		"login\n"
		"may not send as FROM.\n",
	.run = run,
	.called_as = "sendmail",
};
