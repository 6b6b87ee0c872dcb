/* base/table.h: a hash table from octets to a pointer, for look-ups by name. One writer; readers only while
 * nobody writes. Keys are borrowed and must outlive their entry (usually they stand in the value). Keys
 * chosen by strangers can't be made to collide (base/hash.h).
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/err.h"
#include "base/str.h"

struct table_slot {
	uint64_t hash; /* 0: free, 1: removed */
	str key;
	void *value;
};

struct table {
	struct table_slot *slots;
	size_t size;   /* power of two, or 0 */
	size_t used;   /* entries */
	size_t marked; /* entries and removed ones */
};

/* A table all zero is empty and ready. Sets `key` to `value`, replacing what was there. ERR_NOSPACE, nothing
 * changed. `value` is not NULL. */
err table_set(struct table *t, str key, void *value) MUST_USE;

/* The value, or NULL. */
void *table_get(const struct table *t, str key);

/* Takes the entry out and returns its value, or NULL. */
void *table_remove(struct table *t, str key);

/* The entries in no order: begin with *at = 0; NULL at the end. */
void *table_next(const struct table *t, size_t *at);

/* Frees the slots, not keys or values. */
void table_fini(struct table *t);

#endif
