/* smtp/command_line.h: one command line, cut into verb and argument, and the parameters of MAIL and RCPT.
 *
 * RFC 5321 §4.1.1 (verbs in any case, white space at the end is tolerated), §4.1.2 (esmtp-param). Pure.
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

struct smtp_mail_parameters {
	uint64_t size; /* RFC 1870; 0: not said */
	bool has_size, has_body, has_auth;
	bool binary;   /* BODY=BINARYMIME (RFC 3030 §3) */
	bool smtputf8; /* RFC 6531 §3.4 */
};

/* Reads what follows the reverse-path: *( SP esmtp-param ) to the end. Whether AUTH is offered on this
 * connection is the caller's to ask.
 * ERR_SYNTAX not well-formed, twice, or a value that can't be   ERR_MISSING a parameter nobody offered */
err smtp_mail_parameters_parse(scan *s, struct smtp_mail_parameters *out) MUST_USE;

/* The same for RCPT, which has none. */
err smtp_rcpt_parameters_parse(scan *s) MUST_USE;

struct smtp_chunk {
	uint64_t size; /* octets that follow the line */
	bool last;
};

/* The argument of BDAT: chunk-size [ SP "LAST" ] (RFC 3030 §2). ERR_SYNTAX. */
err smtp_chunk_parse(str argument, struct smtp_chunk *out) MUST_USE;

#endif
