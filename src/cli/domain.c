#include <stdio.h>

#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/domain_internal.h"
#include "cli/options.h"

static void print_domains(struct command_line *line, const json_t *list)
{
	static const char *const heads[] = { "DOMAIN", ">ACCOUNTS", ">ALIASES" };
	struct columns c;

	columns_begin(&c, line->arena, heads, 3);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		char accounts[24], aliases[24];

		snprintf(accounts, sizeof accounts, "%llu", (unsigned long long)json_number(d, "accounts"));
		snprintf(aliases, sizeof aliases, "%llu", (unsigned long long)json_number(d, "aliases"));
		columns_add(&c, (const char *const[]){ json_text(d, "domain"), accounts, aliases });
	}
	columns_print(&c);
}

static int list(struct command_line *line)
{
	err e = options_read(line, NULL, 0, 0, 0, "");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	return run_list(line, "domain.list", json_object(), print_domains,
	                "No domains yet. Add one:  postrider domain add shop.example");
}

/* The actions that take one domain and answer with one object. */
static int one(struct command_line *line, const char *operation,
               void (*say)(struct command_line *, const json_t *))
{
	json_t *answer = NULL;

	err e = options_read(line, NULL, 0, 1, 1, "DOMAIN");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = ask(line, operation, json_pack("{s:s}", "domain", line->words[0]), &answer);
	if (code != EXIT_FINE)
		return code;
	if (line->json)
		command_print_json(answer);
	else
		say(line, answer);
	json_decref(answer);
	return command_done(line);
}

static void say_added(struct command_line *line, const json_t *answer)
{
	command_say(line,
	            "Domain %s added.\n"
	            "Next: an account for each person,  postrider account add ann@%s\n",
	            json_text(answer, "domain"), json_text(answer, "domain"));
}

static void say_removed(struct command_line *line, const json_t *answer)
{
	command_say(line, "Domain %s removed; mail for it is refused from now on.\n",
	            json_text(answer, "removed"));
}

static void say_shown(struct command_line *line, const json_t *answer)
{
	command_say(line, "%-9s %s\n%-9s %llu\n%-9s %llu\n", "domain", json_text(answer, "domain"),
	            "accounts", (unsigned long long)json_number(answer, "accounts"), "aliases",
	            (unsigned long long)json_number(answer, "aliases"));
}

static int add(struct command_line *line) { return one(line, "domain.add", say_added); }

static int remove_domain(struct command_line *line) { return one(line, "domain.remove", say_removed); }

static int show(struct command_line *line) { return one(line, "domain.show", say_shown); }

static int run(struct command_line *line)
{
	static const struct action actions[] = {
		{ "add", add },   { "remove", remove_domain }, { "list", list },
		{ "show", show }, { "dns", domain_dns },
	};
	return run_action(line, actions, sizeof actions / sizeof actions[0]);
}

const struct command domain_command = {
	.name = "domain",
	.summary = "the domains that mail is taken for",
	.help = "Usage: postrider domain add DOMAIN\n"
		"       postrider domain remove DOMAIN\n"
		"       postrider domain list\n"
		"       postrider domain show DOMAIN\n"
		"       postrider domain dns DOMAIN\n"
		"\n"
		"A domain is the part of an address after the @. Mail is taken for the domains added here "
		"and\n"
		"for no others. A domain can be removed when no accounts and aliases are left in it.\n"
		"\n"
		"dns prints the records to set where the domain's DNS is kept, as a zone file has them.\n",
	.run = run,
};
