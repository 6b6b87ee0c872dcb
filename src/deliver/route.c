#include "deliver/route.h"

#include <assert.h>

#include "base/limits.h"
#include "deliver/address.h"
#include "deliver/lookup.h"
#include "store/directory.h"

#define DAY_MS (24 * 60 * 60 * 1000ll)

/* One forward-path being followed. Candidates stand in route->targets from route->count on. */
struct walk {
	struct route *route;
	const struct directory *directory;
	const struct route_query *query;
	size_t candidates;
	enum route_answer passed_over; /* why a target was; ROUTE_TAKEN: none was */
};

void route_init(struct route *route, struct arena *arena, str hostname)
{
	*route = (struct route){ .arena = arena, .hostname = hostname };
	seen_init(&route->accounts, arena);
	seen_init(&route->met, arena);
	seen_init(&route->refused, arena);
}

void route_clear(struct route *route)
{
	route->count = 0;
	seen_clear(&route->accounts);
}

err route_refuse(struct route *route, uint64_t account_id)
{
	bool fresh;

	return seen_add(&route->refused, account_id, &fresh);
}

static bool make_room(struct route *route, size_t used)
{
	struct route_target *wider;
	size_t room = route->room ? 2 * route->room : 4;

	if (used < route->room)
		return true;
	wider = arena_alloc(route->arena, room * sizeof *wider);
	if (!wider)
		return false;
	if (used > 0)
		memcpy(wider, route->targets, used * sizeof *wider);
	route->targets = wider;
	route->room = room;
	return true;
}

static enum route_answer add_candidate(struct walk *w, const struct account *account, str delivered_to)
{
	struct route *route = w->route;
	struct route_target target = { .account_id = account->account_id };

	if (w->candidates == LIMIT_TARGETS)
		return ROUTE_TOO_MANY;
	if (!make_room(route, route->count + w->candidates))
		return ROUTE_BUSY;
	if (arena_copy(route->arena, account->address, &target.account).code != ERR_OK ||
	    arena_copy(route->arena, delivered_to, &target.delivered_to).code != ERR_OK)
		return ROUTE_BUSY;
	route->targets[route->count + w->candidates++] = target;
	return ROUTE_TAKEN;
}

static bool is_full(const struct account *account, uint64_t size)
{
	uint64_t octets = atomic_load_explicit(&account->usage->octets, memory_order_relaxed);

	if (account->quota_octets == 0)
		return false;
	return octets >= account->quota_octets || size > account->quota_octets - octets;
}

static enum route_answer to_account(struct walk *w, const struct account *account, str delivered_to)
{
	bool fresh;

	if (seen_add(&w->route->met, (uint64_t)(uintptr_t)account, &fresh).code != ERR_OK)
		return ROUTE_BUSY;
	if (!fresh)
		return ROUTE_TAKEN;
	if (account->suspended)
		return w->query->now_ms - account->suspended_ms < LIMIT_SUSPENDED_DAYS * DAY_MS
		               ? ROUTE_SUSPENDED
		               : ROUTE_SUSPENDED_OLD;
	if (is_full(account, w->query->size) || seen_has(&w->route->refused, account->account_id))
		return ROUTE_FULL;
	return add_candidate(w, account, delivered_to);
}

static enum route_answer to_address(struct walk *w, str address, unsigned depth);

/* Temporary reasons before permanent ones: where all targets are passed over, the sender hears the one that
 * leaves hope. */
static enum route_answer more_hopeful(enum route_answer a, enum route_answer b)
{
	if (a == ROUTE_SUSPENDED || b == ROUTE_SUSPENDED)
		return ROUTE_SUSPENDED;
	if (a == ROUTE_TAKEN)
		return b;
	return a == ROUTE_SUSPENDED_OLD || b == ROUTE_SUSPENDED_OLD ? ROUTE_SUSPENDED_OLD : ROUTE_UNKNOWN;
}

static enum route_answer to_alias(struct walk *w, const struct alias *alias, unsigned depth)
{
	bool fresh;

	if (depth == LIMIT_ALIAS_DEPTH)
		return ROUTE_LOOP;
	if (seen_add(&w->route->met, (uint64_t)(uintptr_t)alias, &fresh).code != ERR_OK)
		return ROUTE_BUSY;
	for (size_t i = 0; fresh && i < alias->target_count; i++) {
		enum route_answer answer = to_address(w, alias->targets[i], depth + 1);

		if (answer == ROUTE_FOREIGN)
			return ROUTE_ELSEWHERE;
		if (answer == ROUTE_UNKNOWN || answer == ROUTE_SUSPENDED || answer == ROUTE_SUSPENDED_OLD)
			w->passed_over = more_hopeful(w->passed_over, answer);
		else if (answer != ROUTE_TAKEN)
			return answer;
	}
	return ROUTE_TAKEN;
}

static enum route_answer to_address(struct walk *w, str address, unsigned depth)
{
	struct lookup found;

	switch (lookup_address(w->directory, w->route->arena, address, &found)) {
	case LOOKUP_ACCOUNT:
		return to_account(w, found.account, address);
	case LOOKUP_ALIAS:
		return to_alias(w, found.alias, depth);
	case LOOKUP_FOREIGN:
		return ROUTE_FOREIGN;
	case LOOKUP_NOBODY:
		return ROUTE_UNKNOWN;
	case LOOKUP_NO_OWNER:
		return ROUTE_NOBODY;
	case LOOKUP_BUSY:
		break;
	}
	return ROUTE_BUSY;
}

/* Whose postmaster is meant by <postmaster>: the hosted domain that the hostname is or is below, else the
 * first there is. */
static str hostname_domain(const struct route *route, const struct directory *directory)
{
	const struct domain *const *all;
	const struct domain *domain;
	size_t count;

	for (str name = route->hostname; name.len > 0; str_cut(&name, '.'))
		if (directory_find_domain(directory, name, &domain) == DIRECTORY_FOUND)
			return domain->name;
	all = directory_domains(directory, &count);
	return count > 0 ? all[0]->name : STR("");
}

/* Moves the candidates that are not targets yet to the targets. */
static enum route_answer keep_candidates(struct route *route, size_t candidates)
{
	size_t first = route->count, fresh_count = 0;

	for (size_t i = 0; i < candidates; i++)
		fresh_count += !seen_has(&route->accounts, route->targets[first + i].account_id);
	if (route->count + fresh_count > LIMIT_TARGETS)
		return ROUTE_TOO_MANY;
	if (seen_reserve(&route->accounts, fresh_count).code != ERR_OK)
		return ROUTE_BUSY;
	for (size_t i = 0; i < candidates; i++) {
		struct route_target candidate = route->targets[first + i];
		bool fresh = false;
		err e = seen_add(&route->accounts, candidate.account_id, &fresh);

		assert(e.code == ERR_OK);
		if (fresh)
			route->targets[route->count++] = candidate;
	}
	return ROUTE_TAKEN;
}

enum route_answer route_add(struct route *route, const struct directory *directory,
                            const struct route_query *query)
{
	struct walk w = { route, directory, query, 0, ROUTE_TAKEN };
	str domain = query->domain, address;
	enum route_answer answer;

	if (domain.len == 0 ||
	    (str_eq_nocase(domain, route->hostname) && str_eq_nocase(query->local_part, STR("postmaster")))) {
		domain = hostname_domain(route, directory);
		if (domain.len == 0)
			return ROUTE_NOBODY;
	}
	if (address_join(route->arena, query->local_part, domain, &address).code != ERR_OK)
		return ROUTE_BUSY;
	seen_clear(&route->met);
	answer = to_address(&w, address, 0);
	if (answer != ROUTE_TAKEN)
		return answer;
	if (w.candidates == 0)
		return w.passed_over == ROUTE_TAKEN ? ROUTE_LOOP : w.passed_over;
	return keep_candidates(route, w.candidates);
}
