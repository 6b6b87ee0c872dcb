/* What decodes is the one text of its octets; any octets come back from their text. */
#include <stdlib.h>

#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };
	struct arena arena;
	struct buf out, again;

	arena_init(&arena, NULL, 64u << 20);
	buf_init(&out, &arena, 8u << 20);
	buf_init(&again, &arena, 8u << 20);
	if (base64_decode(in, &out).code == ERR_OK) {
		base64_add(&again, buf_str(&out));
		must(str_eq(buf_str(&again), in));
	}
	buf_clear(&out);
	buf_clear(&again);
	base64_add(&out, in);
	must(out.len == BASE64_SIZE(in.len));
	must(base64_decode(buf_str(&out), &again).code == ERR_OK && str_eq(buf_str(&again), in));
	arena_reset(&arena);
	return 0;
}
