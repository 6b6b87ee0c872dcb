/* smtp/data.h: the octets of a message: where they end, and the content in them (RFC 5321 §4.5.2).
 *
 * Strict, since two servers that disagree about the end of a message let a stranger smuggle one in: only CRLF
 * "." CRLF ends it. A CR or LF outside a CRLF, a NUL, or a line over LIMIT_MESSAGE_LINE makes the message one
 * to refuse; it is read to its real end all the same, so that nothing of it is taken for a command.
 *
 * By BDAT (RFC 3030) the end is counted by others: a dot is a dot, and smtp_data_finish says what a last line
 * without an end lacks. What may stand in the message is the same, but for one with BODY=BINARYMIME that
 * stays as it is: behind the empty line that ends its header anything may (RFC 3030 §3).
 *
 * A push filter: chunks in, runs of content out, which point into the chunk: lines with their CRLF, without
 * the dots that the client doubled. How the octets are cut changes nothing. Pure; one thread at a time.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/str.h"

enum smtp_data_fault {
	SMTP_DATA_CLEAN,
	SMTP_DATA_BARE_CR,
	SMTP_DATA_BARE_LF,
	SMTP_DATA_NUL,
	SMTP_DATA_LONG_LINE,
};

/* Private to data.c but for `fault`, `unlined`, and what is set before the first octet: `counted`, `binary`.
 * All zero is before the first octet after DATA. */
struct smtp_data {
	bool counted; /* by BDAT */
	bool binary;  /* by BDAT, and what is behind the header stays */
	bool body;    /* of such a message the header is over */
	bool unlined; /* and it has what no lines are: DATA can't carry it */
	enum smtp_data_state {
		SMTP_DATA_LINE_START,
		SMTP_DATA_IN_LINE,
		SMTP_DATA_AFTER_CR, /* within a line */
		SMTP_DATA_DOT,      /* at the beginning of a line; the dot is not content so far */
		SMTP_DATA_DOT_CR,   /* and neither is this CR */
		SMTP_DATA_ENDED,
	} state;
	enum smtp_data_fault fault; /* the first one */
	size_t line_len;
};

/* Takes from the front of *in and gives the next run of content, not empty. False when *in is used up or the
 * end has come: then smtp_data_ended and *in is what follows. With a fault the runs mean nothing. */
bool smtp_data_next(struct smtp_data *d, str *in, str *run);

bool smtp_data_ended(const struct smtp_data *d);

/* After the last octet of a message by BDAT: what its last line needs to be one, CRLF or nothing. */
str smtp_data_finish(struct smtp_data *d);

#endif
