/* store/directory.h: domains, accounts, aliases, apps and routes, as an immutable snapshot in memory.
 *
 * RCPT and login look here on the loop, without a lock held or a row read. A snapshot never changes; the
 * committer puts a new one in its place when a change is durable. Who acquired one keeps it until release;
 * both cost some 50 ns. Only counters stand beside it as atomics. Names are normalised (lower case, A-labels:
 * deliver/address.h).
 */
#ifndef STORE_DIRECTORY_H
#define STORE_DIRECTORY_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"
#include "store/route_entry.h"

struct store;
struct directory;

/* Kept by the committer, read by anyone. */
struct account_usage {
	_Atomic uint64_t octets, messages;
};

struct account {
	uint64_t account_id;
	str address;           /* "ann@shop.example" */
	str name;              /* of the person; may be empty */
	str password;          /* PHC string; empty: no login */
	uint64_t quota_octets; /* 0: none */
	bool suspended;
	int64_t suspended_ms, created_ms;
	struct account_usage *usage;
};

struct domain {
	str name;
	int64_t created_ms;
	uint32_t accounts, aliases;
	const struct account *first_account; /* who hears postmaster where nobody else does; NULL: none yet */
};

struct alias {
	str address; /* or "@domain" */
	const str *targets;
	size_t target_count;
	int64_t created_ms;
};

/* A login of its own for a program that sends in an account's name: "ann+bookings@shop.example" is the app
 * "bookings" of ann@shop.example. Its account may be suspended: that counts for its apps too. */
struct app {
	uint64_t account_id;
	str name;         /* "bookings": [a-z0-9-] */
	str verifier;     /* of its generated password (auth/secret.h) */
	const str *froms; /* what it may send from: normalised addresses, or @domain for any address there */
	size_t from_count;
	uint32_t limit_count; /* recipients in any limit_period_s; 0: no limit */
	uint32_t limit_period_s;
	int64_t created_ms;
	struct app_use *use; /* when it was last used, what it sent of late: store/app.h */
};

/* A later directory may be a bounded cache that has to ask; today's is never DIRECTORY_WAIT. */
enum directory_answer { DIRECTORY_FOUND, DIRECTORY_ABSENT, DIRECTORY_WAIT };

const struct directory *directory_acquire(struct store *store);
void directory_release(const struct directory *directory);

enum directory_answer directory_find_domain(const struct directory *d, str name, const struct domain **out);
enum directory_answer directory_find_account(const struct directory *d, str address,
                                             const struct account **out);
enum directory_answer directory_find_alias(const struct directory *d, str address, const struct alias **out);

/* The app whose login is `address`: an account's with the app's name as detail, "ann+bookings@shop.example".
 */
enum directory_answer directory_find_app(const struct directory *d, str address, const struct app **out);

/* The route whose key is `key` (route_key); which one counts for a message: deliver/routes.h. */
enum directory_answer directory_find_route(const struct directory *d, str key,
                                           const struct route_entry **out);

/* Whose login `address` is: an account's own (*app is NULL) or one of its apps'. A detail that is no app of
 * the account is nobody's login. */
enum directory_answer directory_find_login(const struct directory *d, str address,
                                           const struct account **account, const struct app **app);

/* The apps of one account, sorted by name. */
const struct app *const *directory_apps_of(const struct directory *d, uint64_t account_id, size_t *count);

/* Everything, sorted by name; the arrays live as long as the snapshot. */
const struct domain *const *directory_domains(const struct directory *d, size_t *count);
const struct account *const *directory_accounts(const struct directory *d, size_t *count);
const struct alias *const *directory_aliases(const struct directory *d, size_t *count);
const struct app *const *directory_apps(const struct directory *d, size_t *count); /* by account_id, name */
const struct route_entry *const *directory_routes(const struct directory *d, size_t *count); /* by key */

#endif
