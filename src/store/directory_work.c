#include "store/directory_work.h"

#include <stdlib.h>

#include "base/table.h"
#include "store/directory_entry.h"

struct directory_work {
	struct entry_list list[LIST_COUNT];
	struct table by_id; /* accounts; the key is the id's octets in the entry */
};

static str id_key(const uint64_t *account_id)
{
	return (str){ (const char *)account_id, sizeof *account_id };
}

str directory_domain_of(str address)
{
	size_t at = str_rfind_char(address, '@');

	return at < address.len ? str_from(address, at + 1) : address;
}

err directory_work_new(struct directory_work **out)
{
	struct directory_work *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NO_MEMORY;
	*out = w;
	return OK;
}

void directory_work_free(struct directory_work *w)
{
	if (!w)
		return;
	for (int l = 0; l < LIST_COUNT; l++) {
		list_clear(&w->list[l]);
		free(w->list[l].at);
	}
	table_fini(&w->by_id);
	free(w);
}

err directory_work_revert(struct directory_work *w, const struct directory *published)
{
	for (int l = 0; l < LIST_COUNT; l++) {
		struct entry_list *to = &w->list[l];
		const struct entry_list *from = &published->list[l];
		if (from->count > to->room) {
			void **more = realloc(to->at, from->count * sizeof *more);
			if (!more)
				return ERR_NO_MEMORY;
			to->at = more;
			to->room = from->count;
		}
	}
	table_fini(&w->by_id);
	for (int l = 0; l < LIST_COUNT; l++) {
		struct entry_list *to = &w->list[l];
		const struct entry_list *from = &published->list[l];
		list_clear(to);
		for (size_t i = 0; i < from->count; i++)
			if (l == LIST_DOMAIN) { /* a snapshot's domains are its own */
				const struct domain *d = from->at[i];
				struct directory_row row = { .kind = ROW_DOMAIN,
					                     .name = d->name,
					                     .created_ms = d->created_ms };
				TRY(list_put(to, entry_of_domain(&row)));
			} else {
				struct entry *e = entry_share(from->at[i]);
				to->at[to->count++] = e;
				if (l == LIST_ACCOUNT)
					TRY(table_set(&w->by_id, id_key(&e->is.account.account_id), e));
			}
	}
	return OK;
}

static struct entry *account_by_id(const struct directory_work *w, uint64_t account_id)
{
	return table_get(&w->by_id, id_key(&account_id));
}

static err account_put(struct directory_work *w, struct entry *e)
{
	if (!e)
		return ERR_NO_MEMORY;
	/* By id first: its key stands in the entry so far, which the list may be the last to hold. */
	err put = table_set(&w->by_id, id_key(&e->is.account.account_id), e);
	if (put.code != ERR_OK) {
		entry_release(e);
		return put;
	}
	return list_put(&w->list[LIST_ACCOUNT], e);
}

static void account_take_out(struct directory_work *w, struct entry *e)
{
	size_t at;

	table_remove(&w->by_id, id_key(&e->is.account.account_id));
	if (list_find(&w->list[LIST_ACCOUNT], e->is.account.address, &at))
		list_take_out(&w->list[LIST_ACCOUNT], at);
}

/* The account's entry under its new name; the old name goes where it differs. */
static err apply_account(struct directory_work *w, const struct directory_row *row)
{
	struct entry *before = account_by_id(w, row->account_id);
	struct entry *e = entry_of_account(row, before);

	if (!e)
		return ERR_NO_MEMORY;
	if (before && !str_eq(before->is.account.address, row->name))
		account_take_out(w, before);
	return account_put(w, e);
}

static void apps_take_out(struct directory_work *w, uint64_t account_id)
{
	size_t first;

	for (size_t n = list_apps_of(&w->list[LIST_APP], account_id, &first); n > 0; n--)
		list_take_out(&w->list[LIST_APP], first);
}

static bool find_app(const struct directory_work *w, uint64_t account_id, str name, size_t *at)
{
	char key[APP_KEY];

	return name.len <= LIMIT_APP_NAME &&
	       list_find(&w->list[LIST_APP], app_key(key, account_id, name), at);
}

static err apply_app(struct directory_work *w, const struct directory_row *row)
{
	static const struct app_try never;
	struct entry_list *apps = &w->list[LIST_APP];
	size_t at;

	if (row->name.len > LIMIT_APP_NAME)
		return (err){ ERR_CORRUPT, 0, "the name of an app is too long" };
	struct entry *before = find_app(w, row->account_id, row->name, &at) ? apps->at[at] : NULL;
	return list_put(apps, entry_of_app(row, before, &never, &never));
}

err directory_work_put_app(struct directory_work *w, const struct directory_row *row,
                           const struct app_try *granted, const struct app_try *refused)
{
	if (row->name.len > LIMIT_APP_NAME || !account_by_id(w, row->account_id))
		return OK; /* of no account: verify names it */
	return list_put(&w->list[LIST_APP], entry_of_app(row, NULL, granted, refused));
}

static err apply_route(struct directory_work *w, const struct directory_row *row)
{
	struct route_host hosts[LIMIT_ROUTE_HOSTS];
	struct route_entry route;

	TRY(route_decode(row->name, row->details, hosts, &route));
	return list_put(&w->list[LIST_ROUTE], entry_of_route(row));
}

err directory_work_apply(struct directory_work *w, const struct directory_row *row)
{
	size_t at;

	switch (row->kind) {
	case ROW_DOMAIN:
		return list_put(&w->list[LIST_DOMAIN], entry_of_domain(row));
	case ROW_ACCOUNT:
		return apply_account(w, row);
	case ROW_ALIAS:
		return list_put(&w->list[LIST_ALIAS], entry_of_alias(row));
	case ROW_DOMAIN_GONE:
		if (list_find(&w->list[LIST_DOMAIN], row->name, &at))
			list_take_out(&w->list[LIST_DOMAIN], at);
		return OK;
	case ROW_ALIAS_GONE:
		if (list_find(&w->list[LIST_ALIAS], row->name, &at))
			list_take_out(&w->list[LIST_ALIAS], at);
		return OK;
	case ROW_ACCOUNT_GONE:
		if (account_by_id(w, row->account_id))
			account_take_out(w, account_by_id(w, row->account_id));
		apps_take_out(w, row->account_id);
		return OK;
	case ROW_APP:
		return apply_app(w, row);
	case ROW_APP_GONE:
		if (find_app(w, row->account_id, row->name, &at))
			list_take_out(&w->list[LIST_APP], at);
		return OK;
	case ROW_ROUTE:
		return apply_route(w, row);
	case ROW_ROUTE_GONE:
		if (list_find(&w->list[LIST_ROUTE], row->name, &at))
			list_take_out(&w->list[LIST_ROUTE], at);
		return OK;
	case ROW_MAILBOX:
		return OK;
	}
	return (err){ ERR_CORRUPT, 0, "unknown kind of directory row" };
}

static const void *find_public(const struct directory_work *w, enum list_kind kind, str name)
{
	size_t at;

	return list_find(&w->list[kind], name, &at) ? w->list[kind].at[at] : NULL;
}

const struct domain *directory_work_domain(const struct directory_work *w, str name)
{
	return find_public(w, LIST_DOMAIN, name);
}

const struct account *directory_work_account(const struct directory_work *w, str address)
{
	return find_public(w, LIST_ACCOUNT, address);
}

const struct account *directory_work_account_by_id(const struct directory_work *w, uint64_t account_id)
{
	struct entry *e = account_by_id(w, account_id);

	return e ? &e->is.account : NULL;
}

const struct alias *directory_work_alias(const struct directory_work *w, str address)
{
	return find_public(w, LIST_ALIAS, address);
}

const struct alias *const *directory_work_aliases(const struct directory_work *w, size_t *count)
{
	*count = w->list[LIST_ALIAS].count;
	return (const struct alias *const *)w->list[LIST_ALIAS].at;
}

size_t directory_work_in_domain(const struct directory_work *w, str name)
{
	size_t n = 0;

	for (int l = LIST_ACCOUNT; l <= LIST_ALIAS; l++)
		for (size_t i = 0; i < w->list[l].count; i++)
			n += str_eq(directory_domain_of(entry_key(w->list[l].at[i])), name);
	return n;
}

bool directory_work_sends_from(const struct directory_work *w, str name)
{
	for (size_t i = 0; i < w->list[LIST_APP].count; i++) {
		const struct app *a = w->list[LIST_APP].at[i];
		for (size_t f = 0; f < a->from_count; f++)
			if (str_eq(directory_domain_of(a->froms[f]), name))
				return true;
	}
	return false;
}

const struct app *directory_work_app(const struct directory_work *w, uint64_t account_id, str name)
{
	size_t at;

	return find_app(w, account_id, name, &at) ? w->list[LIST_APP].at[at] : NULL;
}

const struct app *const *directory_work_apps(const struct directory_work *w, size_t *count)
{
	*count = w->list[LIST_APP].count;
	return (const struct app *const *)w->list[LIST_APP].at;
}

const struct app *const *directory_work_apps_of(const struct directory_work *w, uint64_t account_id,
                                                size_t *count)
{
	size_t first;

	*count = list_apps_of(&w->list[LIST_APP], account_id, &first);
	return *count ? (const struct app *const *)w->list[LIST_APP].at + first : NULL;
}

const struct route_entry *directory_work_route(const struct directory_work *w, str key)
{
	return find_public(w, LIST_ROUTE, key);
}

size_t directory_work_routes(const struct directory_work *w) { return w->list[LIST_ROUTE].count; }

struct account_usage *directory_work_usage(const struct directory_work *w, uint64_t account_id)
{
	struct entry *e = account_by_id(w, account_id);

	return e ? &e->usage->counters : NULL;
}

static void count_domains(struct directory *d)
{
	const struct entry_list *domains = &d->list[LIST_DOMAIN];
	size_t at;

	for (size_t i = 0; i < d->list[LIST_ACCOUNT].count; i++) {
		const struct account *a = d->list[LIST_ACCOUNT].at[i];
		if (!list_find(domains, directory_domain_of(a->address), &at))
			continue;
		struct domain *domain = domains->at[at];
		domain->accounts++;
		if (!domain->first_account || domain->first_account->account_id > a->account_id)
			domain->first_account = a;
	}
	for (size_t i = 0; i < d->list[LIST_ALIAS].count; i++) {
		const struct alias *a = d->list[LIST_ALIAS].at[i];
		if (list_find(domains, directory_domain_of(a->address), &at))
			((struct domain *)domains->at[at])->aliases++;
	}
}

static void *share_or_copy(enum list_kind kind, void *at)
{
	const struct domain *d = at;

	if (kind != LIST_DOMAIN)
		return entry_share(at);
	return entry_of_domain(&(struct directory_row){ .name = d->name, .created_ms = d->created_ms });
}

err directory_work_publish(const struct directory_work *w, struct directory **out)
{
	struct directory *d = calloc(1, sizeof *d);
	bool failed = !d;

	for (int l = 0; !failed && l < LIST_COUNT; l++) {
		size_t count = w->list[l].count;
		d->list[l].at = calloc(count + 1, sizeof *d->list[l].at);
		failed = !d->list[l].at;
		for (size_t i = 0; !failed && i < count; i++) {
			void *shared = share_or_copy((enum list_kind)l, w->list[l].at[i]);
			failed = !shared;
			if (shared)
				d->list[l].at[d->list[l].count++] = shared;
		}
	}
	if (d)
		atomic_init(&d->references, 1);
	if (failed) {
		directory_release(d);
		return ERR_NO_MEMORY;
	}
	count_domains(d);
	*out = d;
	return OK;
}
