/* cli/completion.h: completion for shells, written from the program's commands and their usage. Pure. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "base/buf.h"
#include "cli/command.h"

void completion_bash(struct buf *out, const struct command *const *commands, size_t count);
void completion_zsh(struct buf *out, const struct command *const *commands, size_t count);
void completion_fish(struct buf *out, const struct command *const *commands, size_t count);

#endif
