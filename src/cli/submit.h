/* cli/submit.h: the client of data_dir/run/submit.sock: SMTP with the server of this machine, as who we are.
 *
 * The server knows the login by the socket (SO_PEERCRED), so there is nothing to authenticate. One message a
 * connection, all or none of its recipients, since a caller that is told of a failure sends it again. Blocks.
 *
 * RFC 5321, 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8).
 */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H

#include "cli/exit.h"
#include "cli/send_message.h"

struct submit;

/* How it ended, for people and scripts. */
struct submit_outcome {
	enum exit_code exit; /* EXIT_FINE: it is durable */
	str reply;           /* the server's last one, or its refusal, without line end */
	str id;              /* the message's, empty where the reply names none */
};

struct submit_envelope {
	str reverse_path; /* without brackets; empty: null */
	const str *paths;
	uint32_t count;
};

/* Connects. ERR_MISSING no server runs   ERR_DENIED the socket can't be reached   ERR_TIMEOUT, ERR_IO */
err submit_connect(struct arena *arena, str data_dir, file *out) MUST_USE;

/* Hands `m` in, with `header` in place of its own. A refusal is no error: the outcome names it, and for which
 * recipient. ERR_CLOSED, ERR_TIMEOUT, ERR_IO, ERR_CORRUPT: nobody knows, or nothing was taken: try again. */
err submit_message(struct arena *arena, file fd, str hostname, const struct submit_envelope *envelope,
                   str header, const struct send_message *m, struct submit_outcome *out) MUST_USE;

#endif
