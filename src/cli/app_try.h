/* cli/app_try.h: `app test`: sending as a shop would, up to the message itself, each step with its outcome.
 */
#ifndef CLI_APP_TRY_H
#define CLI_APP_TRY_H

#include "cli/command.h"

int app_try(struct command_line *line);

#endif
