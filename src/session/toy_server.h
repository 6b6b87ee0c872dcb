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
 *   TLS               "220", then the handshake; the session begins anew
 *   ABOUT             "clear", or version, cipher, group, bits, the name asked for, "new" or "resumed"
 *   BIND kind         "exporter" or "end-point": the channel binding in hexadecimal, or "none"
 *   PEER              the peer's and our own address and port
 *   LEAVE ms          a line of 3,000,000 x and close, with a job of `ms` under way
 *   ABORT             close at once
 *   QUIT              "bye", close
 *   anything else     "500 line"
 */
#ifndef SESSION_TOY_SERVER_H
#define SESSION_TOY_SERVER_H

#include "net/listen.h"
#include "net/tls.h"

struct toy_server {
	struct loops *loops;
	struct work *work;
	struct acceptor *acceptor;
	struct conn_service service;
	struct listen_manner manner;
	struct tls *tls; /* NULL: none, but where toy_begins_with_tls(); freed by toy_server_stop */
	int listener;
	uint16_t port;
	int content_fd; /* what FILE and STUFF send from */
	int64_t timeout_ms;
	_Atomic uint32_t opened, closed, abandoned, released, timed_out, sequence, secured;
};

/* One self-signed certificate. */
struct tls *toy_tls_server(const char *hostname);

/* Starts it on a free port of 127.0.0.1, or on the unix socket `path` where it is not NULL. */
void toy_server_start(struct toy_server *toy, unsigned loops, struct connection_limits limits,
                      const char *path);

/* Shuts down with `patience_ms`; every connection is gone when it returns. */
void toy_server_stop(struct toy_server *toy, int64_t patience_ms);

#endif
