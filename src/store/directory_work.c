#include "store/directory_work.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/table.h"
#include "store/directory_internal.h"

struct usage {
	struct account_usage counters;
	_Atomic unsigned references;
};

struct entry {
	union { /* first, so that a pointer to it is one to the entry */
		struct domain domain;
		struct account account;
		struct alias alias;
	} is;
	_Atomic unsigned references;
	struct usage *usage; /* of accounts */
};

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

str entry_name(enum list_kind kind, const void *at)
{
	const struct entry *e = at;

	switch (kind) {
	case LIST_DOMAIN:
		return e->is.domain.name;
	case LIST_ACCOUNT:
		return e->is.account.address;
	default:
		return e->is.alias.address;
	}
}

bool list_find(const struct entry_list *list, str name, size_t *at)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = str_cmp(entry_name(list->kind, list->at[middle]), name);
		if (c == 0) {
			*at = middle;
			return true;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

void *entry_share(void *at)
{
	atomic_fetch_add(&((struct entry *)at)->references, 1);
	return at;
}

void entry_release(void *at)
{
	struct entry *e = at;

	if (atomic_fetch_sub(&e->references, 1) != 1)
		return;
	if (e->usage && atomic_fetch_sub(&e->usage->references, 1) == 1)
		free(e->usage);
	free(e);
}

/* An entry with room for `texts` octets behind it. */
static struct entry *entry_new(size_t texts, char **room)
{
	struct entry *e = calloc(1, sizeof *e + texts);

	if (!e)
		return NULL;
	atomic_init(&e->references, 1);
	*room = (char *)(e + 1);
	return e;
}

static str put_text(char **room, str s)
{
	str kept = { *room, s.len };

	if (s.len)
		memcpy(*room, s.ptr, s.len);
	*room += s.len;
	return kept;
}

static struct entry *make_domain(const struct directory_row *row)
{
	char *room;
	struct entry *e = entry_new(row->name.len, &room);

	if (e)
		e->is.domain =
			(struct domain){ .name = put_text(&room, row->name), .created_ms = row->created_ms };
	return e;
}

/* `before` is the account's entry so far: its usage is shared. */
static struct entry *make_account(const struct directory_row *row, struct entry *before)
{
	char *room;
	struct entry *e = entry_new(row->name.len + row->display_name.len + row->password.len, &room);

	if (!e)
		return NULL;
	struct usage *usage = before ? before->usage : calloc(1, sizeof *usage);
	if (!usage) {
		free(e);
		return NULL;
	}
	atomic_fetch_add(&usage->references, 1);
	e->usage = usage;
	e->is.account = (struct account){
		.account_id = row->account_id,
		.address = put_text(&room, row->name),
		.name = put_text(&room, row->display_name),
		.password = put_text(&room, row->password),
		.quota_octets = row->quota_octets,
		.suspended = row->suspended,
		.suspended_ms = row->suspended_ms,
		.created_ms = row->created_ms,
		.usage = &usage->counters,
	};
	return e;
}

static struct entry *make_alias(const struct directory_row *row)
{
	size_t texts = row->name.len + row->target_count * sizeof(str);
	char *room;

	for (size_t i = 0; i < row->target_count; i++)
		texts += row->targets[i].len;
	struct entry *e = entry_new(texts, &room);
	if (!e)
		return NULL;
	str *targets = (str *)(void *)room; /* sizeof(struct entry) keeps the alignment */
	room += row->target_count * sizeof(str);
	for (size_t i = 0; i < row->target_count; i++)
		targets[i] = put_text(&room, row->targets[i]);
	e->is.alias = (struct alias){ .address = put_text(&room, row->name),
		                      .targets = targets,
		                      .target_count = row->target_count,
		                      .created_ms = row->created_ms };
	return e;
}

/* Puts `e` where its name belongs, in place of one of the same name. Takes the reference, also on failure. */
static err list_put(struct entry_list *list, struct entry *e)
{
	size_t at;

	if (!e)
		return ERR_NO_MEMORY;
	if (list_find(list, entry_name(list->kind, e), &at)) {
		entry_release(list->at[at]);
		list->at[at] = e;
		return OK;
	}
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		void **more = realloc(list->at, room * sizeof *more);
		if (!more) {
			entry_release(e);
			return ERR_NO_MEMORY;
		}
		list->at = more;
		list->room = room;
	}
	memmove(list->at + at + 1, list->at + at, (list->count - at) * sizeof *list->at);
	list->at[at] = e;
	list->count++;
	return OK;
}

static void list_take_out(struct entry_list *list, size_t at)
{
	entry_release(list->at[at]);
	list->count--;
	memmove(list->at + at, list->at + at + 1, (list->count - at) * sizeof *list->at);
}

static void list_clear(struct entry_list *list)
{
	while (list->count)
		entry_release(list->at[--list->count]);
}

err directory_work_new(struct directory_work **out)
{
	struct directory_work *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NO_MEMORY;
	for (int l = 0; l < LIST_COUNT; l++)
		w->list[l].kind = (enum list_kind)l;
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
				TRY(list_put(to, make_domain(&row)));
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
	struct entry *e = make_account(row, before);

	if (!e)
		return ERR_NO_MEMORY;
	if (before && !str_eq(before->is.account.address, row->name))
		account_take_out(w, before);
	return account_put(w, e);
}

err directory_work_apply(struct directory_work *w, const struct directory_row *row)
{
	size_t at;

	switch (row->kind) {
	case ROW_DOMAIN:
		return list_put(&w->list[LIST_DOMAIN], make_domain(row));
	case ROW_ACCOUNT:
		return apply_account(w, row);
	case ROW_ALIAS:
		return list_put(&w->list[LIST_ALIAS], make_alias(row));
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
			n += str_eq(directory_domain_of(entry_name((enum list_kind)l, w->list[l].at[i])),
			            name);
	return n;
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
	return make_domain(&(struct directory_row){ .name = d->name, .created_ms = d->created_ms });
}

err directory_work_publish(const struct directory_work *w, struct directory **out)
{
	struct directory *d = calloc(1, sizeof *d);
	bool failed = !d;

	for (int l = 0; !failed && l < LIST_COUNT; l++) {
		size_t count = w->list[l].count;
		d->list[l].kind = (enum list_kind)l;
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

/* --- from the rows --- */

static err load_domains(struct directory_work *w, struct database *db)
{
	bool more = false;
	err e = db_start_values(db, Q_DOMAIN_ALL, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, Q_DOMAIN_ALL, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_DOMAIN,
			                     .name = db_text(db, Q_DOMAIN_ALL, 0),
			                     .created_ms = db_int(db, Q_DOMAIN_ALL, 1) };
		e = directory_work_apply(w, &row);
	}
	db_end(db, Q_DOMAIN_ALL);
	return e;
}

static err load_accounts(struct directory_work *w, struct database *db)
{
	enum query q = Q_ACCOUNT_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_ACCOUNT,
			                     .account_id = db_u64(db, q, 0),
			                     .name = db_text(db, q, 1),
			                     .display_name = db_text(db, q, 2),
			                     .password = db_text(db, q, 3),
			                     .quota_octets = db_u64(db, q, 4),
			                     .suspended = db_int(db, q, 5) != 0,
			                     .suspended_ms = db_int(db, q, 6),
			                     .created_ms = db_int(db, q, 7) };
		e = directory_work_apply(w, &row);
	}
	db_end(db, q);
	return e;
}

static err load_aliases(struct directory_work *w, struct database *db)
{
	enum query q = Q_ALIAS_ALL;
	bool more = false;
	err e = db_start_values(db, q, NULL, 0);
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		struct directory_row row = { .kind = ROW_ALIAS,
			                     .name = db_text(db, q, 0),
			                     .created_ms = db_int(db, q, 1) };
		str *targets = arena_new(&arena, str, LIMIT_ALIAS_TARGETS);
		str in = db_text(db, q, 2);
		while (targets && row.target_count < LIMIT_ALIAS_TARGETS &&
		       bytes_counted(&in, &targets[row.target_count]))
			row.target_count++;
		row.targets = targets;
		e = targets ? directory_work_apply(w, &row) : ERR_NO_MEMORY;
		arena_reset(&arena);
	}
	db_end(db, q);
	return e;
}

static err load_usage(struct directory_work *w, struct database *db)
{
	bool more = false;
	err e = db_start_values(db, Q_USAGE_ALL, NULL, 0);

	while (e.code == ERR_OK && (e = db_row(db, Q_USAGE_ALL, &more)).code == ERR_OK && more) {
		struct entry *account = account_by_id(w, db_u64(db, Q_USAGE_ALL, 0));
		if (!account)
			continue; /* removed, its rows are still going */
		atomic_fetch_add(&account->usage->counters.messages, db_u64(db, Q_USAGE_ALL, 1));
		atomic_fetch_add(&account->usage->counters.octets, db_u64(db, Q_USAGE_ALL, 2));
	}
	db_end(db, Q_USAGE_ALL);
	return e;
}

err directory_work_load(struct directory_work *w, struct database *db)
{
	TRY(load_domains(w, db));
	TRY(load_accounts(w, db));
	TRY(load_aliases(w, db));
	return load_usage(w, db);
}
