/* smtp/command_line.h: one command line, cut into verb and argument, and the argument of BDAT. The parameters
 * of MAIL and RCPT are smtp/parameters.h's.
 *
 * RFC 5321 §4.1.1 (verbs in any case, white space at the end is tolerated). Pure.
 */
#ifndef SMTP_COMMAND_LINE_H
#define SMTP_COMMAND_LINE_H

#include "base/scan.h"

struct smtp_command_line {
	str verb;     /* as written */
	str argument; /* without white space at its ends; may be empty */
};

/* Cuts `line`, given without its CRLF. ERR_SYNTAX where it has a CR, LF or NUL; *out is untouched then. */
err smtp_command_line_parse(str line, struct smtp_command_line *out) MUST_USE;

struct smtp_chunk {
	uint64_t size; /* octets that follow the line */
	bool last;
};

/* The argument of BDAT: chunk-size [ SP "LAST" ] (RFC 3030 §2). ERR_SYNTAX. */
err smtp_chunk_parse(str argument, struct smtp_chunk *out) MUST_USE;

#endif
