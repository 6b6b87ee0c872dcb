/* Damaged summaries are ERR_CORRUPT, never more; what is read lies within the message. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void check(const struct mime_part *p, uint64_t size, unsigned depth)
{
	must(depth <= LIMIT_MIME_DEPTH);
	must(p->header_offset + p->header_size + p->body_size <= size);
	for (const struct mime_part *c = p->child; c; c = c->next)
		check(c, size, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct arena arena;
	struct mime_summary s = { .version = 77 };

	arena_init(&arena, NULL, 64 * LIMIT_MB);
	err e = mime_summary_decode(&arena, (str){ (const char *)octets, size }, &s);
	must(e.code == ERR_OK || e.code == ERR_CORRUPT || e.code == ERR_NOSPACE);
	must(e.code == ERR_OK || s.version == 77);
	if (e.code == ERR_OK) {
		must(s.opaque == (s.root == NULL));
		if (s.root)
			check(s.root, s.size, 0);
	}
	arena_reset(&arena);
	return 0;
}
