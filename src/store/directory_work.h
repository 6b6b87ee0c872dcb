/* store/directory_work.h: the committer's own copy of the directory, changed row by row and published as a
 * snapshot. Private to store/. */
#ifndef STORE_DIRECTORY_WORK_H
#define STORE_DIRECTORY_WORK_H

#include "store/app.h"
#include "store/database.h"
#include "store/directory.h"
#include "store/intent.h"

struct directory_work;

err directory_work_new(struct directory_work **out) MUST_USE;
void directory_work_free(struct directory_work *work);

/* Fills an empty one from the rows, usage included (directory_load.c). */
err directory_work_load(struct directory_work *work, struct database *db) MUST_USE;

/* Becomes what `published` is: undoes rows applied since. */
err directory_work_revert(struct directory_work *work, const struct directory *published) MUST_USE;

/* Puts one row into effect. Rows that are there already are replaced; absent ones that go are passed over. */
err directory_work_apply(struct directory_work *work, const struct directory_row *row) MUST_USE;

/* Puts an app as its row says, with its last logins; one whose account is not there is passed over. */
err directory_work_put_app(struct directory_work *work, const struct directory_row *row,
                           const struct app_try *granted, const struct app_try *refused) MUST_USE;

const struct domain *directory_work_domain(const struct directory_work *work, str name);
const struct account *directory_work_account(const struct directory_work *work, str address);
const struct account *directory_work_account_by_id(const struct directory_work *work, uint64_t account_id);
const struct alias *directory_work_alias(const struct directory_work *work, str address);
const struct alias *const *directory_work_aliases(const struct directory_work *work, size_t *count);

const struct app *directory_work_app(const struct directory_work *work, uint64_t account_id, str name);
const struct app *const *directory_work_apps(const struct directory_work *work, size_t *count);
const struct app *const *directory_work_apps_of(const struct directory_work *work, uint64_t account_id,
                                                size_t *count);

const struct route_entry *directory_work_route(const struct directory_work *work, str key);
size_t directory_work_routes(const struct directory_work *work);

/* The counters of an account; NULL: there is none of that id. */
struct account_usage *directory_work_usage(const struct directory_work *work, uint64_t account_id);

/* How many accounts and aliases are in the domain `name`. */
size_t directory_work_in_domain(const struct directory_work *work, str name);

/* Does an app send from an address of the domain `name`? */
bool directory_work_sends_from(const struct directory_work *work, str name);

/* An immutable snapshot of it, with one reference. ERR_NOSPACE. */
err directory_work_publish(const struct directory_work *work, struct directory **out) MUST_USE;

/* The part of an address behind its last "@". */
str directory_domain_of(str address);

#endif
