/* cli/send_options.h: the options of `postrider send`, which are sendmail's. Pure.
 *
 * Single letters, which may stand together ("-ti"), with their value in the same word ("-fann@shop.example")
 * or the next one. Options end at the first word that is none, or at "--": what follows are recipients, also
 * where one begins with a hyphen. Taken is what programs on a server really call (cron, PHP and the libraries
 * for it, mailx, git, monitoring); of these some say what happens anyway: -m, -U, -bm, -oe…, -od…, -om, -B.
 */
#ifndef CLI_SEND_OPTIONS_H
#define CLI_SEND_OPTIONS_H

#include "cli/command.h"

struct send_options {
	bool from_header;         /* -t: recipients stand in To, Cc and Bcc */
	bool dot_is_text;         /* -i, -oi: a line with nothing but a dot does not end the message */
	bool dialogue;            /* -bs: the caller speaks SMTP on standard input */
	bool verbose;             /* -v */
	const char *reverse_path; /* of -f or -r, the last one; NULL: the login's own */
	const char *full_name;    /* -F; NULL: the login's own */
};

/* Takes the options off the line, whose words are the recipients then. ERR_SYNTAX (and line->usage): an
 * option that is not taken, or without its value. */
err send_options_read(struct command_line *line, struct send_options *out) MUST_USE;

#endif
