/* cli/trace.h: what happened to a message, for other commands that show it. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "cli/command.h"

struct config;

/* Prints the events of the message with that id in their order, as `trace` does; nothing where none is known.
 * The exit code. */
int trace_print(struct command_line *line, const struct config *config, const char *message_id);

#endif
