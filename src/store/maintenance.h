/* store/maintenance.h: the thread that checkpoints, compacts and expires. Private to store/. */
#ifndef STORE_MAINTENANCE_H
#define STORE_MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct maintenance;
struct store;

err maintenance_start(struct store *store, struct maintenance **out) MUST_USE;
void maintenance_stop(struct maintenance *maintenance);

/* The WAL is `octets` long now: wakes the thread when a checkpoint is due. Any thread; before
 * maintenance_start and after maintenance_stop too. */
void maintenance_wal_grew(struct store *store, uint64_t octets);

/* One checkpoint, on the calling thread: PASSIVE, and RESTART with the committer held where the WAL is over
 * LIMIT_WAL_RESTART. `truncate`: leave an empty WAL behind (at close). */
err checkpoint_run(struct store *store, bool truncate) MUST_USE;

/* Collects contents that nothing names any more, and moves the live records of segments that are mostly dead
 * (compact.c). Skipped while a backup holds the store. Calling thread. */
err compact_run(struct store *store) MUST_USE;

#endif
