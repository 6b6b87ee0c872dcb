/* auth/mechanism.h: SASL mechanisms on the server's side, as a machine of octets in and a wish out.
 *
 * It is given what the client says and answers what it wants next: that a challenge is sent, that a password
 * or a proof is checked, that a verifier is looked up. Base64, lines, limits on guessing, and who is allowed
 * in are others' matters (session/sasl.h, auth/login.h). Pure but for the arena; one thread.
 *
 * RFC 4422 (SASL), RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), RFC 5802 and 7677 (SCRAM).
 */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "auth/scram.h"

enum mechanism_name {
	MECHANISM_PLAIN,
	MECHANISM_LOGIN,
	MECHANISM_SCRAM_SHA_256,
	MECHANISM_SCRAM_SHA_256_PLUS,
	MECHANISM_COUNT
};

enum mechanism_wants {
	MECHANISM_WANTS_RESPONSE, /* send `challenge`, which may be empty; then mechanism_response */
	MECHANISM_WANTS_PASSWORD, /* the exchange is over: is `password` the one of `name`? */
	MECHANISM_WANTS_VERIFIER, /* the one of `name`, or a fake: mechanism_verifier */
	MECHANISM_WANTS_PROOF,    /* when a guess may be checked: mechanism_proof */
	MECHANISM_WANTS_NOTHING,  /* the exchange is over: `name` has proved itself */
};

struct mechanism {
	enum mechanism_name name_of;
	/* What the client said so far, not prepared. Valid until the next call. */
	str name, password, authzid; /* authzid empty: none */
	str challenge;               /* octets, before base64 */
	/* private to mechanism.c */
	int state;
	struct arena *arena;
	struct scram_channel channel;
	struct scram scram;
	str proof;
};

/* "SCRAM-SHA-256", for lists of what is offered and for logs. */
str mechanism_text(enum mechanism_name name);

/* The mechanism of that name in any case of letters. False where there is none. */
bool mechanism_find(str text, enum mechanism_name *out);

/* Begins. `initial` is the initial response, NULL where there was none. `channel` is copied, what it names is
 * borrowed; only SCRAM looks at it, at its `plus` never. `arena` lives as long as *m.
 * ERR_SYNTAX and ERR_DENIED end an exchange; their sentences are for the log. ERR_NOSPACE too. */
err mechanism_begin(struct mechanism *m, struct arena *arena, enum mechanism_name name,
                    const struct scram_channel *channel, const str *initial,
                    enum mechanism_wants *wants) MUST_USE;

/* The client's next response, decoded. Errors as above. */
err mechanism_response(struct mechanism *m, str response, enum mechanism_wants *wants) MUST_USE;

/* Answers MECHANISM_WANTS_VERIFIER: *wants is MECHANISM_WANTS_RESPONSE. `server_nonce`: auth/scram.h. */
err mechanism_verifier(struct mechanism *m, const struct scram_verifier *verifier, str server_nonce,
                       enum mechanism_wants *wants) MUST_USE;

/* Answers MECHANISM_WANTS_PROOF: OK where it is right, and one more challenge proves us; *wants is
 * MECHANISM_WANTS_RESPONSE. ERR_DENIED it is wrong. */
err mechanism_proof(struct mechanism *m, enum mechanism_wants *wants) MUST_USE;

#endif
