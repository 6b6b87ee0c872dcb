#include "deliver/seen.h"

#include <assert.h>

enum { FIRST_SIZE = 16 };

void seen_init(struct seen *seen, struct arena *arena) { *seen = (struct seen){ .arena = arena }; }

/* The slot of `key`, or the free one where it belongs. Fibonacci hashing: keys are ids and pointers of ours,
 * which nobody outside chooses. */
static uint64_t *slot_of(const struct seen *seen, uint64_t key)
{
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (seen->size - 1);

	while (seen->slots[i] != 0 && seen->slots[i] != key)
		i = (i + 1) & (seen->size - 1);
	return &seen->slots[i];
}

static err grow(struct seen *seen)
{
	struct seen wider = { .arena = seen->arena, .used = seen->used };

	wider.size = seen->size ? 2 * seen->size : FIRST_SIZE;
	wider.slots = arena_new(seen->arena, uint64_t, wider.size);
	if (!wider.slots)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->slots[i] != 0)
			*slot_of(&wider, seen->slots[i]) = seen->slots[i];
	*seen = wider;
	return OK;
}

bool seen_has(const struct seen *seen, uint64_t key) { return seen->size > 0 && *slot_of(seen, key) != 0; }

err seen_reserve(struct seen *seen, size_t count)
{
	while (4 * (seen->used + count) > 3 * seen->size)
		TRY(grow(seen));
	return OK;
}

err seen_add(struct seen *seen, uint64_t key, bool *fresh)
{
	uint64_t *slot;

	assert(key != 0);
	TRY(seen_reserve(seen, 1));
	slot = slot_of(seen, key);
	*fresh = *slot == 0;
	seen->used += *fresh;
	*slot = key;
	return OK;
}

void seen_clear(struct seen *seen)
{
	if (seen->used > 0)
		memset(seen->slots, 0, seen->size * sizeof *seen->slots);
	seen->used = 0;
}
