/* auth/login.h: one attempt to log in: who may be let in, and what that costs.
 *
 * The name decides what is asked. A "+" in its local part makes it an application's, whose password we made:
 * one SHA-256 on the loop, wrong ones are slowed afterwards. Any other is an account's, whose password a
 * person chose: the attempt is admitted first (auth/guess.h), then looked up among those that were right a
 * moment ago (auth/verified.h), and only then hashed on a worker (60 ms). A name that does not exist goes the
 * same way as one that does, step for step.
 *
 * Each call says what comes next:
 *   LOGIN_ANSWERED   `answer` stands
 *   LOGIN_PAUSES     call login_continue after wait_ms
 *   LOGIN_HASHES     run login_hash on WORK_PASSWORD (before others where goes_first), then login_hashed
 * An attempt that is given up meanwhile says login_give_up, or login_hashed where its hash is under way.
 * Loop thread, but for login_hash.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "auth/auth.h"
#include "auth/guess.h"
#include "auth/identity.h"
#include "base/limits.h"

enum login_next { LOGIN_ANSWERED, LOGIN_PAUSES, LOGIN_HASHES };

enum login_answer {
	LOGIN_UNKNOWN, /* no such account or application, or one without a password */
	LOGIN_WRONG,
	LOGIN_SUSPENDED, /* the password was right */
	LOGIN_LATER,     /* nobody knows: too many guesses, too much work, no memory, a damaged hash */
	LOGIN_GRANTED,
};

struct login {
	/* answers */
	enum login_answer answer;
	const char *why;           /* for the log; the client is told one sentence for all but LOGIN_LATER */
	struct identity *identity; /* of LOGIN_GRANTED; the caller's to take and to free */
	int64_t wait_ms;
	bool goes_first;
	/* private to login.c */
	struct auth *auth;
	ip peer;
	struct mechanism *proof; /* SCRAM: what checks it; NULL: `password` */
	struct guess_attempt attempt;
	bool is_app, never, hashing;
	size_t name_len, password_len;
	char name[LIMIT_PATH]; /* normalised; as much of what was typed as fits, where it is no address */
	char password[LIMIT_PASSWORD];
};

/* Who it is: `name` and `authzid` (empty: none) as the client sent them. An authzid that is not the name
 * itself is refused, after the same steps. */
void login_begin(struct login *login, struct auth *auth, ip peer, str name, str authzid);

/* With a password. */
enum login_next login_with_password(struct login *login, str password);

/* With SCRAM: the verifier that its challenge is made of, real or not. ERR_NOSPACE. */
err login_verifier(struct login *login, struct scram_verifier *out) MUST_USE;

/* Then, when `mechanism` (borrowed until the answer) has the client's proof. */
enum login_next login_with_proof(struct login *login, struct mechanism *mechanism);

enum login_next login_continue(struct login *login);
void login_hash(struct login *login);
void login_hashed(struct login *login);
void login_give_up(struct login *login);

/* The name for logs. */
static inline str login_name(const struct login *login) { return (str){ login->name, login->name_len }; }

#endif
