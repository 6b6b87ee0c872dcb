#include "base/table.h"

#include <stdlib.h>

#include "base/hash.h"

enum { FREE = 0, REMOVED = 1, FIRST_SIZE = 16 };

static uint64_t hash_of(str key)
{
	uint64_t h = hash_table_key(key);

	return h > REMOVED ? h : h + 2;
}

/* The slot of `key`, or the free one where the search ended. The table is never full, so the loop ends. */
static struct table_slot *find(const struct table *t, str key, uint64_t hash)
{
	for (size_t i = hash & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		struct table_slot *s = &t->slots[i];
		if (s->hash == FREE || (s->hash == hash && str_eq(s->key, key)))
			return s;
	}
}

static err resize(struct table *t)
{
	size_t size = FIRST_SIZE;

	while (size < t->used * 2 + 2)
		size *= 2;
	struct table bigger = { .slots = calloc(size, sizeof *bigger.slots), .size = size };
	if (!bigger.slots)
		return (err){ ERR_NOSPACE, 0, "out of memory" };
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].hash > REMOVED)
			*find(&bigger, t->slots[i].key, t->slots[i].hash) = t->slots[i];
	bigger.used = bigger.marked = t->used;
	free(t->slots);
	*t = bigger;
	return OK;
}

err table_set(struct table *t, str key, void *value)
{
	assert(value);
	if ((t->marked + 1) * 4 > t->size * 3)
		TRY(resize(t));
	uint64_t hash = hash_of(key);
	struct table_slot *s = find(t, key, hash);
	t->used += s->hash == FREE;
	t->marked += s->hash == FREE;
	*s = (struct table_slot){ hash, key, value };
	return OK;
}

void *table_get(const struct table *t, str key)
{
	struct table_slot *s = t->size ? find(t, key, hash_of(key)) : NULL;

	return s && s->hash > REMOVED ? s->value : NULL;
}

void *table_remove(struct table *t, str key)
{
	struct table_slot *s = t->size ? find(t, key, hash_of(key)) : NULL;

	if (!s || s->hash <= REMOVED)
		return NULL;
	void *value = s->value;
	*s = (struct table_slot){ .hash = REMOVED };
	t->used--;
	return value;
}

void *table_next(const struct table *t, size_t *at)
{
	while (*at < t->size) {
		struct table_slot *s = &t->slots[(*at)++];
		if (s->hash > REMOVED)
			return s->value;
	}
	return NULL;
}

void table_fini(struct table *t)
{
	free(t->slots);
	*t = (struct table){ 0 };
}
