/* What route_decode takes, route_encode writes so that it is the same again. */
#include <stdlib.h>

#include "store/route_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct route_host hosts[LIMIT_ROUTE_HOSTS], hosts_again[LIMIT_ROUTE_HOSTS];
	struct route_entry route, again;
	struct arena arena;
	struct buf text;

	arena_init(&arena, NULL, 16 * LIMIT_MB);
	if (route_decode(STR("*"), (str){ (const char *)octets, size }, hosts, &route).code == ERR_OK) {
		buf_init(&text, &arena, LIMIT_MB);
		route_encode(&text, &route);
		must(buf_err(&text).code == ERR_OK &&
		     text.len <= size); /* a number may have been written longer */
		must(route_decode(STR("*"), buf_str(&text), hosts_again, &again).code == ERR_OK);
		must(again.host_count == route.host_count && again.tls == route.tls &&
		     again.lmtp == route.lmtp);
		must(str_eq(again.user, route.user) && str_eq(again.secret, route.secret));
		must(memcmp(again.limits, route.limits, sizeof again.limits) == 0);
		for (size_t i = 0; i < route.host_count; i++)
			must(str_eq(hosts[i].name, hosts_again[i].name) &&
			     hosts[i].port == hosts_again[i].port &&
			     hosts[i].weight == hosts_again[i].weight);
	}
	arena_reset(&arena);
	return 0;
}
