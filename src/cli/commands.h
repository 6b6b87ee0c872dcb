/* cli/commands.h: the subcommands, one file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command init_command;
extern const struct command domain_command;
extern const struct command account_command;
extern const struct command alias_command;
extern const struct command app_command;
extern const struct command route_command;
extern const struct command queue_command;
extern const struct command trace_command;
extern const struct command check_command;
extern const struct command config_command;
extern const struct command doctor_command;
extern const struct command verify_command;
extern const struct command backup_command;
extern const struct command restore_command;
extern const struct command send_command;

/* A command whose first word says which of several actions is meant. */
struct action {
	const char *name;
	int (*run)(struct command_line *line); /* the word is taken off */
};

/* Runs the action that the line's first word names; 64 where there is none. */
int run_action(struct command_line *line, const struct action *actions, size_t count);

/* Asks `operation` for its list, taking `request`, and prints it: one object a line with --json, else by
 * `print`, or `none` where it is empty. */
int run_list(struct command_line *line, const char *operation, json_t *request,
             void (*print)(struct command_line *line, const json_t *list), const char *none);

#endif
