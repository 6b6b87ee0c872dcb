/* net/listen.h: sockets that accept, and the limits they keep.
 *
 * The parent process binds (listen_bind) and hands the descriptors on; the server serves them (acceptor_*).
 * One loop accepts and hands each connection to the loop with the fewest. Out of descriptors: a reserve
 * descriptor is given up to accept, refuse and close one, and accepting pauses for 100 ms, so that the loop
 * does not spin.
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/ip.h"
#include "base/limits.h"
#include "net/conn.h"

/* Binds and listens, non-blocking, close-on-exec, SO_REUSEADDR. [::] serves both families. `path` (unix) or
 * address and port. The unix one is for a process with one thread: it takes the umask away meanwhile. The
 * error names the address and the way out ("127.0.0.1:25: address in use; stop ...").
 */
err listen_bind_ip(struct arena *arena, ip address, uint16_t port, int *fd) MUST_USE;
err listen_bind_unix(struct arena *arena, str path, unsigned mode, int *fd) MUST_USE;

struct acceptor;
struct tls;

/* How connections of a listener begin. */
struct listen_manner {
	bool tls_first; /* the session opens after a handshake (RFC 8314 §3) */
	bool proxy; /* a PROXY header comes first (net/proxy_header.h): the session's peer, and whom limits
	               count, is the one it names. Peers that acceptor_set_proxy_from does not name are
	               refused */
	uint32_t handshake_ms; /* for the header, and again for a handshake; 0: LIMIT_HANDSHAKE_MS */
};

/* Counts of connections; shared by all listeners. */
struct connection_limits {
	uint32_t total, per_address, per_network; /* the latter two do not apply to loopback */
};

/* Makes an acceptor on the first loop. Before loops_start or on that loop's thread. `work` reads content that
 * is not in the page cache; it is borrowed, as `loops` is. */
err acceptor_new(struct loops *loops, struct work *work, struct connection_limits limits,
                 struct acceptor **out) MUST_USE;

/* Before acceptor_add: what connections that begin TLS show. Borrowed for the acceptor's life; NULL: nothing,
 * the default. */
void acceptor_set_tls(struct acceptor *acceptor, struct tls *tls);

/* Serves `fd`; the descriptor stays the caller's. `service` is borrowed for the acceptor's life. */
err acceptor_add(struct acceptor *acceptor, int fd, const struct conn_service *service,
                 struct listen_manner manner) MUST_USE;

/* Any thread. Who may connect to listeners with a PROXY header, from now on; copied. ERR_NOSPACE: the former
 * ones stay. */
err acceptor_set_proxy_from(struct acceptor *acceptor, const ip_network *networks, size_t count) MUST_USE;

/* Any thread, after loops_start. New limits hold for connections accepted from now on. */
void acceptor_set_limits(struct acceptor *acceptor, struct connection_limits limits);

/* Any thread, once. Stops accepting (what connects from now on waits in the
 * backlog of the caller's descriptors) and gives every connection CONN_SHUTDOWN; `finished(user)` runs on the
 * first loop when the last one is gone or after `patience_ms`, when those left were aborted. */
void acceptor_shutdown(struct acceptor *acceptor, int64_t patience_ms, void (*finished)(void *user),
                       void *user);

uint32_t acceptor_connections(const struct acceptor *acceptor);

/* Before loops_start or after loops_stop, and before loops_free. NULL is legal. */
void acceptor_free(struct acceptor *acceptor);

#endif
