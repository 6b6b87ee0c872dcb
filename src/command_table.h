/* command_table.h: every subcommand, in the order in which the overview lists them. */
#ifndef COMMAND_TABLE_H
#define COMMAND_TABLE_H

#include "cli/command.h"

extern const struct command *const command_table[];
extern const size_t command_table_count;

#endif
