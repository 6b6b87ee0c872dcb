/* net/dial.h: a blocking client connection, in the clear and under TLS: for commands that look at a server as
 * its clients do. Nothing of a running server uses it.
 *
 * Each call waits for at most the time given at dial_open. The certificate is judged as clients judge it,
 * against the system's trust store (or $SSL_CERT_FILE, as OpenSSL has it), but judging is all: the connection
 * goes on, and whoever uses it decides.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/ip.h"

struct dial;

struct dial_tls {
	const char *version, *cipher; /* "TLSv1.3"; live as long as the connection */
	const char *mistrust;         /* why clients would not trust the certificate; NULL: they do */
};

/* ERR_CLOSED: refused or not reachable   ERR_TIMEOUT   ERR_NOSPACE, ERR_IO */
err dial_open(struct arena *arena, ip address, uint16_t port, int64_t timeout_ms, struct dial **out) MUST_USE;

/* Shakes hands as a client that wants `name`. ERR_CLOSED: the handshake failed   ERR_TIMEOUT   ERR_NOSPACE.
 */
err dial_start_tls(struct dial *d, const char *name, struct dial_tls *out) MUST_USE;

/* After dial_start_tls: is what the other end shows the first certificate of `chain` (PEM)? */
bool dial_shows(const struct dial *d, str chain);

/* The next line without its end, at most LIMIT_DIAL_LINE octets; lives until the next call.
 * ERR_CLOSED, ERR_TIMEOUT, ERR_LIMIT. */
err dial_read_line(struct dial *d, str *out) MUST_USE;

err dial_write(struct dial *d, str octets) MUST_USE;

/* NULL is taken. */
void dial_close(struct dial *d);

#endif
