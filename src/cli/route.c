#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/password.h"

enum { LIMITS_MOST = 3 };

/* "a.example:587, b.example:587 (weight 3)", or "MX". */
static const char *hosts_text(struct command_line *line, const json_t *route)
{
	const json_t *hosts = json_object_get(route, "smarthosts");
	struct buf text;

	if (json_array_size(hosts) == 0)
		return "MX";
	buf_init(&text, line->arena, LIMIT_ROUTE_HOSTS * (LIMIT_DOMAIN + 40));
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const json_t *h = json_array_get(hosts, i);
		buf_add(&text, i ? STR(", ") : STR(""));
		buf_add(&text, str_of(json_text(h, "host")));
		buf_add_char(&text, ':');
		buf_add_u64(&text, json_number(h, "port"));
		if (json_number(h, "weight"))
			buf_add_format(&text, " (weight %u)", (unsigned)json_number(h, "weight"));
	}
	const char *z = arena_z(line->arena, buf_str(&text));
	return z ? z : "?";
}

static const char *limits_text(struct command_line *line, const json_t *route)
{
	const json_t *limits = json_object_get(route, "limits");
	struct buf text;

	buf_init(&text, line->arena, LIMITS_MOST * 40);
	for (size_t i = 0; i < json_array_size(limits); i++) {
		buf_add(&text, i ? STR(" ") : STR(""));
		buf_add(&text, str_of(json_string_value(json_array_get(limits, i))));
	}
	const char *z = arena_z(line->arena, buf_str(&text));
	return z && *z ? z : "-";
}

static const char *or_dash(const char *text) { return *text ? text : "-"; }

static void print_routes(struct command_line *line, const json_t *list)
{
	static const char *const heads[] = { "MAIL TO", "FROM", "GOES TO", "TLS", "USER", "LIMIT" };
	struct columns c;

	columns_begin(&c, line->arena, heads, 6);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		columns_add(&c,
		            (const char *const[]){ json_text(r, "domain"), or_dash(json_text(r, "sender")),
		                                   hosts_text(line, r), or_dash(json_text(r, "tls")),
		                                   or_dash(json_text(r, "user")), limits_text(line, r) });
	}
	columns_print(&c);
}

static int list(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return run_list(line, "route.list", json_object(), print_routes,
	                "No routes: all mail goes by MX. Send it through a provider:\n"
	                "  postrider route add '*' --smarthost smtp.provider.example:587 --user U");
}

/* The password is asked for where there is a user and nothing else says how it logs in. */
static err login_options(struct command_line *line, const char *user, const char *command, bool from_stdin,
                         json_t *arguments)
{
	str password = { 0 };

	if (user)
		json_object_set_new(arguments, "user", json_string(user));
	if (command)
		json_object_set_new(arguments, "token_command", json_string(command));
	if (!from_stdin && (!user || command))
		return OK;
	TRY(password_read_once(line, from_stdin, user ? user : "the smarthost", &password));
	json_t *text = json_stringn(password.ptr, password.len);
	if (!text)
		return (err){ ERR_SYNTAX, 0, "the password is not UTF-8" };
	json_object_set_new(arguments, "password", text);
	return OK;
}

static err limit_options(struct command_line *line, json_t *arguments)
{
	const char *limits[LIMITS_MOST];
	json_t *list = json_array();
	size_t count = 0;

	json_object_set_new(arguments, "limits", list);
	TRY(options_take_list(line, "--limit", limits, LIMITS_MOST, &count));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(limits[i]));
	return OK;
}

static err add_arguments(struct command_line *line, json_t *arguments)
{
	const char *sender = NULL, *hosts = NULL, *user = NULL, *tls = NULL, *command = NULL;
	bool mx = false, lmtp = false, from_stdin = false;
	const struct option options[] = {
		{ "--sender", NULL, &sender }, { "--smarthost", NULL, &hosts },
		{ "--user", NULL, &user },     { "--password-stdin", &from_stdin, NULL },
		{ "--tls", NULL, &tls },       { "--token-command", NULL, &command },
		{ "--lmtp", &lmtp, NULL },     { "--mx", &mx, NULL },
	};

	TRY(limit_options(line, arguments));
	TRY(options_read(line, options, sizeof options / sizeof options[0], 1, 1, "DOMAIN or '*'"));
	json_object_set_new(arguments, "domain", json_string(line->words[0]));
	if (sender)
		json_object_set_new(arguments, "sender", json_string(sender));
	if (hosts)
		json_object_set_new(arguments, "smarthosts", json_string(hosts));
	if (tls)
		json_object_set_new(arguments, "tls", json_string(tls));
	json_object_set_new(arguments, "mx", json_boolean(mx));
	json_object_set_new(arguments, "lmtp", json_boolean(lmtp));
	return login_options(line, user, command, from_stdin, arguments);
}

static void print_route(struct command_line *line, const json_t *route)
{
	const char *sender = json_text(route, "sender"), *user = json_text(route, "user");

	printf("Mail to %s%s%s goes to %s", json_text(route, "domain"), *sender ? " from " : "", sender,
	       hosts_text(line, route));
	if (*user)
		printf(", as %s", user);
	if (*json_text(route, "tls"))
		printf(", TLS: %s", json_text(route, "tls"));
	puts(".");
}

static int add(struct command_line *line)
{
	json_t *arguments = json_object(), *answer = NULL;
	err e = add_arguments(line, arguments);

	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	int code = ask(line, "route.add", arguments, &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		print_route(line, answer);
	json_decref(answer);
	return command_done(line);
}

static int remove_route(struct command_line *line)
{
	const char *sender = NULL;
	const struct option options[] = { { "--sender", NULL, &sender } };
	json_t *answer = NULL;

	err e = options_read(line, options, 1, 1, 1, "DOMAIN or '*'");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, "route.remove",
	               json_pack("{s:s, s:s*}", "domain", line->words[0], "sender", sender), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		printf("The route for %s is removed.\n", json_text(answer, "removed"));
	json_decref(answer);
	return command_done(line);
}

static int explain(struct command_line *line)
{
	const char *from = NULL;
	const struct option options[] = { { "--from", NULL, &from } };
	json_t *answer = NULL;

	err e = options_read(line, options, 1, 1, 1, "ADDRESS");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, "route.explain",
	               json_pack("{s:s, s:s*}", "address", line->words[0], "from", from), &answer);
	if (code != EXIT_FINE)
		return code;
	const json_t *decisions = json_object_get(answer, "decisions");
	if (line->json)
		command_print_json(answer);
	else
		for (size_t i = 0; i < json_array_size(decisions); i++)
			puts(json_string_value(json_array_get(decisions, i)));
	json_decref(answer);
	return command_done(line);
}

static int run(struct command_line *line)
{
	static const struct action actions[] = {
		{ "add", add }, { "remove", remove_route }, { "list", list }, { "explain", explain }
	};

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command route_command = {
	.name = "route",
	.summary = "which way mail to other servers takes: by MX, or through a smarthost",
	.help = "Usage: postrider route add DOMAIN --smarthost HOST:PORT [--sender DOMAIN] [--user NAME]\n"
		"           [--password-stdin] [--token-command COMMAND] [--tls POLICY] [--lmtp]\n"
		"           [--limit 500/h]...\n"
		"       postrider route add DOMAIN --mx [--sender DOMAIN] [--limit 500/h]...\n"
		"       postrider route remove DOMAIN [--sender DOMAIN]\n"
		"       postrider route list\n"
		"       postrider route explain ADDRESS [--from ADDRESS]\n"
		"\n"
		"Mail to other servers goes by MX. A route sends it another way: DOMAIN is the\n"
		"recipient's, *.shop.example means everything below shop.example (and not itself), '*'\n"
		"everything (in quotes, or the shell reads it). The most specific route counts: the\n"
		"domain's, then the longest one that it is below, then '*'; and of two for the same\n"
		"recipients the one with the sender's domain. Adding a route for what has one replaces\n"
		"it.\n"
		"\n"
		"  --smarthost HOST:PORT  where it goes; several, with commas between: the first that\n"
		"                         takes it, or, written a.example:587=3,b.example:587=1, by\n"
		"                         their weights. Port 465 means TLS from the first octet\n"
		"  --mx                   by MX after all, where a less specific route says otherwise\n"
		"  --sender DOMAIN        only for mail whose reverse-path is in DOMAIN\n"
		"  --user NAME            logs in; the password is asked for, or read from the first\n"
		"                         line of standard input with --password-stdin. It is kept as\n"
		"                         it is, since the smarthost has to be told, and never shown\n"
		"  --token-command COMMAND  logs in by XOAUTH2 with the token that COMMAND prints\n"
		"  --tls POLICY           none, may (where it is offered), require (always, with any\n"
		"                         certificate) or verify (with a trusted one for the host's\n"
		"                         name). Without it: verify with a --user, else may\n"
		"  --lmtp                 speaks LMTP instead of SMTP\n"
		"  --limit 500/h          the most recipients in any minute, hour or day (m, h, d); one\n"
		"                         of each\n"
		"\n"
		"explain tells which way mail to ADDRESS would take, and why, and sends nothing.\n",
	.run = run,
};
