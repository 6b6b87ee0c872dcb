/* http/control_client.h: asking a running server for an operation, from a command. Blocks. */
#ifndef HTTP_CONTROL_CLIENT_H
#define HTTP_CONTROL_CLIENT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"

/* What a server answered; free `document`. */
struct control_answer {
	json_t *document;       /* NULL: there is none */
	const json_t *answer;   /* in document, where it succeeded */
	const json_t *warnings; /* in document; may be NULL */
	err failed;             /* the operation's own failure; its sentence is in the arena */
	bool usage;             /* as in struct operation_call */
};

/* Asks the server of the data directory for `operation` (admin/operation.h).
 * ERR_MISSING no server is there   ERR_DENIED not our server to ask   ERR_IO, ERR_CLOSED, ERR_CORRUPT it is
 * there and does not answer as it should. OK: *out says what the operation came to. */
err control_ask(struct arena *arena, str data_dir, str operation, const json_t *arguments,
                struct control_answer *out) MUST_USE;

/* Connects to DATA_DIR/control.sock, however long the path is. ERR_MISSING no server is there. */
err control_connect(struct arena *arena, str data_dir, int *fd) MUST_USE;

#endif
