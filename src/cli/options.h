/* cli/options.h: the options and arguments of one subcommand. Pure.
 *
 * "--name value", "--name=value", "--flag"; after "--" everything is an argument. What is not in the table is
 * an error that names it.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/command.h"

struct option {
	const char *name; /* "--quota" */
	bool *flag;       /* set for an option without a value, else NULL */
	const char **value;
};

/* Reads the line: options into where their rows point, arguments, in order, back into line->words. ERR_SYNTAX
 * (and line->usage): an unknown or repeated option, a value missing, or not between `least` and `most`
 * arguments. `what` names the arguments in that sentence ("ADDRESS TARGET..."). */
err options_read(struct command_line *line, const struct option *options, size_t count, size_t least,
                 size_t most, const char *what) MUST_USE;

/* Takes an option that may stand there several times out of the line, before options_read: *count values, at
 * most `room`. ERR_SYNTAX (and line->usage): more, or one without its value. */
err options_take_list(struct command_line *line, const char *name, const char **values, size_t room,
                      size_t *count) MUST_USE;

#endif
