#include "auth/auth_internal.h"

#include <stdlib.h>

#include "auth/key.h"

err auth_new(struct arena *arena, const struct auth_options *options, struct auth **out)
{
	struct auth *auth = calloc(1, sizeof *auth);

	if (!auth)
		return ERR_NO_MEMORY;
	auth->store = options->store;
	auth->work = options->work;
	auth->normalise = options->normalise;
	auth->scram = options->scram;
	auth_set_plaintext(auth, options->plaintext_loopback);
	err e = key_root(arena, options->data_dir, &auth->fake_key);
	if (e.code == ERR_OK)
		e = guess_new(&auth->guess);
	if (e.code == ERR_OK)
		e = verified_new(&auth->verified);
	if (e.code != ERR_OK) {
		auth_free(auth);
		return e;
	}
	*out = auth;
	return OK;
}

void auth_set_plaintext(struct auth *auth, bool loopback)
{
	atomic_store(&auth->plaintext_loopback, loopback);
}

struct work *auth_work(struct auth *auth) { return auth->work; }

bool auth_takes_passwords(struct auth *auth, bool secure, ip peer)
{
	return secure || (atomic_load(&auth->plaintext_loopback) && ip_is_loopback(peer));
}

bool auth_offers(struct auth *auth, enum mechanism_name mechanism)
{
	return mechanism == MECHANISM_PLAIN || mechanism == MECHANISM_LOGIN || auth->scram;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	guess_free(auth->guess);
	verified_free(auth->verified);
	explicit_bzero(&auth->fake_key, sizeof auth->fake_key);
	free(auth);
}
