#include <stdio.h>

#include "admin/size.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/password.h"

/* "1.2 GB", or "-" for null. */
static const char *size_text(struct command_line *line, const json_t *object, const char *key)
{
	struct buf text;

	if (!json_is_integer(json_object_get(object, key)))
		return "-";
	buf_init(&text, line->arena, 40);
	size_format(&text, json_number(object, key));
	const char *z = arena_z(line->arena, buf_str(&text));
	return z ? z : "?";
}

static void print_accounts(struct command_line *line, const json_t *list)
{
	static const char *const heads[] = { "ADDRESS", "STATE", ">MESSAGES", ">USED", ">QUOTA", "NAME" };
	struct columns c;

	columns_begin(&c, line->arena, heads, 6);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		char messages[24];

		snprintf(messages, sizeof messages, "%llu", (unsigned long long)json_number(a, "messages"));
		columns_add(&c, (const char *const[]){ json_text(a, "address"), json_text(a, "state"),
		                                       messages, size_text(line, a, "used_octets"),
		                                       size_text(line, a, "quota_octets"),
		                                       json_text(a, "name") });
	}
	columns_print(&c);
}

static int list(struct command_line *line)
{
	const char *domain = NULL;
	const struct option options[] = { { "--domain", NULL, &domain } };

	err e = options_read(line, options, 1, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return run_list(line, "account.list", json_pack("{s:s*}", "domain", domain), print_accounts,
	                "No accounts yet. Add one:  postrider account add ann@shop.example");
}

/* Asks for an operation that answers with one object, and prints it or `sentence` with the address in it. */
static int change(struct command_line *line, const char *operation, json_t *arguments, const char *sentence)
{
	json_t *answer = NULL;
	int code = ask(line, operation, arguments, &answer);

	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		printf("%s %s\n",
		       json_text(answer, json_object_get(answer, "removed") ? "removed" : "address"),
		       sentence);
	json_decref(answer);
	return command_done(line);
}

static err quota_option(struct command_line *line, const char *text, json_t *arguments)
{
	uint64_t octets = 0;

	if (!text)
		return OK;
	err e = size_parse(str_of(text), &octets);
	if (e.code != ERR_OK)
		return command_usage(line, "quota \"%s\": %s", text, e.what);
	json_object_set_new(arguments, "quota_octets", json_integer((json_int_t)octets));
	return OK;
}

static err add_arguments(struct command_line *line, json_t *arguments)
{
	const char *name = NULL, *quota = NULL;
	bool from_stdin = false;
	const struct option options[] = { { "--name", NULL, &name },
		                          { "--quota", NULL, &quota },
		                          { "--password-stdin", &from_stdin, NULL } };
	str password = { 0 };

	TRY(options_read(line, options, 3, 1, 1, "ADDRESS"));
	TRY(quota_option(line, quota, arguments));
	TRY(password_read(line, from_stdin, line->words[0], &password));
	json_object_set_new(arguments, "address", json_string(line->words[0]));
	if (name)
		json_object_set_new(arguments, "name", json_string(name));
	json_t *text = json_stringn(password.ptr, password.len);
	if (!text)
		return (err){ ERR_SYNTAX, 0, "the password is not UTF-8" };
	json_object_set_new(arguments, "password", text);
	return OK;
}

static int add(struct command_line *line)
{
	json_t *arguments = json_object();
	err e = add_arguments(line, arguments);

	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	return change(line, "account.add", arguments,
	              "added. Mail to it is taken from now on;\n"
	              "mail programs log in with the whole address as user name.");
}

static int change_password(struct command_line *line)
{
	bool from_stdin = false;
	const struct option options[] = { { "--password-stdin", &from_stdin, NULL } };
	str password = { 0 };

	err e = options_read(line, options, 1, 1, 1, "ADDRESS");
	if (e.code == ERR_OK)
		e = password_read(line, from_stdin, line->words[0], &password);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	json_t *arguments =
		json_pack("{s:s, s:s%}", "address", line->words[0], "password", password.ptr, password.len);
	if (!arguments)
		return command_fail(line, (err){ ERR_SYNTAX, 0, "the password is not UTF-8" });
	return change(line, "account.password", arguments, "has a new password.");
}

/* The actions whose only argument is the address. */
static int one(struct command_line *line, const char *operation, const char *sentence)
{
	err e = options_read(line, NULL, 0, 1, 1, "ADDRESS");

	if (e.code != ERR_OK)
		return command_fail(line, e);
	return change(line, operation, json_pack("{s:s}", "address", line->words[0]), sentence);
}

static int remove_account(struct command_line *line)
{
	return one(line, "account.remove", "and all its mail are removed.");
}

static int suspend(struct command_line *line)
{
	return one(line, "account.suspend",
	           "is suspended: nobody can log in; its mail is kept. Undo:  postrider account resume");
}

static int resume(struct command_line *line) { return one(line, "account.resume", "is active."); }

static int rename_account(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 2, 2, "ADDRESS NEW-ADDRESS");

	if (e.code != ERR_OK)
		return command_fail(line, e);
	return change(line, "account.rename",
	              json_pack("{s:s, s:s}", "address", line->words[0], "new_address", line->words[1]),
	              "is its address from now on, at login too.");
}

static int quota(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 2, 2, "ADDRESS SIZE|none");
	json_t *arguments = json_object();

	if (e.code == ERR_OK)
		e = quota_option(line, line->words[1], arguments);
	if (e.code != ERR_OK) {
		json_decref(arguments);
		return command_fail(line, e);
	}
	json_object_set_new(arguments, "address", json_string(line->words[0]));
	return change(line, "account.quota", arguments, "has a new quota.");
}

static int name(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 2, 2, "ADDRESS NAME");

	if (e.code != ERR_OK)
		return command_fail(line, e);
	return change(line, "account.name",
	              json_pack("{s:s, s:s}", "address", line->words[0], "name", line->words[1]),
	              "has a new name.");
}

static int show(struct command_line *line)
{
	json_t *a = NULL;

	err e = options_read(line, NULL, 0, 1, 1, "ADDRESS");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, "account.show", json_pack("{s:s}", "address", line->words[0]), &a);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(a);
	else
		printf("address   %s\nname      %s\nstate     %s\nmessages  %llu\nused      %s\nquota     "
		       "%s\n"
		       "created   %s\n",
		       json_text(a, "address"), json_text(a, "name"), json_text(a, "state"),
		       (unsigned long long)json_number(a, "messages"), size_text(line, a, "used_octets"),
		       size_text(line, a, "quota_octets"), json_text(a, "created"));
	json_decref(a);
	return command_done(line);
}

static int run(struct command_line *line)
{
	static const struct action actions[] = {
		{ "add", add },       { "remove", remove_account },    { "list", list },
		{ "show", show },     { "password", change_password }, { "suspend", suspend },
		{ "resume", resume }, { "rename", rename_account },    { "quota", quota },
		{ "name", name },
	};
	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command account_command = {
	.name = "account",
	.summary = "the people who have a mailbox here",
	.help = "Usage: postrider account add ADDRESS [--name NAME] [--quota SIZE] [--password-stdin]\n"
		"       postrider account remove ADDRESS\n"
		"       postrider account list [--domain DOMAIN]\n"
		"       postrider account show ADDRESS\n"
		"       postrider account password ADDRESS [--password-stdin]\n"
		"       postrider account suspend ADDRESS | resume ADDRESS\n"
		"       postrider account rename ADDRESS NEW-ADDRESS\n"
		"       postrider account quota ADDRESS SIZE|none\n"
		"       postrider account name ADDRESS NAME\n"
		"\n"
		"An account is a mailbox with a password. The password is asked for twice, or read from the\n"
		"first line of standard input with --password-stdin; it never stands on a command line.\n"
		"\n"
		"  --name NAME   the person's name\n"
		"  --quota SIZE  the most that the mailbox may hold, like 500M or 5G; without it, no limit\n"
		"\n"
		"remove deletes the account with all its mail and apps. suspend keeps the mail and refuses\n"
		"the login.\n",
	.run = run,
};
