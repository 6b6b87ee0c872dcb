#include "cli/completion.h"

#include "cli/usage.h"

/* Runs over the forms of a command whose action is `action`. */
static bool next_form(struct usage_reader *r, str action, struct usage_form *out)
{
	while (usage_next(r, out))
		if (str_eq(out->action, action))
			return true;
	return false;
}

/* Each action of a command once, in order; one that has none has the empty one. */
struct actions {
	str help;
	struct usage_reader reader;
	size_t seen;
	str names[32];
};

static void actions_begin(struct actions *a, const struct command *command)
{
	*a = (struct actions){ .help = str_of(command->help) };
	usage_begin(&a->reader, a->help);
}

static bool actions_next(struct actions *a, str *out)
{
	struct usage_form form;

	while (usage_next(&a->reader, &form)) {
		bool again = false;
		for (size_t i = 0; i < a->seen; i++)
			again = again || str_eq(a->names[i], form.action);
		if (again)
			continue;
		assert(a->seen < sizeof a->names / sizeof a->names[0]);
		a->names[a->seen++] = *out = form.action;
		return true;
	}
	return false;
}

static bool has_argument(str help, str action, str kind)
{
	struct usage_reader r;
	struct usage_form form;

	usage_begin(&r, help);
	while (next_form(&r, action, &form))
		if (usage_has_argument(&form, kind))
			return true;
	return false;
}

/* Calls `add` for each option of an action, but for -c, which every command has. */
static void each_option(struct buf *out, str help, str action,
                        void (*add)(struct buf *out, str help, struct usage_option option))
{
	struct usage_reader r;
	struct usage_form form;
	struct usage_option option;

	usage_begin(&r, help);
	while (next_form(&r, action, &form))
		for (size_t at = 0; usage_option_next(&form, &at, &option);)
			if (!str_eq(option.name, STR("-c")))
				add(out, help, option);
}

static bool names_file(str value) { return str_starts(value, STR("FILE")) || str_starts(value, STR("DIR")); }

/* --- bash --- */

static void bash_option(struct buf *out, str help, struct usage_option option)
{
	(void)help;
	buf_add_char(out, ' ');
	buf_add(out, option.name);
}

static void bash_action(struct buf *out, str help, str action, const char *indent)
{
	buf_add_format(out, "%soptions=\"$options", indent);
	each_option(out, help, action, bash_option);
	buf_add(out, STR("\""));
	if (has_argument(help, action, STR("FILE")))
		buf_add(out, STR(" kind=-f"));
	else if (has_argument(help, action, STR("DIR")))
		buf_add(out, STR(" kind=-d"));
	buf_add(out, STR(" ;;\n"));
}

static void bash_command(struct buf *out, const struct command *command)
{
	struct actions a;
	str action, help = str_of(command->help);

	buf_add_format(out, "\t%s)\n\t\tcase $action in\n", command->name);
	actions_begin(&a, command);
	while (actions_next(&a, &action)) {
		if (action.len == 0) {
			buf_add(out, STR("\t\t*) "));
		} else {
			buf_add(out, STR("\t\t"));
			buf_add(out, action);
			buf_add(out, STR(") "));
		}
		bash_action(out, help, action, "");
	}
	if (a.names[0].len > 0) {
		buf_add(out, STR("\t\t*) words=\""));
		for (size_t i = 0; i < a.seen; i++) {
			buf_add(out, i ? STR(" ") : STR(""));
			buf_add(out, a.names[i]);
		}
		buf_add(out, STR("\" ;;\n"));
	}
	buf_add(out, STR("\t\tesac ;;\n"));
}

/* Options whose value is nothing that a shell could know. */
static void bash_values(struct buf *out, const struct command *const *commands, size_t count)
{
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		struct usage_reader r;
		struct usage_form form;
		struct usage_option o;

		usage_begin(&r, str_of(commands[i]->help));
		while (usage_next(&r, &form))
			for (size_t at = 0; usage_option_next(&form, &at, &o);) {
				if (o.value.len == 0 || names_file(o.value))
					continue;
				buf_add(out, first ? STR("\t") : STR(" | "));
				buf_add(out, o.name);
				first = false;
			}
	}
	buf_add(out, first ? STR("") : STR(") return ;;\n"));
}

void completion_bash(struct buf *out, const struct command *const *commands, size_t count)
{
	buf_add(out, STR("# bash completion for postrider, made from its table of commands.\n"
	                 "_postrider()\n{\n"
	                 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	                 "\tlocal command= action= words= kind= options='-c --json --help' i\n\n"
	                 "\tCOMPREPLY=()\n"
	                 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	                 "\t\tcase ${COMP_WORDS[i]} in\n"
	                 "\t\t-c) i=$((i + 1)) ;;\n"
	                 "\t\t-*) ;;\n"
	                 "\t\t*)\tif [ -z \"$command\" ]; then command=${COMP_WORDS[i]}\n"
	                 "\t\t\telif [ -z \"$action\" ]; then action=${COMP_WORDS[i]}; fi ;;\n"
	                 "\t\tesac\n"
	                 "\tdone\n"
	                 "\tcase $prev in\n"
	                 "\t-c) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"));
	bash_values(out, commands, count);
	buf_add(out, STR("\tesac\n\tcase $command in\n\t'') options=\"$options --version\" words=\""));
	for (size_t i = 0; i < count; i++)
		buf_add_format(out, "%s%s", i ? " " : "", commands[i]->name);
	buf_add(out, STR("\" ;;\n"));
	for (size_t i = 0; i < count; i++)
		bash_command(out, commands[i]);
	buf_add(out, STR("\tesac\n"
	                 "\tcase $cur in\n"
	                 "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n"
	                 "\t*)\tif [ -n \"$kind\" ]; then mapfile -t COMPREPLY < <(compgen \"$kind\" -- "
	                 "\"$cur\")\n"
	                 "\t\telse mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"); fi ;;\n"
	                 "\tesac\n"
	                 "}\n"
	                 "complete -o filenames -F _postrider postrider\n"));
}

/* --- zsh --- */

/* Inside single quotes, where colons and brackets have a meaning too. */
static void zsh_add(struct buf *out, str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\'')
			buf_add(out, STR("'\\''"));
		else if (strchr(":[]\\", text.ptr[i]))
			buf_add_char(out, '\\');
		if (text.ptr[i] != '\'')
			buf_add_char(out, text.ptr[i]);
	}
}

static void zsh_option(struct buf *out, str help, struct usage_option option)
{
	buf_add(out, STR(" \\\n\t\t\t\t'"));
	buf_add(out, option.name);
	buf_add_char(out, '[');
	zsh_add(out, usage_says(help, option.name));
	buf_add_char(out, ']');
	if (option.value.len) {
		buf_add_char(out, ':');
		zsh_add(out, option.value);
		buf_add(out, names_file(option.value) ? STR(":_files") : STR(":"));
	}
	buf_add_char(out, '\'');
}

static void zsh_action(struct buf *out, str help, str action)
{
	buf_add(out, STR("_arguments $common"));
	each_option(out, help, action, zsh_option);
	buf_add(out, has_argument(help, action, STR("FILE"))  ? STR(" '*:file:_files'")
	             : has_argument(help, action, STR("DIR")) ? STR(" '*:directory:_files -/'")
	                                                      : STR(" '*: :'"));
	buf_add(out, STR(" ;;\n"));
}

static void zsh_command(struct buf *out, const struct command *command)
{
	struct actions a;
	str action;

	actions_begin(&a, command);
	buf_add_format(out, "\t%s)\n", command->name);
	if (actions_next(&a, &action) && action.len == 0) {
		buf_add(out, STR("\t\t"));
		zsh_action(out, a.help, action);
		return;
	}
	buf_add(out, STR("\t\tif (( CURRENT == 2 )); then compadd --"));
	do {
		buf_add_char(out, ' ');
		buf_add(out, action);
	} while (actions_next(&a, &action));
	buf_add(out, STR("; return; fi\n\t\tshift words; (( CURRENT-- ))\n\t\tcase $words[1] in\n"));
	for (size_t i = 0; i < a.seen; i++) {
		buf_add(out, STR("\t\t"));
		buf_add(out, a.names[i]);
		buf_add(out, STR(") "));
		zsh_action(out, a.help, a.names[i]);
	}
	buf_add(out, STR("\t\tesac ;;\n"));
}

void completion_zsh(struct buf *out, const struct command *const *commands, size_t count)
{
	buf_add(out, STR("#compdef postrider\n"
	                 "# zsh completion for postrider, made from its table of commands.\n"
	                 "local -a common commands\n"
	                 "local state\n"
	                 "common=('-c[the configuration]:file:_files' '--json[answers and errors as JSON]' "
	                 "'--help[explain the command]')\n"
	                 "commands=(\n"));
	for (size_t i = 0; i < count; i++) {
		buf_add_format(out, "\t'%s:", commands[i]->name);
		zsh_add(out, str_of(commands[i]->summary));
		buf_add(out, STR("'\n"));
	}
	buf_add(out, STR(")\n"
	                 "_arguments -C $common '--version[which postrider this is]' '1: :->command' "
	                 "'*:: :->rest' && return\n"
	                 "case $state in\n"
	                 "command) _describe -t commands command commands ;;\n"
	                 "rest)\n\tcase $words[1] in\n"));
	for (size_t i = 0; i < count; i++)
		zsh_command(out, commands[i]);
	buf_add(out, STR("\tesac ;;\nesac\n"));
}

/* --- fish --- */

static void fish_add(struct buf *out, str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, text.ptr[i]);
	}
}

/* "complete -c postrider -n '…'": where the line has this command and, if there are any, this action. */
static void fish_begin(struct buf *out, const char *command, str action)
{
	buf_add_format(out, "complete -c postrider -n '__fish_seen_subcommand_from %s", command);
	if (action.len) {
		buf_add(out, STR("; and __fish_seen_subcommand_from "));
		buf_add(out, action);
	}
	buf_add_char(out, '\'');
}

static void fish_option(struct buf *out, str help, struct usage_option option)
{
	bool is_long = str_starts(option.name, STR("--"));

	buf_add(out, is_long ? STR(" -l ") : option.name.len == 2 ? STR(" -s ") : STR(" -o "));
	buf_add(out, str_from(option.name, is_long ? 2 : 1));
	buf_add(out, option.value.len == 0 ? STR("") : names_file(option.value) ? STR(" -r -F") : STR(" -x"));
	buf_add(out, STR(" -d '"));
	fish_add(out, usage_says(help, option.name));
	buf_add(out, STR("'\n"));
}

static void fish_action(struct buf *out, const struct command *command, str action)
{
	str help = str_of(command->help);
	struct usage_reader r;
	struct usage_form form;
	struct usage_option o;

	usage_begin(&r, help);
	while (next_form(&r, action, &form))
		for (size_t at = 0; usage_option_next(&form, &at, &o);)
			if (!str_eq(o.name, STR("-c"))) {
				fish_begin(out, command->name, action);
				fish_option(out, help, o);
			}
	bool files = has_argument(help, action, STR("FILE"));
	if (files || has_argument(help, action, STR("DIR"))) {
		fish_begin(out, command->name, action);
		buf_add(out, files ? STR(" -F\n") : STR(" -a '(__fish_complete_directories)'\n"));
	}
}

static void fish_command(struct buf *out, const struct command *command)
{
	struct actions a;
	str action;

	buf_add_format(out, "complete -c postrider -n __fish_use_subcommand -a %s -d '", command->name);
	fish_add(out, str_of(command->summary));
	buf_add(out, STR("'\n"));
	actions_begin(&a, command);
	while (actions_next(&a, &action))
		fish_action(out, command, action);
	if (a.names[0].len == 0)
		return;
	buf_add_format(out,
	               "complete -c postrider -n '__fish_seen_subcommand_from %s; and not "
	               "__fish_seen_subcommand_from",
	               command->name);
	for (size_t i = 0; i < a.seen; i++) {
		buf_add_char(out, ' ');
		buf_add(out, a.names[i]);
	}
	buf_add(out, STR("' -a '"));
	for (size_t i = 0; i < a.seen; i++) {
		buf_add(out, i ? STR(" ") : STR(""));
		buf_add(out, a.names[i]);
	}
	buf_add(out, STR("'\n"));
}

void completion_fish(struct buf *out, const struct command *const *commands, size_t count)
{
	buf_add(out, STR("# fish completion for postrider, made from its table of commands.\n"
	                 "complete -c postrider -f\n"
	                 "complete -c postrider -s c -r -F -d 'the configuration'\n"
	                 "complete -c postrider -l json -d 'answers and errors as JSON'\n"
	                 "complete -c postrider -l help -d 'explain the command'\n"
	                 "complete -c postrider -n __fish_use_subcommand -l version -d 'which postrider this "
	                 "is'\n"));
	for (size_t i = 0; i < count; i++)
		fish_command(out, commands[i]);
}
