#include "store/maintenance.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/commit.h"
#include "store/store_internal.h"

enum { COLLECT_PAGE = 1000 };

static err free_contents(struct store *store, int64_t before_ms, uint64_t *ids, size_t *count)
{
	struct database *db;
	bool more = false;
	size_t n = 0;

	TRY(readers_take(store->readers, &db));
	err e = db_start(db, Q_CONTENT_FREE, DB_INT(before_ms), DB_INT(COLLECT_PAGE));
	while (e.code == ERR_OK && (e = db_row(db, Q_CONTENT_FREE, &more)).code == ERR_OK && more)
		ids[n++] = db_u64(db, Q_CONTENT_FREE, 0);
	db_end(db, Q_CONTENT_FREE);
	readers_give(store->readers, db);
	*count = n;
	return e;
}

static err collect(struct store *store, int64_t before_ms)
{
	uint64_t ids[COLLECT_PAGE];
	size_t count;

	do {
		TRY(free_contents(store, before_ms, ids, &count));
		if (count == 0)
			return OK;
		struct commit_op op = { .kind = COMMIT_COLLECT, .collect = { ids, count, before_ms } };
		struct commit commit = { .ops = &op, .op_count = 1 };
		store_commit_wait(store, &commit);
		TRY(op.result);
	} while (count == COLLECT_PAGE);
	return OK;
}

err compact_run(struct store *store) { return collect(store, clock_now() - store->options.collect_after_ms); }
