#include "net/peer_count.h"

#include <stdlib.h>

struct entry {
	ip key;
	uint32_t count;
};

static str key_of(const ip *address)
{
	return (str){ (const char *)address->octets, sizeof address->octets };
}

void peer_count_init(struct peer_count *count)
{
	*count = (struct peer_count){ 0 };
	pthread_mutex_init(&count->lock, NULL);
}

static void entries_free(struct table *t)
{
	struct entry *e;

	for (size_t at = 0; (e = table_next(t, &at));)
		free(e);
	table_fini(t);
}

void peer_count_fini(struct peer_count *count)
{
	entries_free(&count->addresses);
	entries_free(&count->networks);
	pthread_mutex_destroy(&count->lock);
}

static err more(struct table *t, ip key, uint32_t limit)
{
	struct entry *e = table_get(t, key_of(&key));

	if (e && e->count >= limit)
		return (err){ ERR_LIMIT, 0, "too many connections from there" };
	if (e) {
		e->count++;
		return OK;
	}
	if (limit == 0)
		return (err){ ERR_LIMIT, 0, "no connections are allowed from there" };
	e = malloc(sizeof *e);
	if (!e)
		return ERR_NO_MEMORY;
	*e = (struct entry){ key, 1 };
	err failed = table_set(t, key_of(&e->key), e);
	if (failed.code != ERR_OK)
		free(e);
	return failed;
}

static void fewer(struct table *t, ip key)
{
	struct entry *e = table_get(t, key_of(&key));

	assert(e && e->count > 0);
	if (--e->count > 0)
		return;
	table_remove(t, key_of(&key));
	free(e);
}

err peer_count_add(struct peer_count *count, ip address, uint32_t per_address, uint32_t per_network)
{
	pthread_mutex_lock(&count->lock);
	err e = more(&count->addresses, address, per_address);
	if (e.code == ERR_OK) {
		e = more(&count->networks, ip_neighbourhood(address), per_network);
		if (e.code != ERR_OK)
			fewer(&count->addresses, address);
	}
	pthread_mutex_unlock(&count->lock);
	return e;
}

void peer_count_remove(struct peer_count *count, ip address)
{
	pthread_mutex_lock(&count->lock);
	fewer(&count->addresses, address);
	fewer(&count->networks, ip_neighbourhood(address));
	pthread_mutex_unlock(&count->lock);
}
