#include "deliver/routes.h"

static const struct route_entry *find(const struct directory *d, str recipient, str reverse_domain)
{
	const struct route_entry *route;
	char key[ROUTE_KEY];

	if (reverse_domain.len &&
	    directory_find_route(d, route_key(key, recipient, reverse_domain), &route) == DIRECTORY_FOUND)
		return route;
	return directory_find_route(d, recipient, &route) == DIRECTORY_FOUND ? route : NULL;
}

/* "*" and the dot and what follows it, of a domain at a dot. */
static str below(char octets[static LIMIT_DOMAIN + 1], str from_dot)
{
	octets[0] = '*';
	memcpy(octets + 1, from_dot.ptr, from_dot.len);
	return (str){ octets, from_dot.len + 1 };
}

const struct route_entry *routes_choose(const struct directory *directory, str domain, str reverse_domain)
{
	const struct route_entry *route = NULL;
	char octets[LIMIT_DOMAIN + 1];
	size_t count;

	(void)directory_routes(directory, &count);
	if (count == 0)
		return NULL;
	if (reverse_domain.len > LIMIT_DOMAIN)
		reverse_domain = STR("");
	if (domain.len <= LIMIT_DOMAIN && !str_starts(domain, STR("["))) {
		route = find(directory, domain, reverse_domain);
		for (size_t dot = str_find_char(domain, '.'); !route && dot < domain.len;
		     dot = str_find_char(domain, '.')) {
			domain = str_from(domain, dot);
			route = find(directory, below(octets, domain), reverse_domain);
			domain = str_from(domain, 1);
		}
	}
	return route ? route : find(directory, STR("*"), reverse_domain);
}

bool routes_differ_by_sender(const struct directory *directory)
{
	size_t count;
	const struct route_entry *const *routes = directory_routes(directory, &count);

	for (size_t i = 0; i < count; i++)
		if (routes[i]->sender.len)
			return true;
	return false;
}

/* Draws one of those from `from` on to the place `from`. */
static void draw(const struct route_entry *route, uint64_t random, size_t from, uint8_t *order)
{
	uint64_t sum = 0;
	size_t at = from;

	for (size_t i = from; i < route->host_count; i++)
		sum += route->hosts[order[i]].weight;
	if (sum == 0)
		return;
	for (uint64_t rest = random % sum; rest >= route->hosts[order[at]].weight; at++)
		rest -= route->hosts[order[at]].weight;
	uint8_t drawn = order[at];
	memmove(order + from + 1, order + from, at - from);
	order[from] = drawn;
}

void route_order(const struct route_entry *route, const uint64_t random[static LIMIT_ROUTE_HOSTS],
                 uint8_t order[static LIMIT_ROUTE_HOSTS])
{
	assert(route->host_count <= LIMIT_ROUTE_HOSTS);
	for (size_t i = 0; i < route->host_count; i++)
		order[i] = (uint8_t)i;
	for (size_t i = 0; i < route->host_count; i++)
		draw(route, random[i], i, order);
}

void route_add_site(struct buf *out, const struct route_entry *route)
{
	static const char *const tls[] = { "none", "may", "require", "verify" };

	for (size_t i = 0; i < route->host_count; i++) {
		const struct route_host *h = &route->hosts[i];
		buf_add(out, i ? STR(",") : STR(""));
		buf_add(out, h->name);
		buf_add_format(out, ":%u=%u", h->port, h->weight);
	}
	buf_add_format(out, " %s %s", route->lmtp ? "lmtp" : "smtp", tls[route->tls]);
	buf_add(out, route->user.len ? STR(" as ") : STR(""));
	buf_add(out, route->user);
}
