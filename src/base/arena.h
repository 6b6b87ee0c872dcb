/* base/arena.h: memory with a named life: allocate from it, reset it as a whole.
 *
 * An arena belongs to one owner (a connection, a command, a transaction, a job) and one thread at a time. It
 * holds octets, not descriptors. It grows by blocks up to its ceiling; at the ceiling as at the machine's end
 * an allocation is NULL, which the caller turns into ERR_NOSPACE, so that one greedy session meets a 4xx, not
 * the OOM killer. Blocks come from a pool of equal blocks (one a loop, so that an idle session holds none)
 * or, where pool is NULL, from malloc.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct arena_block;

/* Spare blocks of LIMIT_ARENA_BLOCK octets, shared by the arenas of one thread. */
struct arena_pool {
	struct arena_block *spare;
	size_t spare_count;
};

struct arena {
	struct arena_pool *pool;   /* may be NULL */
	struct arena_block *block; /* newest first */
	size_t ceiling_octets;     /* of all blocks together */
	size_t held_octets;
};

/* Makes an arena that holds nothing yet. `pool` is borrowed for its life; it may be NULL. */
void arena_init(struct arena *arena, struct arena_pool *pool, size_t ceiling_octets);

/* `size` octets, aligned for any type, not zeroed. NULL at the ceiling or without memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` zeroed items of `size` octets; NULL also where the product overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

/* A copy of `s` that lives in `arena`. ERR_NOSPACE. */
err arena_copy(struct arena *arena, str s, str *out) MUST_USE;

/* A NUL-terminated copy for a system or library call; NULL without room. A NUL inside `s` ends it early:
 * callers who take foreign octets refuse NUL before. */
char *arena_z(struct arena *arena, str s);

/* Gives everything back; the arena is as new. An arena all zero is legal here. */
void arena_reset(struct arena *arena);

/* Frees the spare blocks of a pool. */
void arena_pool_fini(struct arena_pool *pool);

/* What callers return when an arena said NULL. */
#define ERR_NO_MEMORY ((err){ ERR_NOSPACE, 0, "out of memory" })

#endif
