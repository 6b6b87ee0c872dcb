/* session/toy_server.h: a small line protocol over real sockets, for the tests and the measuring of net/ and
 * session/. Not part of the server.
 *
 *   ECHO text         text
 *   WAIT ms text      the same after a job of `ms`
 *   DATA              "354", then octets up to CRLF "." CRLF: "250 size crc32c"
 *   FILE from size    a range of the content, plain
 *   STUFF from size   "+", the range with dots doubled, the end line
 *   BIG size          a line of that many x
 *   COUNT n           the lines "1" to "n", as the queue takes them
 *   UID               the peer's user, or "none"
 *   HOLD ms           the loop stands still
 *   SEQ               how many SEQ there were on this server
 *   LEAVE ms          a line of 3,000,000 x and close, with a job of `ms` under way
 *   ABORT             close at once
 *   QUIT              "bye", close
 *   anything else     "500 line"
 */
#ifndef SESSION_TOY_SERVER_H
#define SESSION_TOY_SERVER_H

#include "net/listen.h"

struct toy_server {
	struct loops *loops;
	struct work *work;
	struct acceptor *acceptor;
	struct conn_service service;
	int listener;
	uint16_t port;
	int content_fd; /* what FILE and STUFF send from */
	int64_t timeout_ms;
	_Atomic uint32_t opened, closed, abandoned, released, timed_out, sequence;
};

/* Starts it on a free port of 127.0.0.1, or on the unix socket `path` where it is not NULL. */
void toy_server_start(struct toy_server *toy, unsigned loops, struct connection_limits limits,
                      const char *path);

/* Shuts down with `patience_ms`; every connection is gone when it returns. */
void toy_server_stop(struct toy_server *toy, int64_t patience_ms);

#endif
