/* deliver/local_login.h: as whom a login of this machine may send: the programs that hand in mail by
 * run/submit.sock.
 *
 * As its own name at the hostname, with any "+detail"; as what the configuration's [submit] allow gives it:
 * an address, or "@domain" for every address of one; root as anybody. Pure; any thread.
 */
#ifndef DELIVER_LOCAL_LOGIN_H
#define DELIVER_LOCAL_LOGIN_H

#include "base/arena.h"

struct local_allowance {
	str login;
	str from; /* "ann@shop.example", "@shop.example" */
};

struct local_allowances {
	struct local_allowance *items;
	size_t count;
};

struct local_login {
	str name;                        /* "www-data" */
	str hostname;                    /* ours */
	bool anybody;                    /* root */
	struct local_allowances allowed; /* its own ones */
};

/* Makes *out, which lives in `arena`, taking over from `all` what is the login's. ERR_NOSPACE. */
err local_login_init(struct arena *arena, str name, bool root, str hostname,
                     const struct local_allowances *all, struct local_login *out) MUST_USE;

/* May it send as `address` (normalised, deliver/address.h)? */
bool local_login_may_send(const struct local_login *login, str address);

#endif
