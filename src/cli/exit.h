/* cli/exit.h: how a command ends (sysexits.h's numbers, which scripts and mail programs know). */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/err.h"

enum exit_code {
	EXIT_FINE = 0,
	EXIT_USAGE = 64,
	EXIT_BAD_DATA = 65,    /* damage found, a malformed address */
	EXIT_NO_INPUT = 66,    /* a named file can't be read */
	EXIT_NO_SUCH = 67,     /* no such account, domain, alias */
	EXIT_UNAVAILABLE = 69, /* no server, or it refuses */
	EXIT_BUG = 70,
	EXIT_EXISTS = 73,
	EXIT_IO = 74,
	EXIT_TRY_AGAIN = 75,
	EXIT_NOT_PERMITTED = 77,
	EXIT_CONFIG = 78,
};

/* What an operation's failure means to a script. */
enum exit_code exit_code_of(err_code code);

#endif
