/* auth/auth.h: what all logins of a server share: where accounts are found, what may be guessed, what was
 * right a moment ago, and the key of answers about names that do not exist.
 *
 * Made once by the server; any thread. One login is auth/login.h, the talk with a client session/sasl.h.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/mechanism.h"
#include "base/ip.h"

struct auth;
struct store;
struct work;

struct auth_options {
	struct store *store;
	struct work *work; /* WORK_PASSWORD hashes */
	str data_dir; /* auth.key is there (auth/key.h), of which fake salts are made, so that a restart does
	                 not tell them */
	/* Brings an address that a client typed into the directory's form (deliver/address.h). */
	err (*normalise)(struct arena *arena, str text, str *out);
	bool plaintext_loopback; /* auth.plaintext = "loopback" */
	bool scram;              /* auth.scram: accounts have SCRAM verifiers, so it is offered */
};

/* What `options` points to must outlive it. ERR_IO, ERR_NOSPACE: the key can't be read or written. */
err auth_new(struct arena *arena, const struct auth_options *options, struct auth **out) MUST_USE;

/* From here on, for the next login; the configuration was read again. */
void auth_set_plaintext(struct auth *auth, bool loopback);

struct work *auth_work(struct auth *auth);

/* May a password be sent over this connection: is it secure, or from loopback where the owner allows that? */
bool auth_takes_passwords(struct auth *auth, bool secure, ip peer);

/* Is the mechanism to be named to clients where passwords are taken? SCRAM only where accounts have
 * verifiers: clients prefer it and do not fall back, so it would lock out whoever has none. Asked for by name
 * it is taken always, as applications' passwords have verifiers. */
bool auth_offers(struct auth *auth, enum mechanism_name mechanism);

/* Writes down where people have logged in (auth/pairs.h), if there is something new; to be called each
 * LIMIT_GUESS_SAVE_MS and after the last login. One thread; blocks. ERR_IO, ERR_NOSPACE. */
err auth_save(struct auth *auth, struct arena *arena) MUST_USE;

/* NULL is legal. */
void auth_free(struct auth *auth);

#endif
