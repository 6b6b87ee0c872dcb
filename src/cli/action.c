#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/usage.h"

/* "add, remove or list" */
static const char *listed(struct command_line *line, const struct action *actions, size_t count)
{
	struct buf names;

	buf_init(&names, line->arena, LIMIT_ERROR_SENTENCE);
	for (size_t i = 0; i < count; i++) {
		buf_add(&names, i == 0 ? STR("") : i + 1 < count ? STR(", ") : STR(" or "));
		buf_add(&names, str_of(actions[i].name));
	}
	const char *z = arena_z(line->arena, buf_str(&names));
	return z ? z : "";
}

int run_action(struct command_line *line, const struct action *actions, size_t count)
{
	/* What is taken and not told of would be in no manual and no completion. */
	for (size_t i = 0; i < count; i++)
		assert(usage_has_action(str_of(line->command->help), str_of(actions[i].name)));
	if (line->count == 0)
		return command_fail(
			line, command_usage(line, "what is to be done? %s", listed(line, actions, count)));
	for (size_t i = 0; i < count; i++)
		if (strcmp(actions[i].name, line->words[0]) == 0) {
			line->words++;
			line->count--;
			return actions[i].run(line);
		}
	return command_fail(line, command_usage(line, "there is no \"%s\"; it is one of %s", line->words[0],
	                                        listed(line, actions, count)));
}

int run_list(struct command_line *line, const char *operation, json_t *request,
             void (*print)(struct command_line *line, const json_t *list), const char *none)
{
	json_t *answer = NULL;
	int code = ask(line, operation, request, &answer);

	if (code != EXIT_FINE)
		return code;
	if (line->json)
		for (size_t i = 0; i < json_array_size(answer); i++)
			command_print_json(json_array_get(answer, i));
	else if (json_array_size(answer) == 0)
		puts(none);
	else
		print(line, answer);
	json_decref(answer);
	return command_done(line);
}
