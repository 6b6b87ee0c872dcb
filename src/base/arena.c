#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/limits.h"

struct arena_block {
	struct arena_block *next;
	size_t size; /* octets of data */
	size_t used;
	alignas(max_align_t) char data[];
};

enum { BLOCK_DATA = LIMIT_ARENA_BLOCK - sizeof(struct arena_block), SPARE_MAX = 256 };

void arena_init(struct arena *arena, struct arena_pool *pool, size_t ceiling_octets)
{
	*arena = (struct arena){ .pool = pool, .ceiling_octets = ceiling_octets };
}

static struct arena_block *block_take(struct arena_pool *pool, size_t size)
{
	struct arena_block *b;

	if (pool && pool->spare && size == BLOCK_DATA) {
		b = pool->spare;
		pool->spare = b->next;
		pool->spare_count--;
		return b;
	}
	b = malloc(sizeof *b + size);
	if (b)
		b->size = size;
	return b;
}

static void block_give(struct arena_pool *pool, struct arena_block *b)
{
	if (!pool || b->size != BLOCK_DATA || pool->spare_count >= SPARE_MAX) {
		free(b);
		return;
	}
	b->next = pool->spare;
	pool->spare = b;
	pool->spare_count++;
}

/* A new block with room for `size`; large allocations get one of their own behind the current block, so that
 * what is left of the current one is not lost. */
static struct arena_block *grow(struct arena *a, size_t size)
{
	size_t data = size > BLOCK_DATA ? size : (size_t)BLOCK_DATA;

	if (data > a->ceiling_octets || a->held_octets > a->ceiling_octets - data)
		return NULL;
	struct arena_block *b = block_take(a->pool, data);
	if (!b)
		return NULL;
	b->used = 0;
	a->held_octets += data;
	if (a->block && size > BLOCK_DATA) {
		b->next = a->block->next;
		a->block->next = b;
	} else {
		b->next = a->block;
		a->block = b;
	}
	return b;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t align = alignof(max_align_t);

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	struct arena_block *b = arena->block;
	if (!b || b->size - b->used < size)
		b = grow(arena, size);
	if (!b)
		return NULL;
	void *p = b->data + b->used;
	b->used += size;
	return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t octets;

	if (__builtin_mul_overflow(count, size, &octets))
		return NULL;
	void *p = arena_alloc(arena, octets);
	return p ? memset(p, 0, octets) : NULL;
}

err arena_copy(struct arena *arena, str s, str *out)
{
	if (s.len == 0) {
		*out = STR("");
		return OK;
	}
	char *p = arena_alloc(arena, s.len);
	if (!p)
		return ERR_NO_MEMORY;
	memcpy(p, s.ptr, s.len);
	*out = (str){ p, s.len };
	return OK;
}

char *arena_z(struct arena *arena, str s)
{
	char *p = arena_alloc(arena, s.len + 1);

	if (!p)
		return NULL;
	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return p;
}

void arena_reset(struct arena *arena)
{
	while (arena->block) {
		struct arena_block *b = arena->block;
		arena->block = b->next;
		block_give(arena->pool, b);
	}
	arena->held_octets = 0;
}

void arena_pool_fini(struct arena_pool *pool)
{
	while (pool->spare) {
		struct arena_block *b = pool->spare;
		pool->spare = b->next;
		free(b);
	}
	pool->spare_count = 0;
}
