/* cli/manual.h: postrider(1), written from the program's commands and their help. Pure. man(7). */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "base/buf.h"
#include "cli/command.h"

/* The page's source; `date` as its foot shows it. */
void manual_page(struct buf *out, const struct command *const *commands, size_t count, const char *date);

#endif
