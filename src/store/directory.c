#include "store/directory.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/directory_internal.h"
#include "store/directory_work.h"
#include "store/store_internal.h"

const struct directory *directory_acquire(struct store *store)
{
	pthread_mutex_lock(&store->directory_lock);
	struct directory *d = store->published;
	atomic_fetch_add(&d->references, 1);
	pthread_mutex_unlock(&store->directory_lock);
	return d;
}

void directory_release(const struct directory *directory)
{
	struct directory *d = (struct directory *)(uintptr_t)directory;

	if (!d || atomic_fetch_sub(&d->references, 1) != 1)
		return;
	for (size_t i = 0; i < d->list[LIST_DOMAIN].count; i++)
		free(d->list[LIST_DOMAIN].at[i]); /* made for this snapshot alone */
	for (size_t i = 0; i < d->list[LIST_ACCOUNT].count; i++)
		entry_release(d->list[LIST_ACCOUNT].at[i]);
	for (size_t i = 0; i < d->list[LIST_ALIAS].count; i++)
		entry_release(d->list[LIST_ALIAS].at[i]);
	for (int l = 0; l < LIST_COUNT; l++)
		free(d->list[l].at);
	free(d);
}

static enum directory_answer find(const struct directory *d, enum list_kind kind, str name, const void **out)
{
	size_t at;

	if (!list_find(&d->list[kind], name, &at))
		return DIRECTORY_ABSENT;
	*out = entry_public(d->list[kind].at[at]);
	return DIRECTORY_FOUND;
}

enum directory_answer directory_find_domain(const struct directory *d, str name, const struct domain **out)
{
	const void *found;
	enum directory_answer a = find(d, LIST_DOMAIN, name, &found);

	if (a == DIRECTORY_FOUND)
		*out = found;
	return a;
}

enum directory_answer directory_find_account(const struct directory *d, str address,
                                             const struct account **out)
{
	const void *found;
	enum directory_answer a = find(d, LIST_ACCOUNT, address, &found);

	if (a == DIRECTORY_FOUND)
		*out = found;
	return a;
}

enum directory_answer directory_find_alias(const struct directory *d, str address, const struct alias **out)
{
	const void *found;
	enum directory_answer a = find(d, LIST_ALIAS, address, &found);

	if (a == DIRECTORY_FOUND)
		*out = found;
	return a;
}

const struct domain *const *directory_domains(const struct directory *d, size_t *count)
{
	*count = d->list[LIST_DOMAIN].count;
	return (const struct domain *const *)d->list[LIST_DOMAIN].at;
}

const struct account *const *directory_accounts(const struct directory *d, size_t *count)
{
	*count = d->list[LIST_ACCOUNT].count;
	return (const struct account *const *)d->list[LIST_ACCOUNT].at;
}

const struct alias *const *directory_aliases(const struct directory *d, size_t *count)
{
	*count = d->list[LIST_ALIAS].count;
	return (const struct alias *const *)d->list[LIST_ALIAS].at;
}
