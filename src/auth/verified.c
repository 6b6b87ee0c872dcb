#include "auth/verified.h"

#include <pthread.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/random.h"

enum { WAYS = 8, VERIFIER_MAX = 1024 };

struct entry {
	struct digest tag;
	int64_t until_ms; /* 0: free */
};

struct verified {
	pthread_mutex_t lock;
	char key[DIGEST_OCTETS];
	struct entry *entries;
};

static_assert((LIMIT_VERIFIED & (LIMIT_VERIFIED - 1)) == 0, "a tag's octets choose a set by a mask");

err verified_new(struct verified **out)
{
	struct verified *v = calloc(1, sizeof *v);

	if (!v)
		return ERR_NO_MEMORY;
	v->entries = calloc(LIMIT_VERIFIED, sizeof *v->entries);
	if (!v->entries) {
		free(v);
		return ERR_NO_MEMORY;
	}
	pthread_mutex_init(&v->lock, NULL);
	random_fill(v->key, sizeof v->key);
	*out = v;
	return OK;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	free(v->entries);
	explicit_bzero(v->key, sizeof v->key);
	free(v);
}

/* Each part with its length before it, so that no two triples are one text. */
static bool tag_of(const struct verified *v, str address, str password, str verifier, struct digest *tag)
{
	char text[LIMIT_PATH + LIMIT_PASSWORD + VERIFIER_MAX + 32];
	struct buf b;

	buf_init_fixed(&b, text, sizeof text);
	buf_add_counted(&b, address);
	buf_add_counted(&b, password);
	buf_add_counted(&b, verifier);
	bool made = buf_err(&b).code == ERR_OK &&
	            digest_hmac((str){ v->key, sizeof v->key }, buf_str(&b), tag).code == ERR_OK;
	explicit_bzero(text, sizeof text);
	return made;
}

static struct entry *set_of(struct verified *v, const struct digest *tag)
{
	uint64_t n;

	memcpy(&n, tag->octets, sizeof n);
	return &v->entries[n & (LIMIT_VERIFIED - WAYS)];
}

bool verified_has(struct verified *v, str address, str password, str verifier, int64_t now_ms)
{
	struct digest tag;
	bool found = false;

	if (!tag_of(v, address, password, verifier, &tag))
		return false;
	pthread_mutex_lock(&v->lock);
	struct entry *set = set_of(v, &tag);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until_ms > now_ms && digest_equal(&set[i].tag, &tag)) {
			set[i].until_ms = now_ms + LIMIT_VERIFIED_MS;
			found = true;
		}
	pthread_mutex_unlock(&v->lock);
	return found;
}

void verified_add(struct verified *v, str address, str password, str verifier, int64_t now_ms)
{
	struct digest tag;

	if (!tag_of(v, address, password, verifier, &tag))
		return;
	pthread_mutex_lock(&v->lock);
	struct entry *set = set_of(v, &tag), *place = set;
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until_ms < place->until_ms)
			place = &set[i];
	for (size_t i = 0; i < WAYS; i++)
		if (digest_equal(&set[i].tag, &tag))
			place = &set[i]; /* two logins at once */
	*place = (struct entry){ tag, now_ms + LIMIT_VERIFIED_MS };
	pthread_mutex_unlock(&v->lock);
}
