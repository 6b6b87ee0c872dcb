/* net/client.h: connections that we begin: to the servers that mail is sent to.
 *
 * After the beginning they are connections as any (net/conn.h): octets, ranges, pauses, time-outs, close. The
 * session is the caller's and there from the first event, which is CONN_OPENED when the other end has
 * answered or CONN_CLOSED when it has not.
 *
 * TLS 1.2 and later. The certificate is judged as the standards say, against the system's trust store (or
 * $SSL_CERT_FILE, as OpenSSL has it) and the name that was asked for (RFC 6125); judging is all. Whether the
 * connection goes on with a stranger is its owner's: without better knowledge mail goes over TLS with anybody
 * rather than in the clear (RFC 7435).
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "net/conn.h"

struct net_client; /* what all of them share */

/* ERR_NOSPACE. */
err net_client_new(struct work *work, struct net_client **out) MUST_USE;
/* After the last of its connections is gone. NULL is legal. */
void net_client_free(struct net_client *client);
/* Whom its connections give work to. */
struct work *net_client_work(const struct net_client *client);

struct net_target {
	ip address;
	uint16_t port;
	ip source; /* where `has_source`: the address to come from */
	bool has_source;
	const char *unix_path; /* a unix socket instead; NULL: none */
	int64_t timeout_ms;    /* for the other end to answer; 0: LIMIT_CONNECT_MS */
};

/* Loop thread. `service` names the connection in logs and has its handler; open is not called. CONN_CLOSED
 * comes never from within this call. ERR_NOSPACE, ERR_IO: no descriptor, no such source. */
err net_client_connect(struct net_client *client, struct loop *loop, const struct conn_service *service,
                       void *session, const struct net_target *target, struct conn **out) MUST_USE;

/* At CONN_CLOSED: why the other end was not reached. ERR_OK: it was. ERR_CLOSED refused   ERR_TIMEOUT no
 * answer ERR_MISSING no way there   ERR_IO */
err_code conn_connect_error(const struct conn *conn);

/* Everything written is out, and the other end waits for our handshake. What came in the clear and was not
 * consumed is dropped (RFC 3207 §6). Then CONN_SECURED; CONN_CLOSED where the handshake fails or takes over
 * LIMIT_HANDSHAKE_MS. `name`, <= LIMIT_DOMAIN, is asked for (SNI) and has to be in the certificate;
 * an address, "[2001:db8::1]" too, is not asked for.
 * ERR_CLOSED   ERR_NOSPACE */
err conn_start_tls_as_client(struct conn *conn, str name) MUST_USE;

/* After CONN_SECURED: why the certificate is not to be trusted for that name; NULL: it is. */
const char *conn_tls_mistrust(const struct conn *conn);

#endif
