/* auth/sasl_client.h: logging in elsewhere: SASL mechanisms on the client's side.
 *
 *   sasl_client_begin -> response (AUTH name [response])
 *   sasl_client_challenge -> SEND: response goes out as a line
 *                         -> WORK: sasl_client_work on a worker of WORK_CRYPTO, then response goes out
 *   sasl_client_accepted: the server said yes; may it be believed?
 *
 * Responses and challenges are in base64, as they stand behind "AUTH" and "334" (RFC 4954 §4). Any error ends
 * the exchange: the line "*" cancels it where the server waits for one. After a plain refusal by the server a
 * weaker mechanism may be begun, with `offered` less the one that was refused; after ERR_DENIED none may, for
 * this server is not the one that knows the password.
 *
 * A password goes out readable (PLAIN, LOGIN, XOAUTH2, OAUTHBEARER) only where `clear` says that nobody reads
 * along. SCRAM proves the server too; what it asks of our processor has a ceiling. Pure but for the arena and
 * one nonce; one thread at a time.
 *
 * RFC 4422 (SASL), 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), 2195 (CRAM-MD5), 5802 and 7677 (SCRAM),
 * 7628 (OAUTHBEARER), Google's and Microsoft's documents of XOAUTH2.
 */
#ifndef AUTH_SASL_CLIENT_H
#define AUTH_SASL_CLIENT_H

#include "auth/scram_client.h"

/* The bits are those of smtp/client_hello.h. */
enum sasl_client_mechanism {
	SASL_CLIENT_PLAIN = 1,
	SASL_CLIENT_LOGIN = 1 << 1,
	SASL_CLIENT_CRAM_MD5 = 1 << 2,
	SASL_CLIENT_SCRAM_SHA_256 = 1 << 3,
	SASL_CLIENT_XOAUTH2 = 1 << 4,
	SASL_CLIENT_OAUTHBEARER = 1 << 5,
};

struct sasl_client_login {
	str user;
	str secret;    /* a password; not looked at where there is a token */
	str token;     /* an OAuth 2.0 bearer token; empty: none */
	str host;      /* whom we log in at, for OAUTHBEARER; may be empty */
	uint16_t port; /* 0: not said */
	bool clear;    /* what is readable may go over this connection */
};

enum sasl_client_next { SASL_CLIENT_SEND, SASL_CLIENT_WORK };

struct sasl_client {
	enum sasl_client_mechanism mechanism;
	str response; /* base64, may be empty; valid until the next call */
	bool initial; /* after begin: `response` goes along with AUTH */
	str said;     /* decoded: why the server refuses the token (JSON, RFC 7628 §3.2.2), for logs; foreign
	                 octets */
	/* private to sasl_client.c */
	int state;
	struct arena *arena;
	struct sasl_client_login login;
	struct scram_client scram;
};

/* "SCRAM-SHA-256": how AUTH calls it. */
str sasl_client_name(const struct sasl_client *c);

/* Begins with the best mechanism of `offered`, a set of SASL_CLIENT_...: SCRAM, what is readable where that
 * is allowed, CRAM-MD5; with a token OAUTHBEARER, XOAUTH2. The texts of `login` are borrowed for the
 * exchange; `arena` lives as long. ERR_MISSING no mechanism in common   ERR_SYNTAX user, secret or token
 * can't be said   ERR_NOSPACE */
err sasl_client_begin(struct sasl_client *c, struct arena *arena, const struct sasl_client_login *login,
                      unsigned offered) MUST_USE;

/* The text behind 334.
 * ERR_SYNTAX it makes no sense   ERR_LIMIT it asks for more rounds than LIMIT_SCRAM_ROUNDS
 * ERR_DENIED the server does not know the password, or wants a proof that would give it away   ERR_NOSPACE */
err sasl_client_challenge(struct sasl_client *c, str challenge, enum sasl_client_next *next) MUST_USE;

/* Answers SASL_CLIENT_WORK: up to 0.3 µs times LIMIT_SCRAM_ROUNDS. ERR_NOSPACE. */
err sasl_client_work(struct sasl_client *c) MUST_USE;

/* After 235. ERR_DENIED: it said so without the proof that it knows the password (RFC 5802 §3). */
err sasl_client_accepted(const struct sasl_client *c) MUST_USE;

#endif
