/* The first octet says how the rest is cut: whoever is found in one piece is found in any. */
#include <stdlib.h>

#include "base/limits.h"
#include "deliver/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static err read_all(struct origin *o, struct arena *arena, str in, size_t step)
{
	must(origin_init(o, arena).code == ERR_OK);
	for (size_t at = 0; at < in.len; at += step)
		origin_push(o, str_slice(in, at, at + step < in.len ? at + step : in.len));
	return origin_finish(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = size > 0 ? (str){ (const char *)octets + 1, size - 1 } : STR("");
	const struct origin_address *a, *b;
	struct origin whole, cut;
	struct arena arena;
	err e;

	arena_init(&arena, NULL, 16 * LIMIT_MB);
	e = read_all(&whole, &arena, in, in.len + 1);
	must(e.code == read_all(&cut, &arena, in, size > 0 ? octets[0] % 31 + 1 : 1).code);
	for (a = whole.addresses, b = cut.addresses; a && b && e.code == ERR_OK; a = a->next, b = b->next)
		must(str_eq(a->address, b->address) && a->field == b->field);
	must(e.code != ERR_OK || (whole.addresses && !a && !b));
	arena_reset(&arena);
	return 0;
}
