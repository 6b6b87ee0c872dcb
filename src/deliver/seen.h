/* deliver/seen.h: a set of numbers: who has been met already. Lives in an arena, any number of entries the
 * arena has room for, constant time each. One thread. */
#ifndef DELIVER_SEEN_H
#define DELIVER_SEEN_H

#include "base/arena.h"

struct seen {
	struct arena *arena;
	uint64_t *slots;
	size_t size; /* power of two, or 0 */
	size_t used;
};

void seen_init(struct seen *seen, struct arena *arena);

bool seen_has(const struct seen *seen, uint64_t key);

/* Makes room, so that the next `count` additions can't fail. ERR_NOSPACE. */
err seen_reserve(struct seen *seen, size_t count) MUST_USE;

/* Adds `key`, which is not 0; *fresh says whether it is new. ERR_NOSPACE. */
err seen_add(struct seen *seen, uint64_t key, bool *fresh) MUST_USE;

/* Forgets all, keeps the room. */
void seen_clear(struct seen *seen);

#endif
