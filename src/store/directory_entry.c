#include "store/directory_entry.h"

#include <stdlib.h>

str entry_key(const void *at) { return ((const struct entry *)at)->key; }

str app_key(char octets[static APP_KEY], uint64_t account_id, str name)
{
	assert(name.len <= LIMIT_APP_NAME);
	for (unsigned i = 0; i < APP_KEY_ID; i++)
		octets[i] = (char)(account_id >> (8 * (APP_KEY_ID - 1 - i)));
	if (name.len)
		memcpy(octets + APP_KEY_ID, name.ptr, name.len);
	return (str){ octets, APP_KEY_ID + name.len };
}

bool list_find(const struct entry_list *list, str key, size_t *at)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = str_cmp(entry_key(list->at[middle]), key);
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

size_t list_apps_of(const struct entry_list *list, uint64_t account_id, size_t *first)
{
	char key[APP_KEY];
	size_t from, n = 0;

	(void)list_find(list, app_key(key, account_id, STR("")), &from);
	while (from + n < list->count &&
	       ((struct entry *)list->at[from + n])->is.app.account_id == account_id)
		n++;
	*first = from;
	return n;
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
	app_use_release(e->app_use);
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

static size_t targets_size(const struct directory_row *row)
{
	size_t size = row->target_count * sizeof(str);

	for (size_t i = 0; i < row->target_count; i++)
		size += row->targets[i].len;
	return size;
}

/* First of the texts: sizeof(struct entry) keeps the alignment. */
static const str *put_targets(char **room, const struct directory_row *row)
{
	str *targets = (str *)(void *)*room;

	*room += row->target_count * sizeof(str);
	for (size_t i = 0; i < row->target_count; i++)
		targets[i] = put_text(room, row->targets[i]);
	return targets;
}

struct entry *entry_of_domain(const struct directory_row *row)
{
	char *room;
	struct entry *e = entry_new(row->name.len, &room);

	if (!e)
		return NULL;
	e->key = put_text(&room, row->name);
	e->is.domain = (struct domain){ .name = e->key, .created_ms = row->created_ms };
	return e;
}

struct entry *entry_of_account(const struct directory_row *row, struct entry *before)
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
	e->key = put_text(&room, row->name);
	e->is.account = (struct account){
		.account_id = row->account_id,
		.address = e->key,
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

struct entry *entry_of_alias(const struct directory_row *row)
{
	char *room;
	struct entry *e = entry_new(targets_size(row) + row->name.len, &room);

	if (!e)
		return NULL;
	const str *targets = put_targets(&room, row);
	e->key = put_text(&room, row->name);
	e->is.alias = (struct alias){ .address = e->key,
		                      .targets = targets,
		                      .target_count = row->target_count,
		                      .created_ms = row->created_ms };
	return e;
}

struct entry *entry_of_app(const struct directory_row *row, struct entry *before,
                           const struct app_try *granted, const struct app_try *refused)
{
	char *room, key[APP_KEY];
	struct entry *e =
		entry_new(targets_size(row) + APP_KEY_ID + row->name.len + row->password.len, &room);

	if (!e)
		return NULL;
	e->app_use = before ? app_use_share(before->app_use) : app_use_new(granted, refused);
	if (!e->app_use) {
		free(e);
		return NULL;
	}
	const str *froms = put_targets(&room, row);
	e->key = put_text(&room, app_key(key, row->account_id, row->name));
	e->is.app = (struct app){ .account_id = row->account_id,
		                  .name = str_from(e->key, APP_KEY_ID),
		                  .verifier = put_text(&room, row->password),
		                  .froms = froms,
		                  .from_count = row->target_count,
		                  .limit_count = row->limit_count,
		                  .limit_period_s = row->limit_period_s,
		                  .created_ms = row->created_ms,
		                  .use = e->app_use };
	return e;
}

struct entry *entry_of_route(const struct directory_row *row)
{
	char *room;
	size_t hosts_size = LIMIT_ROUTE_HOSTS * sizeof(struct route_host);
	struct entry *e = entry_new(hosts_size + row->name.len + row->details.len, &room);

	if (!e)
		return NULL;
	struct route_host *hosts = (struct route_host *)(void *)room;
	room += hosts_size;
	e->key = put_text(&room, row->name);
	if (route_decode(e->key, put_text(&room, row->details), hosts, &e->is.route).code != ERR_OK) {
		free(e);
		return NULL;
	}
	e->is.route.created_ms = row->created_ms;
	return e;
}

err list_put(struct entry_list *list, struct entry *e)
{
	size_t at;

	if (!e)
		return ERR_NO_MEMORY;
	if (list_find(list, e->key, &at)) {
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

void list_take_out(struct entry_list *list, size_t at)
{
	entry_release(list->at[at]);
	list->count--;
	memmove(list->at + at, list->at + at + 1, (list->count - at) * sizeof *list->at);
}

void list_clear(struct entry_list *list)
{
	while (list->count)
		entry_release(list->at[--list->count]);
}
