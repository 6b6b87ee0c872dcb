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
