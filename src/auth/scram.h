/* auth/scram.h: the server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, a message at a time.
 *
 * Three messages: the client's first (who), ours (salt, rounds, nonce), the client's final (the proof), and
 * then ours that proves us to the client. No step knows a password. Whoever drives it looks the verifier up
 * between the first two, or makes one up (scram_verifier_fake), so that nobody learns which names exist.
 *
 * Channel bindings (RFC 5056): "tls-exporter" (RFC 9266) and "tls-server-end-point" (RFC 5929 §4), as the
 * connection gives them. "tls-unique" is not taken: TLS 1.3 has none (RFC 8446 appendix C.5), and in 1.2 it
 * is sound only with the extended master secret (RFC 7677 §4).
 *
 * Pure but for the arena; one thread. RFC 5802, RFC 7677.
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "auth/scram_verifier.h"
#include "base/arena.h"

enum { SCRAM_BINDINGS = 2, SCRAM_NONCE_OCTETS = 18 };

struct scram_binding {
	str name;   /* "tls-exporter" */
	str octets; /* empty: not to be had on this connection */
};

/* What the connection can do. */
struct scram_channel {
	bool plus;         /* the mechanism that was begun is -PLUS */
	bool plus_offered; /* -PLUS stood in our list: a client that says it saw none was lied to */
	struct scram_binding bindings[SCRAM_BINDINGS];
};

struct scram {
	/* after scram_first; in the arena */
	str name;    /* not yet prepared; as octets, without the "=2C" form */
	str authzid; /* empty: none */
	/* private to scram.c */
	struct arena *arena;
	str gs2_header, first_bare, client_nonce, nonce, server_first, binding;
	struct scram_verifier verifier;
};

/* Reads the client-first-message; keeps copies in `arena`, which lives as long as *s.
 * ERR_SYNTAX it is none, also with a mandatory extension (RFC 5802 §5.1 "m")
 * ERR_DENIED the channel binding is not as it has to be: the sentence is for the log   ERR_NOSPACE */
err scram_first(struct scram *s, struct arena *arena, const struct scram_channel *channel,
                str message) MUST_USE;

/* The server-first-message, to be sent. `server_nonce` is printable and has no comma. ERR_NOSPACE. */
err scram_challenge(struct scram *s, const struct scram_verifier *verifier, str server_nonce,
                    str *message) MUST_USE;

/* Checks the client-final-message. OK: the client knows the password; *message is the server-final-message,
 * to be sent. ERR_SYNTAX   ERR_DENIED wrong proof, nonce or binding   ERR_NOSPACE */
err scram_final(struct scram *s, str client_final, str *message) MUST_USE;

#endif
