#include "queue/way.h"

#include <string.h>

#include "deliver/routes.h"

enum { WAY_ARENA = 256 * LIMIT_KB };

static err copy_route(struct way *way, const struct route_entry *route)
{
	memcpy(way->limits, route->limits, sizeof way->limits);
	TRY(arena_copy(&way->arena, route->key, &way->route_key));
	if (route->host_count == 0)
		return OK;
	way->smarthost = true;
	way->tls = route->tls;
	way->lmtp = route->lmtp;
	TRY(arena_copy(&way->arena, route->user, &way->user));
	TRY(arena_copy(&way->arena, route->secret, &way->secret));
	return arena_copy(&way->arena, route->token_command, &way->token_command);
}

static err way_new(const struct route_entry *route, size_t hosts, struct way **out)
{
	struct arena arena;

	arena_init(&arena, NULL, WAY_ARENA);
	struct way *way = arena_new(&arena, struct way, 1);
	if (!way) {
		arena_reset(&arena);
		return ERR_NO_MEMORY;
	}
	way->arena = arena;
	way->references = 1;
	way->tls = ROUTE_TLS_MAY;
	way->hosts = arena_new(&way->arena, struct way_host, hosts);
	way->addresses = arena_new(&way->arena, struct way_address, WAY_ADDRESSES);
	err e = way->hosts && way->addresses ? OK : ERR_NO_MEMORY;
	if (e.code == ERR_OK && route)
		e = copy_route(way, route);
	if (e.code == ERR_OK)
		*out = way;
	else
		way_release(way);
	return e;
}

static err add_mx_hosts(struct way *way, const struct mx_result *result, uint16_t port)
{
	for (size_t i = 0; i < result->host_count; i++) {
		const struct mx_host *from = &result->hosts[i];
		struct way_host *host = &way->hosts[way->host_count++];
		*host = (struct way_host){ .port = port, .rank = from->preference, .secure = from->secure };
		TRY(arena_copy(&way->arena, from->name, &host->name));
	}
	for (size_t i = 0; i < result->address_count && way->address_count < WAY_ADDRESSES; i++)
		way->addresses[way->address_count++] =
			(struct way_address){ result->addresses[i].address, result->addresses[i].host };
	return OK;
}

err way_of_mx(const struct mx_result *result, uint16_t port, const struct route_entry *route,
              struct way **out)
{
	struct way *way;

	TRY(way_new(route, result->host_count, &way));
	err e = add_mx_hosts(way, result, port);
	if (e.code == ERR_OK)
		*out = way;
	else
		way_release(way);
	return e;
}

static err add_smarthosts(struct way *way, const struct route_entry *route)
{
	for (size_t i = 0; i < route->host_count; i++) {
		const struct route_host *from = &route->hosts[i];
		struct way_host *host = &way->hosts[way->host_count++];
		*host = (struct way_host){ .port = from->port, .rank = (uint32_t)i, .weight = from->weight };
		TRY(arena_copy(&way->arena, from->name, &host->name));
	}
	return OK;
}

err way_of_route(const struct route_entry *route, struct way **out)
{
	struct way *way;

	TRY(way_new(route, route->host_count, &way));
	err e = add_smarthosts(way, route);
	if (e.code == ERR_OK)
		*out = way;
	else
		way_release(way);
	return e;
}

void way_add_addresses(struct way *way, size_t host, const struct mx_result *result)
{
	for (size_t i = 0; i < result->address_count && way->address_count < WAY_ADDRESSES; i++)
		way->addresses[way->address_count++] =
			(struct way_address){ result->addresses[i].address, (uint16_t)host };
	way->hosts[host].secure = result->host_count > 0 && result->hosts[0].secure;
}

struct way *way_hold(struct way *way)
{
	atomic_fetch_add_explicit(&way->references, 1, memory_order_relaxed);
	return way;
}

void way_release(struct way *way)
{
	if (!way || atomic_fetch_sub_explicit(&way->references, 1, memory_order_acq_rel) > 1)
		return;
	struct arena arena = way->arena;
	if (way->secret.len > 0)
		explicit_bzero((void *)(uintptr_t)way->secret.ptr, way->secret.len);
	arena_reset(&arena);
}

/* --- order --- */

/* One host's place: by whether it failed of late, by rank, by chance. */
struct place {
	bool bad;
	uint32_t rank;
	uint64_t chance;
};

static bool is_before(struct place a, struct place b)
{
	if (a.bad != b.bad)
		return b.bad;
	if (a.rank != b.rank)
		return a.rank < b.rank;
	return a.chance < b.chance;
}

/* With weights: drawn one after another, each by its share of those left. The rank is the draw's number. */
static void draw_by_weight(const struct way *way, uint64_t (*chance)(void), struct place *places)
{
	bool drawn[LIMIT_ROUTE_HOSTS] = { false };
	uint64_t sum = 0;

	for (size_t i = 0; i < way->host_count; i++)
		sum += way->hosts[i].weight;
	for (uint32_t n = 0; sum > 0; n++) {
		uint64_t rest = chance() % sum;
		size_t at = 0;
		while (drawn[at] || rest >= way->hosts[at].weight) {
			rest -= drawn[at] ? 0 : way->hosts[at].weight;
			at++;
		}
		drawn[at] = true;
		sum -= way->hosts[at].weight;
		places[at].rank = n;
	}
}

size_t way_order(const struct way *way, bool (*is_bad)(void *user, str host), void *user,
                 uint64_t (*chance)(void), uint8_t order[static WAY_ADDRESSES])
{
	static_assert(LIMIT_ROUTE_HOSTS >= LIMIT_MX_HOSTS, "a way has the hosts of either");
	struct place places[LIMIT_ROUTE_HOSTS];

	for (size_t i = 0; i < way->host_count; i++)
		places[i] = (struct place){ is_bad(user, way->hosts[i].name),
			                    way->hosts[i].rank + LIMIT_ROUTE_HOSTS, chance() };
	draw_by_weight(way, chance, places);
	for (size_t i = 0; i < way->address_count; i++) {
		size_t at = i; /* addresses of one host stay in their order */
		while (at > 0 && is_before(places[way->addresses[i].host],
		                           places[way->addresses[order[at - 1]].host])) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = (uint8_t)i;
	}
	return way->address_count;
}

void way_add_site(struct buf *out, const struct mx_result *result, const struct route_entry *route)
{
	bool limited = false;

	for (int i = 0; route && i < ROUTE_PERIODS; i++)
		limited |= route->limits[i] > 0;
	if (result)
		buf_add(out, result->site);
	else
		route_add_site(out, route);
	if (limited) {
		buf_add(out, STR(" for "));
		buf_add(out, route->key);
	}
}
