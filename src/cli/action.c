#include <string.h>

#include "cli/commands.h"

int run_action(struct command_line *line, const struct action *actions, size_t count)
{
	if (line->count == 0)
		return command_fail(
			line, command_usage(line, "%s: what is to be done is missing", line->command->name));
	for (size_t i = 0; i < count; i++)
		if (strcmp(actions[i].name, line->words[0]) == 0) {
			line->words++;
			line->count--;
			return actions[i].run(line);
		}
	return command_fail(
		line, command_usage(line, "%s has no action \"%s\"", line->command->name, line->words[0]));
}
