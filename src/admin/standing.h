/* admin/standing.h: how the queue stands, by its rows: for doctor and metrics. */
#ifndef ADMIN_STANDING_H
#define ADMIN_STANDING_H

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"

struct store;

struct standing {
	uint64_t recipients, held, waiting; /* waiting: for a time that is still to come */
	int64_t oldest_ms;                  /* when the first of them was received; 0: there is none */
};

/* Reads every row, page by page: some 0.7 s for a million. Worker threads and commands. */
err standing_read(struct store *store, struct arena *arena, struct standing *out) MUST_USE;

/* The same, no older than STANDING_MS, for those who ask all the time: one counts, who comes meanwhile gets
 * the former answer. All zero but for the lock at first. */
struct standing_cache {
	pthread_mutex_t lock;
	struct standing last;
	int64_t tick_ms; /* monotonic, of `last`; 0: none yet */
	bool counting;
};

enum { STANDING_MS = 60000 };

err standing_get(struct standing_cache *cache, struct store *store, struct arena *arena,
                 struct standing *out) MUST_USE;

#endif
