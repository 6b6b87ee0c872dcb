/* cli/password.h: passwords that a person types or a program pipes in; never from the command line. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "cli/command.h"

/* The first line of standard input, or, with `ask`, what a person types twice at the terminal without seeing
 * it. In the line's arena. ERR_SYNTAX empty, the two differ, or there is no terminal   ERR_LIMIT, ERR_IO */
err password_read(struct command_line *line, bool from_stdin, const char *whose, str *out) MUST_USE;

/* The same for a password that exists: asked for once. */
err password_read_once(struct command_line *line, bool from_stdin, const char *whose, str *out) MUST_USE;

#endif
