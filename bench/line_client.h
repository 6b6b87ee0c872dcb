/* bench/line_client.h: one blocking connection to a line protocol, in clear or over TLS.
 *
 * For tools that measure one session, or hold many: a thread that needs many at once has as many of these.
 * TLS takes any certificate: who is measured is known.
 */
#ifndef BENCH_LINE_CLIENT_H
#define BENCH_LINE_CLIENT_H

#include <openssl/ssl.h>

#include "tool.h"

enum { LINE_CLIENT_BUFFER = 256 * 1024 };

struct line_client {
	int fd;
	SSL *ssl;     /* NULL: in clear */
	char *buffer; /* LINE_CLIENT_BUFFER octets */
	size_t at, len;
};

/* A context for all connections of a tool. */
SSL_CTX *line_client_tls(void);

/* Connects. `source` is an address of this machine to connect from ("127.1.2.3"), or NULL. `buffer` is
 * borrowed; several clients that are not read at the same time may share it. False with errno. */
bool line_client_open(struct line_client *c, const struct tool_address *server, const char *source,
                      char *buffer);

/* The handshake, at once or after STLS. */
bool line_client_secure(struct line_client *c, SSL_CTX *tls);

bool line_client_send(struct line_client *c, const char *octets, size_t len);

/* The next line without CRLF, ended with NUL, in the buffer until the next call; NULL at the end. */
char *line_client_line(struct line_client *c);

/* One command without its CRLF, and the line that answers; NULL where that is no "+OK". */
char *line_client_ask(struct line_client *c, const char *command);

/* Reads to the dot. How many lines and octets (dots taken away) that was. */
bool line_client_block(struct line_client *c, uint64_t *lines, uint64_t *octets);

void line_client_close(struct line_client *c);

#endif
