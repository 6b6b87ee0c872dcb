/* cli/domain_internal.h: the actions of `domain` that have a file of their own; for domain*.c alone. */
#ifndef CLI_DOMAIN_INTERNAL_H
#define CLI_DOMAIN_INTERNAL_H

#include "cli/commands.h"

/* domain dns DOMAIN: the records to set. */
int domain_dns(struct command_line *line);

#endif
