#include "deliver/route.h"

#include <assert.h>

#include "base/limits.h"
#include "bounce/srs.h"
#include "deliver/address.h"
#include "deliver/lookup.h"
#include "mime/eai.h"
#include "store/directory.h"
#include "store/queue.h"

#define DAY_MS (24 * 60 * 60 * 1000ll)

/* One forward-path being followed. Candidates stand in route->targets from route->count on. */
struct walk {
	struct route *route;
	const struct directory *directory;
	const struct route_query *query;
	size_t candidates;
	bool expanded;
	str orcpt;                     /* made for those elsewhere; empty: not yet */
	enum route_answer passed_over; /* why a target was; ROUTE_TAKEN: none was */
};

/* How far the walk has come. */
struct step {
	unsigned depth; /* aliases behind us */
	str via;        /* the domain of the last one; empty: none */
	bool expanded;  /* one of them has several targets */
};

void route_init(struct route *route, struct arena *arena, str hostname)
{
	*route = (struct route){ .arena = arena, .hostname = hostname };
	seen_init(&route->accounts, arena);
	seen_init(&route->met, arena);
	seen_init(&route->refused, arena);
	remotes_init(&route->remotes, arena);
}

void route_clear(struct route *route)
{
	route->count = 0;
	seen_clear(&route->accounts);
	remotes_clear(&route->remotes);
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

/* What is left to be told by whoever delivers (RFC 3461 §5.2.7.3 c). NOTIFY=SUCCESS alone forbade the rest.
 */
static uint8_t notify_at(const struct walk *w, struct step step)
{
	uint8_t notify = w->query->notify;

	if (!step.expanded || !(notify & QUEUE_NOTIFY_SUCCESS))
		return notify;
	notify &= (uint8_t)~QUEUE_NOTIFY_SUCCESS;
	return notify ? notify : QUEUE_NOTIFY_NEVER;
}

/* The address that the sender wrote, for reports about one that it has never seen (RFC 3461 §4.2, RFC 6533
 * §3). */
static err add_orcpt(struct walk *w, str *out)
{
	const struct route_query *q = w->query;
	bool wide = eai_is_wide(q->local_part) || eai_is_wide(q->domain);
	struct buf address, orcpt;

	if (q->orcpt.len > 0 || w->orcpt.len > 0) {
		*out = q->orcpt.len > 0 ? q->orcpt : w->orcpt;
		return OK;
	}
	buf_init(&address, w->route->arena, LIMIT_ORCPT);
	buf_add(&address, q->local_part);
	buf_add_char(&address, '@');
	buf_add(&address, q->domain.len > 0 ? q->domain : w->route->hostname);
	TRY(buf_err(&address));
	buf_init(&orcpt, w->route->arena, LIMIT_ORCPT);
	buf_add(&orcpt, wide ? STR("utf-8;") : STR("rfc822;"));
	address_add(&orcpt, buf_str(&address));
	TRY(buf_err(&orcpt));
	*out = w->orcpt = buf_str(&orcpt);
	return OK;
}

static enum route_answer add_candidate(struct walk *w, const struct account *account, str delivered_to)
{
	struct route *route = w->route;
	struct route_target target = { .account_id = account->account_id };

	if (w->candidates + route->remotes.pending == LIMIT_TARGETS)
		return ROUTE_TOO_MANY;
	if (!make_room(route, route->count + w->candidates))
		return ROUTE_BUSY;
	if (arena_copy(route->arena, account->address, &target.account).code != ERR_OK ||
	    arena_copy(route->arena, delivered_to, &target.delivered_to).code != ERR_OK)
		return ROUTE_BUSY;
	route->targets[route->count + w->candidates++] = target;
	return ROUTE_TAKEN;
}

static enum route_answer to_remote(struct walk *w, str local_part, str domain, struct step step)
{
	struct remote remote = { .orcpt = w->query->orcpt, .notify = notify_at(w, step) };

	if (step.via.len == 0 && !w->query->may_relay)
		return ROUTE_FOREIGN;
	if (w->candidates + w->route->remotes.pending == LIMIT_TARGETS)
		return ROUTE_TOO_MANY;
	if (step.via.len > 0 && (arena_copy(w->route->arena, step.via, &remote.via).code != ERR_OK ||
	                         add_orcpt(w, &remote.orcpt).code != ERR_OK))
		return ROUTE_BUSY;
	return remotes_add(&w->route->remotes, local_part, domain, &remote).code == ERR_OK ? ROUTE_TAKEN
	                                                                                   : ROUTE_BUSY;
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

	if (w->query->later)
		return ROUTE_NOT_LATER;
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

static enum route_answer to_address(struct walk *w, str address, struct step step);

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

static enum route_answer to_alias(struct walk *w, const struct alias *alias, struct step step)
{
	struct step next = { step.depth + 1, address_domain(alias->address),
		             step.expanded || alias->target_count > 1 };
	bool fresh;

	if (step.depth == LIMIT_ALIAS_DEPTH)
		return ROUTE_LOOP;
	if (seen_add(&w->route->met, (uint64_t)(uintptr_t)alias, &fresh).code != ERR_OK)
		return ROUTE_BUSY;
	w->expanded |= next.expanded;
	for (size_t i = 0; fresh && i < alias->target_count; i++) {
		enum route_answer answer = to_address(w, alias->targets[i], next);

		if (answer == ROUTE_UNKNOWN || answer == ROUTE_SUSPENDED || answer == ROUTE_SUSPENDED_OLD)
			w->passed_over = more_hopeful(w->passed_over, answer);
		else if (answer != ROUTE_TAKEN)
			return answer;
	}
	return ROUTE_TAKEN;
}

static enum route_answer to_address(struct walk *w, str address, struct step step)
{
	struct lookup found;

	switch (lookup_address(w->directory, w->route->arena, address, &found)) {
	case LOOKUP_ACCOUNT:
		return to_account(w, found.account, address);
	case LOOKUP_ALIAS:
		return to_alias(w, found.alias, step);
	case LOOKUP_FOREIGN:
		return to_remote(w, address_local_part(address), address_domain(address), step);
	case LOOKUP_NOBODY:
		return ROUTE_UNKNOWN;
	case LOOKUP_NO_OWNER:
		return ROUTE_NOBODY;
	case LOOKUP_BUSY:
		break;
	}
	return ROUTE_BUSY;
}

/* As a command or a rewritten address names it. At another server a local part means what it says there, case
 * and all (RFC 5321 §2.4). */
static enum route_answer to_named(struct walk *w, str local_part, str domain, struct step step)
{
	const struct domain *ours;
	str address;

	if (address_join(w->route->arena, local_part, domain, &address).code != ERR_OK)
		return ROUTE_BUSY;
	if (directory_find_domain(w->directory, address_domain(address), &ours) == DIRECTORY_ABSENT)
		return to_remote(w, local_part, domain, step);
	return to_address(w, address, step);
}

/* A bounce of what was forwarded: it goes to whom that came from, as if by an alias of its domain, so that a
 * program that answers with a reverse-path of its own is no stranger there either. */
static enum route_answer to_origin(struct walk *w, str local_part, str domain)
{
	struct buf origin;
	str address;
	err e;

	buf_init(&origin, w->route->arena, LIMIT_PATH);
	e = srs_reverse(&origin, w->query->srs_key, w->query->now_ms, local_part);
	if (e.code != ERR_OK)
		return e.code == ERR_NOSPACE ? ROUTE_BUSY : ROUTE_NOT_FORWARDED;
	address = buf_str(&origin);
	return to_named(w, address_local_part(address), address_domain(address),
	                (struct step){ .depth = 1, .via = domain });
}

static enum route_answer walk_from(struct walk *w, str domain)
{
	const struct route_query *q = w->query;
	const struct domain *ours;
	str name;

	if (q->srs_key.len == 0 || !srs_is(q->local_part))
		return to_named(w, q->local_part, domain, (struct step){ 0 });
	if (address_join(w->route->arena, STR(""), domain, &name).code != ERR_OK)
		return ROUTE_BUSY;
	if (directory_find_domain(w->directory, address_domain(name), &ours) != DIRECTORY_FOUND)
		return to_named(w, q->local_part, domain, (struct step){ 0 });
	return to_origin(w, q->local_part, ours->name);
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
	if (route_target_count(route) + fresh_count + remotes_fresh(&route->remotes) > LIMIT_TARGETS)
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
	remotes_keep(&route->remotes);
	return ROUTE_TAKEN;
}

enum route_answer route_add(struct route *route, const struct directory *directory,
                            const struct route_query *query)
{
	struct walk w = {
		.route = route, .directory = directory, .query = query, .passed_over = ROUTE_TAKEN
	};
	str domain = query->domain;
	enum route_answer answer;

	if (domain.len == 0 ||
	    (str_eq_nocase(domain, route->hostname) && str_eq_nocase(query->local_part, STR("postmaster")))) {
		domain = hostname_domain(route, directory);
		if (domain.len == 0)
			return ROUTE_NOBODY;
	}
	seen_clear(&route->met);
	answer = walk_from(&w, domain);
	if (answer == ROUTE_TAKEN && w.candidates + route->remotes.pending == 0)
		answer = w.passed_over == ROUTE_TAKEN ? ROUTE_LOOP : w.passed_over;
	if (answer == ROUTE_TAKEN)
		answer = keep_candidates(route, w.candidates);
	remotes_drop(&route->remotes);
	route->expanded = w.expanded;
	route->local = w.candidates > 0;
	return answer;
}
