#include "pop3/lock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/table.h"

struct maildrop_locks {
	pthread_mutex_t mutex;
	struct table held; /* account_id → itself, allocated */
};

static str key_of(const uint64_t *account_id)
{
	return (str){ (const char *)account_id, sizeof *account_id };
}

err maildrop_locks_new(struct maildrop_locks **out)
{
	struct maildrop_locks *locks = calloc(1, sizeof *locks);

	if (!locks)
		return ERR_NO_MEMORY;
	pthread_mutex_init(&locks->mutex, NULL);
	*out = locks;
	return OK;
}

err maildrop_lock(struct maildrop_locks *locks, uint64_t account_id)
{
	uint64_t *entry = malloc(sizeof *entry);
	err e;

	if (!entry)
		return ERR_NO_MEMORY;
	*entry = account_id;
	pthread_mutex_lock(&locks->mutex);
	e = table_get(&locks->held, key_of(entry)) ? (err){ ERR_BUSY, 0, "another session has the maildrop" }
	                                           : table_set(&locks->held, key_of(entry), entry);
	pthread_mutex_unlock(&locks->mutex);
	if (e.code != ERR_OK)
		free(entry);
	return e;
}

void maildrop_unlock(struct maildrop_locks *locks, uint64_t account_id)
{
	pthread_mutex_lock(&locks->mutex);
	uint64_t *entry = table_remove(&locks->held, key_of(&account_id));
	pthread_mutex_unlock(&locks->mutex);
	assert(entry);
	free(entry);
}

void maildrop_locks_free(struct maildrop_locks *locks)
{
	size_t at = 0;
	void *entry;

	if (!locks)
		return;
	while ((entry = table_next(&locks->held, &at)))
		free(entry);
	table_fini(&locks->held);
	pthread_mutex_destroy(&locks->mutex);
	free(locks);
}
