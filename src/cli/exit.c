#include "cli/exit.h"

enum exit_code exit_code_of(err_code code)
{
	switch (code) {
	case ERR_OK:
		return EXIT_FINE;
	case ERR_SYNTAX:
	case ERR_LIMIT:
	case ERR_CORRUPT:
		return EXIT_BAD_DATA;
	case ERR_MISSING:
		return EXIT_NO_SUCH;
	case ERR_EXISTS:
		return EXIT_EXISTS;
	case ERR_DENIED:
		return EXIT_NOT_PERMITTED;
	case ERR_BUSY:
	case ERR_TIMEOUT:
	case ERR_QUOTA:
		return EXIT_TRY_AGAIN;
	case ERR_NOSPACE:
	case ERR_IO:
		return EXIT_IO;
	case ERR_CLOSED:
		return EXIT_UNAVAILABLE;
	}
	return EXIT_BUG;
}
