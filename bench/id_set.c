#include "id_set.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tool.h"

enum { FIRST_ROOM = 1 << 10 };

struct id_set {
	pthread_mutex_t lock;
	uint64_t *slot; /* 0: empty; open addressing, at most half full */
	size_t room;    /* a power of two */
	uint64_t unique, duplicates;
};

struct id_set *id_set_new(void)
{
	struct id_set *set = tool_alloc(1, sizeof *set);

	pthread_mutex_init(&set->lock, NULL);
	set->room = FIRST_ROOM;
	set->slot = tool_alloc(set->room, sizeof *set->slot);
	return set;
}

/* FNV-1a, then mixed so that its low bits are as good as its high ones. */
static uint64_t hash(const char *id, size_t len)
{
	uint64_t h = 0xCBF29CE484222325U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)id[i]) * 0x100000001B3U;
	h ^= h >> 32;
	h *= 0x9E3779B97F4A7C15U;
	h ^= h >> 29;
	return h != 0 ? h : 1;
}

/* False if it was there. */
static bool put(uint64_t *slot, size_t room, uint64_t h)
{
	size_t at = h & (room - 1);

	for (; slot[at] != 0; at = (at + 1) & (room - 1))
		if (slot[at] == h)
			return false;
	slot[at] = h;
	return true;
}

static void grow(struct id_set *set)
{
	size_t room = 2 * set->room;
	uint64_t *slot = tool_alloc(room, sizeof *slot);

	for (size_t i = 0; i < set->room; i++)
		if (set->slot[i] != 0)
			put(slot, room, set->slot[i]);
	free(set->slot);
	set->slot = slot;
	set->room = room;
}

void id_set_add(struct id_set *set, const char *id, size_t len)
{
	pthread_mutex_lock(&set->lock);
	if (put(set->slot, set->room, hash(id, len)))
		set->unique++;
	else
		set->duplicates++;
	if (2 * set->unique > set->room)
		grow(set);
	pthread_mutex_unlock(&set->lock);
}

uint64_t id_set_unique(struct id_set *set)
{
	pthread_mutex_lock(&set->lock);
	uint64_t n = set->unique;
	pthread_mutex_unlock(&set->lock);
	return n;
}

uint64_t id_set_duplicates(struct id_set *set)
{
	pthread_mutex_lock(&set->lock);
	uint64_t n = set->duplicates;
	pthread_mutex_unlock(&set->lock);
	return n;
}

void id_set_free(struct id_set *set)
{
	pthread_mutex_destroy(&set->lock);
	free(set->slot);
	free(set);
}
