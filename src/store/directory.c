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
	for (int l = LIST_ACCOUNT; l < LIST_COUNT; l++)
		for (size_t i = 0; i < d->list[l].count; i++)
			entry_release(d->list[l].at[i]);
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

enum directory_answer directory_find_route(const struct directory *d, str key, const struct route_entry **out)
{
	const void *found;
	enum directory_answer a = find(d, LIST_ROUTE, key, &found);

	if (a == DIRECTORY_FOUND)
		*out = found;
	return a;
}

enum directory_answer directory_find_login(const struct directory *d, str address,
                                           const struct account **account, const struct app **app)
{
	size_t at = str_rfind_char(address, '@'), plus = str_rfind_char(str_slice(address, 0, at), '+');
	char base[LIMIT_PATH], key[APP_KEY];
	const void *found = NULL;
	const struct account *owner;

	if (directory_find_account(d, address, account) == DIRECTORY_FOUND) {
		*app = NULL;
		return DIRECTORY_FOUND;
	}
	if (at == address.len || plus == at) /* no detail */
		return DIRECTORY_ABSENT;
	str name = str_slice(address, plus + 1, at), domain = str_from(address, at);
	if (name.len > LIMIT_APP_NAME || plus + domain.len > sizeof base)
		return DIRECTORY_ABSENT;
	memcpy(base, address.ptr, plus);
	memcpy(base + plus, domain.ptr, domain.len);
	if (directory_find_account(d, (str){ base, plus + domain.len }, &owner) != DIRECTORY_FOUND ||
	    find(d, LIST_APP, app_key(key, owner->account_id, name), &found) != DIRECTORY_FOUND)
		return DIRECTORY_ABSENT;
	*account = owner;
	*app = found;
	return DIRECTORY_FOUND;
}

enum directory_answer directory_find_app(const struct directory *d, str address, const struct app **out)
{
	const struct account *account;
	const struct app *app = NULL;

	if (directory_find_login(d, address, &account, &app) != DIRECTORY_FOUND || !app)
		return DIRECTORY_ABSENT;
	*out = app;
	return DIRECTORY_FOUND;
}

const struct app *const *directory_apps_of(const struct directory *d, uint64_t account_id, size_t *count)
{
	size_t first;

	*count = list_apps_of(&d->list[LIST_APP], account_id, &first);
	return (const struct app *const *)d->list[LIST_APP].at + first;
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

const struct app *const *directory_apps(const struct directory *d, size_t *count)
{
	*count = d->list[LIST_APP].count;
	return (const struct app *const *)d->list[LIST_APP].at;
}

const struct route_entry *const *directory_routes(const struct directory *d, size_t *count)
{
	*count = d->list[LIST_ROUTE].count;
	return (const struct route_entry *const *)d->list[LIST_ROUTE].at;
}
