/* store/directory_internal.h: entries and sorted lists that snapshots and the committer's copy share. */
#ifndef STORE_DIRECTORY_INTERNAL_H
#define STORE_DIRECTORY_INTERNAL_H

#include <stdatomic.h>

#include "store/directory.h"

/* What a list points to: the public struct first, then the texts it names, in one allocation. Immutable once
 * made, shared by snapshots. */
struct entry;

enum list_kind { LIST_DOMAIN, LIST_ACCOUNT, LIST_ALIAS, LIST_COUNT };

/* Sorted by name. `at` points to the public structs (first member of their entries). */
struct entry_list {
	void **at;
	size_t count, room;
	enum list_kind kind;
};

struct directory {
	_Atomic unsigned references;
	struct entry_list list[LIST_COUNT];
};

/* The public struct of what a list holds; identity, kept as a function to say so. */
static inline const void *entry_public(const void *at) { return at; }

/* The name by which a list of that kind is sorted. */
str entry_name(enum list_kind kind, const void *at);

/* Where `name` is, or would be put. */
bool list_find(const struct entry_list *list, str name, size_t *at);

void *entry_share(void *at);
void entry_release(void *at);

#endif
