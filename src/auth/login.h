/* auth/login.h: is this the password of that account? One check, data in, data out.
 *
 * A session embeds struct login in its own job, fills it with login_set on its loop, has login_check run on a
 * worker (WORK_PASSWORD, some 60 ms), and reads the answer when it is resumed. The struct holds its own
 * copies, so that the session may go away meanwhile. Whoever decides what happens next logs auth.succeeded or
 * auth.failed with login_refusal's words; the client is told the same sentence for every refusal but "later".
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "base/limits.h"
#include "store/directory.h"

enum login_answer {
	LOGIN_GRANTED,
	LOGIN_UNKNOWN, /* no such account, or one without a password */
	LOGIN_WRONG,
	LOGIN_SUSPENDED, /* the password was right */
	LOGIN_LATER,     /* no memory, or the stored hash is damaged: nobody's fault at the other end */
};

struct login {
	char address[LIMIT_PATH];
	char password[LIMIT_PASSWORD];
	size_t address_len, password_len;
	bool too_long; /* of either: refused after the same time */
	/* answers */
	enum login_answer answer;
	uint64_t account_id; /* where granted */
};

/* Any thread. Copies what is to be checked; `address` is normalised (deliver/address.h). */
void login_set(struct login *login, str address, str password);

/* Worker thread. Looks the account up in the store's directory of this moment, checks the password and wipes
 * it from the struct. Takes the same time whether or not there is such an account. */
void login_check(struct login *login, struct store *store);

static inline str login_address(const struct login *login)
{
	return (str){ login->address, login->address_len };
}

/* The reason for logs: "unknown account", "wrong password", … "" for LOGIN_GRANTED. */
const char *login_refusal(enum login_answer answer);

#endif
