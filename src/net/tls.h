/* net/tls.h: what all TLS connections of the server share: certificates, chosen by the name that the client
 * asks for (SNI, RFC 6066 §3), and the keys of session tickets (RFC 5077, RFC 8446 §4.6.1).
 *
 * TLS 1.3, and 1.2 with ephemeral keys (RFC 9325); no renegotiation, no compression, no early data, no client
 * certificates. AEAD ciphers are preferred; CBC ones of 1.2 come last and stay: a mail server that finds no
 * common cipher sends in the clear or not at all (RFC 7435).
 *
 * Certificates are replaced all at once while connections go on: those that there are keep what they began
 * with. Any thread; nothing here knows a socket (conn_start_tls and listeners do).
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/arena.h"

struct tls;

/* What is shown for some names; both PEM. */
struct tls_certificate {
	str file;  /* what sentences call it */
	str chain; /* the certificate, then those that lead to its authority */
	str key;   /* without a passphrase */
};

/* Makes one without certificates: until tls_load nothing begins TLS. ERR_NOSPACE. */
err tls_new(struct tls **out) MUST_USE;

/* From here on these are shown: each for the names in its subjectAltName (or its common name where there is
 * none), a wildcard for one label, the first where nothing fits. Two with the same names and different kinds
 * of key stand in for each other: the client is shown the one it can read. Copied. On failure the former
 * stay, and the sentence names the file and what is wrong. ERR_SYNTAX not PEM, the key is another's, too weak
 * ERR_LIMIT   ERR_NOSPACE */
err tls_load(struct tls *tls, struct arena *arena, const struct tls_certificate *items,
             size_t count) MUST_USE;

/* Would tls_load take them? The same errors. */
err tls_check(struct arena *arena, const struct tls_certificate *items, size_t count) MUST_USE;

/* Is there a certificate? */
bool tls_is_loaded(struct tls *tls);

/* Takes the keys of tickets from the file `path`, so that clients of a former run need no full handshake. One
 * that is missing or makes no sense is begun anew. Then calls tls_tickets_turn. Blocks. */
err tls_tickets_open(struct tls *tls, struct arena *arena, str path) MUST_USE;

/* Makes a new key when the newest has served LIMIT_TICKET_KEY_S, forgets those that no living ticket needs,
 * and saves them (mode 0600); in *next_ms it is due again. An error says that they could not be saved: they
 * hold nevertheless, until a restart. Blocks. */
err tls_tickets_turn(struct tls *tls, struct arena *arena, int64_t *next_ms) MUST_USE;

/* After the last connection is gone. NULL is legal. */
void tls_free(struct tls *tls);

#endif
