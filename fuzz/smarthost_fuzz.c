/* What smarthosts_parse takes, smarthost_add writes so that it is the same again. */
#include <stdlib.h>

#include "admin/smarthost.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void add_all(struct buf *out, const struct route_host *hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_add(out, i ? STR(",") : STR(""));
		smarthost_add(out, &hosts[i]);
		if (hosts[i].weight) {
			buf_add_char(out, '=');
			buf_add_u64(out, hosts[i].weight);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct route_host hosts[LIMIT_ROUTE_HOSTS], again[LIMIT_ROUTE_HOSTS];
	size_t count = 0, count_again = 0;
	struct arena arena;
	struct buf text;

	arena_init(&arena, NULL, 16 * LIMIT_MB);
	if (smarthosts_parse(&arena, (str){ (const char *)octets, size }, hosts, &count).code == ERR_OK) {
		must(count > 0 && count <= LIMIT_ROUTE_HOSTS);
		buf_init(&text, &arena, LIMIT_ROUTE_HOSTS * (LIMIT_DOMAIN + 20));
		add_all(&text, hosts, count);
		must(smarthosts_parse(&arena, buf_str(&text), again, &count_again).code == ERR_OK);
		must(count == count_again);
		for (size_t i = 0; i < count; i++)
			must(str_eq(hosts[i].name, again[i].name) && hosts[i].port == again[i].port &&
			     hosts[i].weight == again[i].weight);
	}
	arena_reset(&arena);
	return 0;
}
