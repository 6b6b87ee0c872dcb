/* auth/auth_internal.h: the shared parts as logins see them. For auth/ only. */
#ifndef AUTH_AUTH_INTERNAL_H
#define AUTH_AUTH_INTERNAL_H

#include <stdatomic.h>

#include "auth/auth.h"
#include "auth/guess.h"
#include "auth/verified.h"

struct auth {
	struct store *store;
	struct work *work;
	err (*normalise)(struct arena *arena, str text, str *out);
	str data_dir;
	struct guess *guess;
	uint64_t saved; /* what of its pairs is on disk */
	struct verified *verified;
	struct digest fake_key;
	bool scram;
	_Atomic bool plaintext_loopback;
	_Atomic unsigned strangers; /* passwords that wait to be hashed, of pairs that are not known */
};

#endif
