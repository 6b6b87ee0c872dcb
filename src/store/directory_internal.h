/* store/directory_internal.h: entries and sorted lists that snapshots and the committer's copy share. */
#ifndef STORE_DIRECTORY_INTERNAL_H
#define STORE_DIRECTORY_INTERNAL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "store/directory.h"

/* What a list points to: the public struct first, then the texts it names, in one allocation. Immutable once
 * made, shared by snapshots. */
struct entry;

enum list_kind { LIST_DOMAIN, LIST_ACCOUNT, LIST_ALIAS, LIST_APP, LIST_ROUTE, LIST_COUNT };

/* Sorted by key. `at` points to the public structs (first member of their entries). */
struct entry_list {
	void **at;
	size_t count, room;
};

struct directory {
	_Atomic unsigned references;
	struct entry_list list[LIST_COUNT];
};

/* The public struct of what a list holds; identity, kept as a function to say so. */
static inline const void *entry_public(const void *at) { return at; }

/* What lists are sorted by: a domain's name, an address, an app's app_key, a route's key. */
str entry_key(const void *at);

/* An app's key is its account's id, highest octet first, and its name: so the apps of an account stand
 * together. */
enum { APP_KEY_ID = 8, APP_KEY = APP_KEY_ID + LIMIT_APP_NAME };
str app_key(char octets[static APP_KEY], uint64_t account_id, str name); /* name.len <= LIMIT_APP_NAME */

/* Where `key` is, or would be put. */
bool list_find(const struct entry_list *list, str key, size_t *at);

/* The apps of one account: where the first is, or would be put, and how many there are. */
size_t list_apps_of(const struct entry_list *list, uint64_t account_id, size_t *first);

void *entry_share(void *at);
void entry_release(void *at);

#endif
