/* What is prepared stays as it is when it is prepared again; a password's preparation never fails for what it
 * is. */
#include <stdlib.h>

#include "mime/prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size }, once, twice;
	struct arena arena;

	arena_init(&arena, NULL, 256u << 20);
	if (prepare_saslprep(&arena, in, &once).code == ERR_OK) {
		must(once.len > 0);
		must(prepare_saslprep(&arena, once, &twice).code == ERR_OK && str_eq(once, twice));
	}
	must(prepare_password(&arena, in, &once).code == ERR_OK);
	must(prepare_password(&arena, once, &twice).code == ERR_OK && str_eq(once, twice));
	arena_reset(&arena);
	return 0;
}
