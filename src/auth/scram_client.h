/* auth/scram_client.h: the client's side of SCRAM-SHA-256, a message at a time.
 *
 * Our first message (who), the server's (salt, rounds, nonce), our final one (the proof), and the server's,
 * which has to prove that it knows the password too. No channel binding: those who offer -PLUS are few, and
 * a smarthost's certificate is checked by its name (store/route_entry.h).
 *
 * Pure but for the arena; one thread. RFC 5802, RFC 7677.
 */
#ifndef AUTH_SCRAM_CLIENT_H
#define AUTH_SCRAM_CLIENT_H

#include "auth/scram_verifier.h"
#include "base/arena.h"

/* Fields are private to scram_client.c. */
struct scram_client {
	struct arena *arena;
	str first_bare, client_nonce, server_first, nonce;
	uint32_t rounds;
	size_t salt_len;
	char salt[SCRAM_SALT_MAX];
	struct digest server_signature;
};

/* A saslname (RFC 5802 §5.1 "n"), as gs2-headers of other mechanisms have too: "," as "=2C", "=" as "=3D". */
void scram_client_add_name(struct buf *b, str name);

/* The client-first-message. `user` is prepared (mime/prepare.h), `nonce` printable and without a comma; both
 * are copied. `arena` lives as long as *c. ERR_NOSPACE. */
err scram_client_first(struct scram_client *c, struct arena *arena, str user, str nonce,
                       str *message) MUST_USE;

/* Reads the server-first-message, which is copied.
 * ERR_SYNTAX it is none, or its nonce does not continue ours
 * ERR_DENIED less than 4,096 rounds (RFC 7677 §4): whoever pretends to be the server could then find the
 *            password by trying   ERR_LIMIT over LIMIT_SCRAM_ROUNDS   ERR_NOSPACE */
err scram_client_challenge(struct scram_client *c, str message) MUST_USE;

/* The client-final-message. `password` is prepared. Some 0.3 µs a round: for a worker. ERR_NOSPACE. */
err scram_client_final(struct scram_client *c, str password, str *message) MUST_USE;

/* Reads the server-final-message. OK: the server has proved itself, or *failure, a slice of `message`, is why
 * it refuses ("invalid-proof"); empty where it does not.
 * ERR_SYNTAX it is none   ERR_DENIED it is not the one that knows the password */
err scram_client_verify(const struct scram_client *c, str message, str *failure) MUST_USE;

#endif
