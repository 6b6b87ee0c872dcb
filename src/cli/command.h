/* cli/command.h: the frame of every subcommand: where it stands in the program's table, its line, its words.
 *
 * `-c FILE`, `--json` and `--help` may stand anywhere after the program's name and are taken out before a
 * command sees its line; after "--" nothing is. People read plain text, programs read JSON: answers on
 * standard output, errors and warnings on standard error, each a sentence or an object.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "cli/exit.h"

struct command_line {
	struct arena *arena;
	const char *config_path; /* of -c, or NULL */
	bool json;
	bool usage;          /* an error lies in how the command was called: 64 */
	bool by_other_name;  /* called as called_as: by programs, whose folder means nothing */
	enum exit_code exit; /* what the error's code alone would not say; EXIT_FINE: it does */
	char **words;        /* after the command's name */
	size_t count;
	const struct command *command;
};

struct command {
	const char *name;
	const char *summary; /* one line of the overview */
	const char *help;    /* the whole text of --help */
	int (*run)(struct command_line *line);
	const char *called_as; /* the program by this name is the command, all words are its own; or NULL */
};

/* Runs what argv asks for out of `commands`; returns the exit code. */
int command_main(const struct command *const *commands, size_t count, int argc, char **argv);

/* The configuration's path: -c, $POSTRIDER_CONFIG, ./postrider.toml (not by another name) or
 * /etc/postrider/postrider.toml, made absolute. ERR_MISSING with what to do. */
err command_config_path(struct command_line *line, str *out) MUST_USE;

/* ERR_SYNTAX (and line->usage) where words are left. */
err command_no_arguments(struct command_line *line) MUST_USE;

/* A failure in how the command was called: sets line->usage. */
err command_usage(struct command_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- speaking --- */

/* Says why it failed and returns the exit code that fits. */
int command_fail(const struct command_line *line, err e);

/* The same with a given exit code. */
int command_fail_with(const struct command_line *line, enum exit_code code, err e);

/* A warning, for people "warning: …", for programs {"warning":"…"}, on standard error. */
void command_warn(const struct command_line *line, const char *sentence);

/* One JSON object or array element as a line on standard output. */
void command_print_json(const json_t *value);

/* A sentence for people: nothing with --json. */
void command_say(const struct command_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Flushes standard output: EXIT_FINE, or EXIT_IO where somebody could not be told (a full disk). */
int command_done(const struct command_line *line);

#endif
