#include "auth/auth_internal.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/random.h"

/* Reads DATA_DIR/auth.key; makes it where there is none of its length. */
static err load_key(struct arena *arena, str data_dir, char key[static DIGEST_OCTETS])
{
	struct buf path;
	str octets;

	buf_init(&path, arena, LIMIT_PATH_NAME);
	buf_add(&path, data_dir);
	buf_add(&path, STR("/auth.key"));
	TRY(buf_err(&path));
	err e = file_read_all(arena, buf_str(&path), DIGEST_OCTETS, &octets);
	if (e.code == ERR_OK && octets.len == DIGEST_OCTETS) {
		memcpy(key, octets.ptr, octets.len);
		return OK;
	}
	if (e.code != ERR_OK && e.code != ERR_MISSING && e.code != ERR_LIMIT)
		return e;
	random_fill(key, DIGEST_OCTETS);
	return file_replace(arena, buf_str(&path), (str){ key, DIGEST_OCTETS }, 0600);
}

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
	err e = load_key(arena, options->data_dir, auth->fake_key);
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
	explicit_bzero(auth->fake_key, sizeof auth->fake_key);
	free(auth);
}
