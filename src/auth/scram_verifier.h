/* auth/scram_verifier.h: what SCRAM-SHA-256 needs to know of a password, which is not the password.
 *
 * As text it carries its own cost: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey", the three in base64 (the
 * form of RFC 5803 §3). Who steals it can't log in with it, but can try passwords against it.
 *
 * RFC 5802 §2.2 and §3, RFC 7677.
 */
#ifndef AUTH_SCRAM_VERIFIER_H
#define AUTH_SCRAM_VERIFIER_H

#include "auth/digest.h"
#include "base/buf.h"

/* Rounds: RFC 7677 §3 asks for 4,096. They add nothing to a secret of 140 bits, and the client pays them at
 * each login; what people choose needs as many as are bearable. */
enum { SCRAM_ROUNDS_GENERATED = 4096, SCRAM_ROUNDS_CHOSEN = 600000, SCRAM_ROUNDS_MAX = 10000000 };
enum { SCRAM_SALT_OCTETS = 16, SCRAM_SALT_MAX = 64 };

struct scram_verifier {
	uint32_t rounds;
	size_t salt_len;
	char salt[SCRAM_SALT_MAX];
	struct digest stored_key, server_key;
};

static inline str scram_verifier_salt(const struct scram_verifier *v)
{
	return (str){ v->salt, v->salt_len };
}

/* The verifier of `password`, prepared (mime/prepare.h), with a salt of 1 to SCRAM_SALT_MAX octets. Some 0.3
 * µs a round: SCRAM_ROUNDS_CHOSEN are for workers and commands. ERR_NOSPACE. */
err scram_verifier_derive(str password, str salt, uint32_t rounds, struct scram_verifier *out) MUST_USE;

/* The same, with the ClientKey, which is the client's to know. */
err scram_verifier_keys(str password, str salt, uint32_t rounds, struct digest *client_key,
                        struct scram_verifier *out) MUST_USE;

/* scram_verifier_derive with a new salt. */
err scram_verifier_make(str password, uint32_t rounds, struct scram_verifier *out) MUST_USE;

/* One for a name that has none: always the same for that name under `key`, so that asking twice tells nothing
 * (RFC 5802 §9). No proof fits it. ERR_NOSPACE. */
err scram_verifier_fake(str key, str name, uint32_t rounds, struct scram_verifier *out) MUST_USE;

void scram_verifier_format(struct buf *out, const struct scram_verifier *v);

/* ERR_SYNTAX it is none, also with less than 4,096 or more than SCRAM_ROUNDS_MAX rounds. Pure. */
err scram_verifier_parse(str text, struct scram_verifier *out) MUST_USE;

#endif
