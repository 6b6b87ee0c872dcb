/* pop3/command.h: one command line as a value. Pure; any thread.
 *
 * RFC 1939 §3: a keyword of three or four letters in any case, then arguments after single spaces. White
 * space at the end is tolerated, but in a password, which is all that follows "PASS " (§7). A number too
 * large for any mailbox is a number all the same: there is no such message.
 * TOP: §7; LANG: RFC 6856 §3; AUTH: RFC 5034 §4.
 */
#ifndef POP3_COMMAND_H
#define POP3_COMMAND_H

#include "base/err.h"
#include "base/str.h"

enum pop3_verb {
	POP3_AUTH,
	POP3_CAPA,
	POP3_DELE,
	POP3_LANG,
	POP3_LIST,
	POP3_NOOP,
	POP3_PASS,
	POP3_QUIT,
	POP3_RETR,
	POP3_RSET,
	POP3_STAT,
	POP3_STLS,
	POP3_TOP,
	POP3_UIDL,
	POP3_USER,
	POP3_UTF8,
	POP3_VERB_COUNT
};

struct pop3_command {
	enum pop3_verb verb;
	bool has_number;
	uint32_t number; /* of a message, from 1; 0 is well-formed and names none, as does UINT32_MAX */
	uint32_t lines;  /* of TOP; UINT32_MAX also where it was more */
	str text; /* of USER, PASS, LANG and AUTH; a slice of the line, empty only where LANG or AUTH has none
	           */
};

/* Parses `line`, given without its end. On failure *out is untouched and err.what is a sentence for the
 * client: ERR_MISSING no such command   ERR_SYNTAX its argument is wrong */
err pop3_command_parse(str line, struct pop3_command *out) MUST_USE;

#endif
