#include "cli/app_try.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/options.h"
#include "cli/password.h"
#include "net/dial.h"

enum { PATIENCE_MS = 20000, REPLY_LINES = 100 };

/* One reply: the code and the text of its last line. */
struct reply {
	unsigned code;
	const char *text; /* with the code; in the line's arena */
};

struct trial {
	struct command_line *line;
	const json_t *app; /* settings */
	ip address;
	uint16_t port;
	bool implicit_tls;
	str password;
	struct dial *dial;
	json_t *steps;
	bool failed;
};

static void add_step(struct trial *t, const char *step, bool ok, const char *what, const char *remedy)
{
	t->failed = t->failed || !ok;
	json_array_append_new(t->steps, json_pack("{s:s, s:s, s:s, s:s?}", "step", step, "state",
	                                          ok ? "ok" : "failed", "what", what, "do", remedy));
}

/* A sentence in the line's arena. */
#define SAY(t, ...) (err_new((t)->line->arena, ERR_OK, __VA_ARGS__).what)

/* --- the dialogue --- */

static bool is_digits(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

static err read_reply(struct trial *t, struct reply *out)
{
	str text = { 0 };

	for (int i = 0; i < REPLY_LINES; i++) {
		uint64_t code = 0;
		TRY(dial_read_line(t->dial, &text));
		if (text.len < 3 || !is_digits(str_slice(text, 0, 3)) ||
		    !str_to_u64(str_slice(text, 0, 3), 999, &code))
			return err_new(t->line->arena, ERR_SYNTAX,
			               "this is no reply of a mail server: " STR_FMT, STR_ARG(text));
		if (text.len > 3 && text.ptr[3] == '-')
			continue;
		const char *kept = arena_z(t->line->arena, text);
		if (!kept)
			return ERR_NO_MEMORY;
		*out = (struct reply){ (unsigned)code, kept };
		return OK;
	}
	return (err){ ERR_LIMIT, REPLY_LINES, "the reply does not end" };
}

static err say(struct trial *t, struct reply *out, const char *format, const char *argument)
{
	struct buf octets;

	buf_init(&octets, t->line->arena, 4 * LIMIT_KB);
	for (const char *p = format; *p; p++)
		if (*p == '%')
			buf_add(&octets, str_of(argument));
		else
			buf_add_char(&octets, *p);
	buf_add(&octets, STR("\r\n"));
	TRY(buf_err(&octets));
	TRY(dial_write(t->dial, buf_str(&octets)));
	return read_reply(t, out);
}

/* --- the steps: false where the next would have nothing to stand on --- */

static const char doctor[] = "see postrider doctor, and the server's log";

static bool step_connect(struct trial *t)
{
	char octets[64];
	struct buf where;
	struct reply greeting;

	buf_init_fixed(&where, octets, sizeof octets);
	ip_format(&where, t->address);
	err e = dial_open(t->line->arena, t->address, t->port, PATIENCE_MS, &t->dial);
	if (e.code == ERR_OK && !t->implicit_tls) {
		e = read_reply(t, &greeting);
		if (e.code == ERR_OK && greeting.code != 220)
			e = err_new(t->line->arena, ERR_DENIED, "the server greets with %s", greeting.text);
	}
	str place = buf_str(&where);
	if (e.code != ERR_OK) {
		add_step(t, "connect", false, SAY(t, STR_FMT " port %u: %s", STR_ARG(place), t->port, e.what),
		         e.code == ERR_CLOSED
		                 ? "start the server: systemctl start postrider, or postrider serve"
		                 : doctor);
		return false;
	}
	add_step(t, "connect", true, SAY(t, STR_FMT " port %u answers", STR_ARG(place), t->port), NULL);
	return true;
}

static bool step_starttls(struct trial *t)
{
	struct reply reply;
	err e = say(t, &reply, "EHLO [127.0.0.1]", "");

	if (e.code == ERR_OK && reply.code == 250)
		e = say(t, &reply, "STARTTLS", "");
	if (e.code == ERR_OK && reply.code == 220)
		return true;
	add_step(t, "tls", false, e.code == ERR_OK ? SAY(t, "STARTTLS is refused: %s", reply.text) : e.what,
	         "name a certificate in the configuration: [[tls.certificates]]");
	return false;
}

static bool step_tls(struct trial *t)
{
	struct dial_tls tls;
	struct reply greeting;
	const char *host = json_text(t->app, "host");

	if (!t->implicit_tls && !step_starttls(t))
		return false;
	err e = dial_start_tls(t->dial, host, &tls);
	if (e.code == ERR_OK && t->implicit_tls) {
		e = read_reply(t, &greeting);
		if (e.code == ERR_OK && greeting.code != 220)
			e = err_new(t->line->arena, ERR_DENIED, "the server greets with %s", greeting.text);
	}
	if (e.code != ERR_OK) {
		add_step(t, "tls", false, e.what, doctor);
		return false;
	}
	add_step(t, "tls", true, SAY(t, "%s with %s", tls.version, tls.cipher), NULL);
	if (tls.mistrust)
		add_step(t, "certificate", false, SAY(t, "%s: shops will refuse it: %s", host, tls.mistrust),
		         SAY(t,
		             "get one for %s from a public authority (certbot certonly -d %s) and name its "
		             "files "
		             "in [[tls.certificates]]",
		             host, host));
	else
		add_step(t, "certificate", true, SAY(t, "valid for %s", host), NULL);
	return true;
}

/* RFC 4616: "\0" login "\0" password, in base64. */
static err plain_response(struct trial *t, const char **out)
{
	struct buf octets, coded;

	buf_init(&octets, t->line->arena, LIMIT_PATH + LIMIT_PASSWORD + 2);
	buf_add_char(&octets, '\0');
	buf_add(&octets, str_of(json_text(t->app, "user")));
	buf_add_char(&octets, '\0');
	buf_add(&octets, t->password);
	TRY(buf_err(&octets));
	buf_init(&coded, t->line->arena, 4 * LIMIT_KB);
	base64_add(&coded, buf_str(&octets));
	TRY(buf_err(&coded));
	*out = arena_z(t->line->arena, buf_str(&coded));
	return *out ? OK : ERR_NO_MEMORY;
}

static bool step_login(struct trial *t)
{
	const char *response = "", *user = json_text(t->app, "user");
	struct reply reply;
	err e = say(t, &reply, "EHLO [127.0.0.1]", "");

	if (e.code == ERR_OK)
		e = plain_response(t, &response);
	if (e.code == ERR_OK)
		e = say(t, &reply, "AUTH PLAIN %", response);
	if (e.code == ERR_OK && reply.code == 235) {
		add_step(t, "login", true, SAY(t, "%s is logged in", user), NULL);
		return true;
	}
	add_step(t, "login", false, e.code == ERR_OK ? reply.text : e.what,
	         e.code != ERR_OK ? doctor
	         : reply.code == 535
	                 ? SAY(t, "if the password is lost: postrider app settings %s --new-password", user)
	                 : "what the server says stands to the left; see its log too");
	return false;
}

/* A whole domain is tried by an address that every domain has. */
static void step_sender(struct trial *t, const char *from)
{
	const char *address = from[0] == '@' ? SAY(t, "postmaster%s", from) : from;
	struct reply reply;
	err e = say(t, &reply, "MAIL FROM:<%>", address);

	if (e.code != ERR_OK || reply.code != 250) {
		add_step(t, "sender", false,
		         e.code == ERR_OK ? SAY(t, "%s: %s", address, reply.text) : e.what,
		         e.code == ERR_OK && reply.code < 500 ? "it is only for now; try again later"
		                                              : doctor);
		return;
	}
	add_step(t, "sender", true, SAY(t, "%s may send", address), NULL);
	e = say(t, &reply, "RSET", "");
	(void)e; /* the next step says so */
}

static void run_steps(struct trial *t)
{
	const json_t *froms = json_object_get(t->app, "from");
	struct reply reply;

	if (!step_connect(t) || !step_tls(t) || !step_login(t))
		return;
	for (size_t i = 0; i < json_array_size(froms); i++)
		step_sender(t, json_string_value(json_array_get(froms, i)));
	err e = say(t, &reply, "QUIT", "");
	(void)e;
}

/* --- the command --- */

/* The listener whose port the settings name: where it is bound, or over loopback where that is everywhere. */
static err find_listener(const struct config *config, struct trial *t)
{
	const char *encryption = json_text(t->app, "encryption");
	ip anywhere_4, anywhere_6, loopback;

	t->implicit_tls = strcmp(encryption, "tls") == 0;
	const struct config_listeners *all =
		&config->listen[t->implicit_tls ? CONFIG_SUBMISSIONS : CONFIG_SUBMISSION];
	TRY(ip_parse(STR("0.0.0.0"), &anywhere_4));
	TRY(ip_parse(STR("::"), &anywhere_6));
	TRY(ip_parse(STR("127.0.0.1"), &loopback));
	for (size_t i = 0; *encryption && i < all->count; i++) {
		if (all->item[i].path.len || all->item[i].proxy)
			continue;
		t->address = all->item[i].address;
		t->port = all->item[i].port;
		if (ip_eq(t->address, anywhere_4) || ip_eq(t->address, anywhere_6))
			t->address = loopback;
		return OK;
	}
	return (err){
		ERR_CLOSED, 0,
		"no port for sending is open: set [listen] submissions = [\"[::]:465\"] or submission = "
		"[\"[::]:587\"] in the configuration and restart the server"
	};
}

static void print_steps(const struct trial *t)
{
	for (size_t i = 0; i < json_array_size(t->steps); i++) {
		const json_t *step = json_array_get(t->steps, i);

		printf("%-7s %-12s %s\n", json_text(step, "state"), json_text(step, "step"),
		       json_text(step, "what"));
		if (*json_text(step, "do"))
			printf("%-20s -> %s\n", "", json_text(step, "do"));
	}
	puts(t->failed ? "\nA shop could not send like this." : "\nA shop can send with these settings.");
}

static int tell(struct trial *t)
{
	if (t->line->json) {
		json_t *answer = json_pack("{s:b, s:O, s:O}", "ok", !t->failed, "user",
		                           json_object_get(t->app, "user"), "steps", t->steps);
		command_print_json(answer);
		json_decref(answer);
	} else {
		print_steps(t);
	}
	int code = command_done(t->line);
	return code == EXIT_FINE && t->failed ? EXIT_UNAVAILABLE : code;
}

static int try_app(struct command_line *line, const struct config *config, const json_t *app, bool from_stdin)
{
	struct trial t = { .line = line, .app = app };

	err e = find_listener(config, &t);
	if (e.code == ERR_OK)
		e = password_read_once(line, from_stdin, json_text(app, "user"), &t.password);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	(void)signal(SIGPIPE, SIG_IGN);
	t.steps = json_array();
	run_steps(&t);
	int code = tell(&t);
	dial_close(t.dial);
	json_decref(t.steps);
	return code;
}

int app_try(struct command_line *line)
{
	const struct config *config = NULL;
	bool from_stdin = false;
	const struct option options[] = { { "--password-stdin", &from_stdin, NULL } };
	json_t *app = NULL;

	err e = options_read(line, options, 1, 1, 1, "NAME");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code == EXIT_FINE)
		code = ask_with(line, config, "app.settings", json_pack("{s:s}", "name", line->words[0]),
		                &app);
	if (code != EXIT_FINE)
		return code;
	code = try_app(line, config, app, from_stdin);
	json_decref(app);
	return code;
}
