/* store/directory_entry.h: what the lists of the directory hold: one immutable entry a domain, account,
 * alias, app or route, shared by snapshots and the committer's copy. Private to store/. */
#ifndef STORE_DIRECTORY_ENTRY_H
#define STORE_DIRECTORY_ENTRY_H

#include "store/app_internal.h"
#include "store/directory_internal.h"
#include "store/intent.h"

struct usage {
	struct account_usage counters;
	_Atomic unsigned references;
};

struct entry {
	union { /* first, so that a pointer to it is one to the entry */
		struct domain domain;
		struct account account;
		struct alias alias;
		struct app app;
		struct route_entry route;
	} is;
	_Atomic unsigned references;
	str key;
	struct usage *usage;     /* of accounts */
	struct app_use *app_use; /* of apps */
};

/* New entries with one reference; NULL without memory. `before` is the one so far, or NULL: its counters are
 * shared. */
struct entry *entry_of_domain(const struct directory_row *row);
struct entry *entry_of_account(const struct directory_row *row, struct entry *before);
struct entry *entry_of_alias(const struct directory_row *row);

/* `granted` and `refused` count where there is no `before`. row->name.len <= LIMIT_APP_NAME. */
struct entry *entry_of_app(const struct directory_row *row, struct entry *before,
                           const struct app_try *granted, const struct app_try *refused);

/* NULL also where row->details are no route: route_decode has said so before. */
struct entry *entry_of_route(const struct directory_row *row);

/* Puts `e` where its key belongs, in place of one of the same key. Takes the reference, also on failure. */
err list_put(struct entry_list *list, struct entry *e) MUST_USE;
void list_take_out(struct entry_list *list, size_t at);
void list_clear(struct entry_list *list);

#endif
