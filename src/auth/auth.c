#include "auth/auth_internal.h"

#include <stdlib.h>

#include "auth/key.h"
#include "auth/pairs.h"
#include "base/log.h"

/* Without the places of a former run people log in as at new ones: no reason not to start. */
static err open_guess(struct auth *auth, struct arena *arena)
{
	uint64_t key[2] = { 0 };

	TRY(pairs_key(arena, auth->data_dir, key));
	TRY(guess_new(key, &auth->guess));
	err e = pairs_load(auth->guess, arena, auth->data_dir);
	if (e.code != ERR_OK)
		log_event(EV_PLACES_FAILED, LOG_Z("what", e.what));
	return OK;
}

err auth_new(struct arena *arena, const struct auth_options *options, struct auth **out)
{
	struct auth *auth = calloc(1, sizeof *auth);

	if (!auth)
		return ERR_NO_MEMORY;
	auth->store = options->store;
	auth->work = options->work;
	auth->normalise = options->normalise;
	auth->data_dir = options->data_dir;
	auth->scram = options->scram;
	auth_set_plaintext(auth, options->plaintext_loopback);
	err e = key_root(arena, options->data_dir, &auth->fake_key);
	if (e.code == ERR_OK)
		e = open_guess(auth, arena);
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

err auth_save(struct auth *auth, struct arena *arena)
{
	return pairs_save(auth->guess, arena, auth->data_dir, &auth->saved);
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
