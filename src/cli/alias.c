#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/options.h"

static const char *joined(struct command_line *line, const json_t *targets)
{
	struct buf text;

	buf_init(&text, line->arena, LIMIT_ALIAS_TARGETS * (LIMIT_PATH + 2));
	for (size_t i = 0; i < json_array_size(targets); i++) {
		buf_add(&text, i ? STR(", ") : STR(""));
		buf_add(&text, str_of(json_string_value(json_array_get(targets, i))));
	}
	const char *z = arena_z(line->arena, buf_str(&text));
	return z ? z : "?";
}

static void print_aliases(struct command_line *line, const json_t *list)
{
	static const char *const heads[] = { "ALIAS", "DELIVERED TO" };
	struct columns c;

	columns_begin(&c, line->arena, heads, 2);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		columns_add(&c, (const char *const[]){ json_text(a, "address"),
		                                       joined(line, json_object_get(a, "targets")) });
	}
	columns_print(&c);
}

static int list(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return run_list(line, "alias.list", json_object(), print_aliases,
	                "No aliases yet. Add one:  postrider alias add sales@shop.example ann@shop.example");
}

/* An alias and targets in, the alias as it is now out. */
static int change(struct command_line *line, const char *operation, size_t least, const char *what)
{
	json_t *answer = NULL, *targets = json_array();

	err e = options_read(line, NULL, 0, least, 1 + LIMIT_ALIAS_TARGETS, what);
	for (size_t i = 1; e.code == ERR_OK && i < line->count; i++)
		json_array_append_new(targets, json_string(line->words[i]));
	if (e.code != ERR_OK) {
		json_decref(targets);
		return command_fail(line, e);
	}
	int code = ask(line, operation,
	               json_pack("{s:s, s:o}", "address", line->words[0], "targets", targets), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else if (json_object_get(answer, "removed"))
		printf("Alias %s removed.\n", json_text(answer, "removed"));
	else
		printf("Mail to %s goes to %s.\n", json_text(answer, "address"),
		       joined(line, json_object_get(answer, "targets")));
	json_decref(answer);
	return command_done(line);
}

static int add(struct command_line *line) { return change(line, "alias.add", 2, "ADDRESS TARGET..."); }

static int remove_alias(struct command_line *line)
{
	return change(line, "alias.remove", 1, "ADDRESS [TARGET...]");
}

static int run(struct command_line *line)
{
	static const struct action actions[] = { { "add", add },
		                                 { "remove", remove_alias },
		                                 { "list", list } };

	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command alias_command = {
	.name = "alias",
	.summary = "further addresses, each delivered to one or more others",
	.help = "Usage: postrider alias add ADDRESS TARGET...\n"
		"       postrider alias remove ADDRESS [TARGET...]\n"
		"       postrider alias list\n"
		"\n"
		"Mail to an alias is delivered to each of its targets: accounts, further aliases, or\n"
		"addresses at other servers. ADDRESS may be @shop.example: it catches what no account and\n"
		"no other alias of that domain takes. Adding targets to an alias that is there keeps its\n"
		"others; removing with targets takes out only these.\n"
		"\n"
		"Mail to ann+anything@shop.example reaches ann@shop.example without any alias.\n",
	.run = run,
};
