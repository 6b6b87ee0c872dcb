#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/app_try.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/options.h"

static const char *joined(struct command_line *line, const json_t *list)
{
	struct buf text;

	buf_init(&text, line->arena, LIMIT_APP_FROMS * (LIMIT_PATH + 2));
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_add(&text, i ? STR(", ") : STR(""));
		buf_add(&text, str_of(json_string_value(json_array_get(list, i))));
	}
	const char *z = arena_z(line->arena, buf_str(&text));
	return z ? z : "?";
}

/* "2026-11-23 23:41 from 192.0.2.1", or "never". */
static const char *when(struct command_line *line, const json_t *app, const char *key, const char *from)
{
	const char *time = json_text(app, key), *place = json_text(app, from);

	if (strlen(time) < 16)
		return "never";
	err text = err_new(line->arena, ERR_OK, "%.10s %.5s%s%s", time, time + 11, *place ? " from " : "",
	                   place);
	return text.what;
}

static void print_apps(struct command_line *line, const json_t *list)
{
	static const char *const heads[] = { "USER", ">LIMIT", "LAST USED (UTC)", "SENDS FROM" };
	struct columns c;

	columns_begin(&c, line->arena, heads, 4);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		const char *limit = json_text(a, "limit");
		columns_add(&c, (const char *const[]){ json_text(a, "user"), *limit ? limit : "-",
		                                       when(line, a, "last_used", "last_used_from"),
		                                       joined(line, json_object_get(a, "from")) });
	}
	columns_print(&c);
}

static int list(struct command_line *line)
{
	const char *account = NULL;
	const struct option options[] = { { "--account", NULL, &account } };

	err e = options_read(line, options, 1, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return run_list(line, "app.list", json_pack("{s:s*}", "account", account), print_apps,
	                "No apps yet. Add one:  postrider app add bookings --account ann@shop.example");
}

/* As the form of a shop asks for it. */
static void print_settings(struct command_line *line, const json_t *a)
{
	const char *encryption = json_text(a, "encryption"), *limit = json_text(a, "limit");
	const char *password = json_text(a, "password");
	bool tls = strcmp(encryption, "tls") == 0;

	printf("Host        %s\n", json_text(a, "host"));
	if (*encryption)
		printf("Port        %" PRIu64 "\nEncryption  %s\n", json_number(a, "port"),
		       tls ? "SSL/TLS" : "STARTTLS");
	else
		printf("Port        none is open\nEncryption  -\n");
	printf("User        %s\n", json_text(a, "user"));
	if (*password)
		printf("Password    %s\n", password);
	printf("From        %s\n", joined(line, json_object_get(a, "from")));
	if (*limit)
		printf("Limit       %s recipients\n", limit);
	if (*password)
		printf("\nThe password is shown this once. Try it:  postrider app test %s\n",
		       json_text(a, "user"));
	else
		printf("Last used   %s\n", when(line, a, "last_used", "last_used_from"));
}

/* Asks for an operation that answers with settings, and prints them. */
static int show(struct command_line *line, const char *operation, json_t *arguments)
{
	json_t *answer = NULL;
	int code = ask(line, operation, arguments, &answer);

	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		print_settings(line, answer);
	json_decref(answer);
	return command_done(line);
}

/* NAME, --limit and --from, "--from a --from b" and "--from a b" alike; --account where `account` is given.
 */
static err sending_arguments(struct command_line *line, json_t *arguments, const char **account)
{
	const char *limit = NULL, *froms[LIMIT_APP_FROMS];
	const struct option options[] = { { "--limit", NULL, &limit }, { "--account", NULL, account } };
	size_t count = 0;

	TRY(options_take_list(line, "--from", froms, LIMIT_APP_FROMS, &count));
	TRY(options_read(line, options, account ? 2 : 1, 1, count ? 1 + LIMIT_APP_FROMS : 1, "NAME"));
	json_object_set_new(arguments, "name", json_string(line->words[0]));
	if (limit)
		json_object_set_new(arguments, "limit",
		                    strcmp(limit, "none") == 0 ? json_null() : json_string(limit));
	if (count == 0)
		return OK;
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(froms[i]));
	for (size_t i = 1; i < line->count; i++)
		json_array_append_new(list, json_string(line->words[i]));
	json_object_set_new(arguments, "from", list);
	return OK;
}

static int add(struct command_line *line)
{
	const char *account = NULL;
	json_t *arguments = json_object();
	err e = sending_arguments(line, arguments, &account);

	if (e.code == ERR_OK && !account)
		e = command_usage(line, "--account ADDRESS is missing: in whose name does the app send?");
	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	json_object_set_new(arguments, "account", json_string(account));
	return show(line, "app.add", arguments);
}

static int change(struct command_line *line)
{
	json_t *arguments = json_object();
	err e = sending_arguments(line, arguments, NULL);

	if (e.code == ERR_OK && json_object_size(arguments) == 1)
		e = command_usage(line, "nothing is to be changed: give --from ADDRESS or --limit");
	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	return show(line, "app.change", arguments);
}

static int settings(struct command_line *line)
{
	bool fresh = false;
	const struct option options[] = { { "--new-password", &fresh, NULL } };

	err e = options_read(line, options, 1, 1, 1, "NAME");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return show(line, fresh ? "app.password" : "app.settings",
	            json_pack("{s:s}", "name", line->words[0]));
}

static int revoke(struct command_line *line)
{
	json_t *answer = NULL;

	err e = options_read(line, NULL, 0, 1, 1, "NAME");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, "app.revoke", json_pack("{s:s}", "name", line->words[0]), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		printf("%s is revoked: its password is worth nothing from now on.\n",
		       json_text(answer, "removed"));
	json_decref(answer);
	return command_done(line);
}

static int run(struct command_line *line)
{
	static const struct action actions[] = {
		{ "add", add },       { "change", change },     { "list", list },
		{ "revoke", revoke }, { "settings", settings }, { "test", app_try },
	};

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command app_command = {
	.name = "app",
	.summary = "logins for shops and other programs that send mail",
	.help = "Usage: postrider app add NAME --account ADDRESS [--from ADDRESS]... [--limit 500/h]\n"
		"       postrider app change NAME [--from ADDRESS]... [--limit 500/h]\n"
		"       postrider app list [--account ADDRESS]\n"
		"       postrider app revoke NAME\n"
		"       postrider app settings NAME [--new-password]\n"
		"       postrider app test NAME [--password-stdin]\n"
		"\n"
		"An app is a login of its own for a program that sends mail: bookings of ann@shop.example\n"
		"logs in as ann+bookings@shop.example, with a password that is made here and shown once.\n"
		"It can send, and nothing else; revoking it leaves the account and other apps as they are.\n"
		"add prints what a shop's SMTP form asks for; settings the same later, without the\n"
		"password. change sets what it may send from, or its limit, anew, and leaves its login as\n"
		"it is. NAME is the app's name, or its whole login where several accounts have one of that\n"
		"name.\n"
		"\n"
		"  --from ADDRESS  what it may send from; without it, the account's address. It is one of\n"
		"                  the account's, an alias that reaches it, an address of a domain served\n"
		"                  here that nobody else has, or @shop.example for all of a domain\n"
		"  --limit 500/h   the most recipients that it may send to in a minute, hour or day\n"
		"                  (m, h, d), or none\n"
		"  --new-password  makes another password and shows it; the old one ends at once\n"
		"\n"
		"test logs in through the real port as a shop would, and says of each step how it went. It\n"
		"asks for the app's password, or reads it from the first line of standard input with\n"
		"--password-stdin. Nothing is sent.\n",
	.run = run,
};
