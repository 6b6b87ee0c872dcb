#include "cli/options.h"

#include <string.h>

#include "cli/usage.h"

/* Is `word` the option `name`, or "name=value"? */
static bool is_option(const char *word, const char *name, const char **attached)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
		return false;
	*attached = word[len] == '=' ? word + len + 1 : NULL;
	return true;
}

static err take_option(struct command_line *line, const struct option *option, const char *attached,
                       size_t *at)
{
	if (option->flag) {
		if (attached)
			return command_usage(line, "%s takes no value", option->name);
		*option->flag = true;
		return OK;
	}
	if (*option->value)
		return command_usage(line, "%s stands there twice", option->name);
	if (!attached && *at + 1 == line->count)
		return command_usage(line, "%s needs a value", option->name);
	*option->value = attached ? attached : line->words[++*at];
	return OK;
}

/* What is taken and not told of would be in no manual and no completion. */
static void assert_told(const struct command *command, const struct option *options, size_t count)
{
	for (size_t i = 0; command && i < count; i++)
		assert(usage_has_option(str_of(command->help), str_of(options[i].name)));
}

err options_read(struct command_line *line, const struct option *options, size_t count, size_t least,
                 size_t most, const char *what)
{
	bool all_words = false;
	size_t kept = 0;

	assert_told(line->command, options, count);
	for (size_t at = 0; at < line->count; at++) {
		const struct option *found = NULL;
		const char *attached = NULL;
		char *word = line->words[at];

		if (all_words || word[0] != '-' || word[1] == '\0') {
			line->words[kept++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			all_words = true;
			continue;
		}
		for (size_t i = 0; i < count && !found; i++)
			if (is_option(word, options[i].name, &attached))
				found = &options[i];
		if (!found)
			return command_usage(line, "no option \"%s\"", word);
		TRY(take_option(line, found, attached, &at));
	}
	line->count = kept;
	if (kept < least)
		return command_usage(line, "%s is missing", what);
	if (kept > most)
		return command_usage(line, "unexpected argument \"%s\"", line->words[most]);
	return OK;
}

err options_take_list(struct command_line *line, const char *name, const char **values, size_t room,
                      size_t *count)
{
	bool all_words = false;
	size_t kept = 0, n = 0;

	for (size_t at = 0; at < line->count; at++) {
		const char *attached = NULL;

		all_words = all_words || strcmp(line->words[at], "--") == 0;
		if (all_words || !is_option(line->words[at], name, &attached)) {
			line->words[kept++] = line->words[at];
			continue;
		}
		if (!attached && at + 1 == line->count)
			return command_usage(line, "%s needs a value", name);
		if (n == room)
			return command_usage(line, "%s stands there more than %zu times", name, room);
		values[n++] = attached ? attached : line->words[++at];
	}
	line->count = kept;
	*count = n;
	return OK;
}
