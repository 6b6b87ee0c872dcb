#include "store/maintenance.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "store/committer.h"
#include "store/hold.h"
#include "store/store_internal.h"

/* A PASSIVE checkpoint for every CHECKPOINT_OCTETS of WAL: often enough that a RESTART has little left to
 * copy. */
enum { LOOK_MS = 1000, CHECKPOINT_OCTETS = 8 * LIMIT_MB, COMPACT_MS = 5000, RESTART_BUSY_MS = 250 };

struct maintenance {
	struct store *store;
	pthread_t thread;
	bool stopping; /* under the store's maintenance_lock */
	int64_t compacted_tick_ms;
};

/* A connection of its own, opened for each checkpoint: cheap beside what follows, and never in the way of
 * reopening. */
static err checkpoint(struct store *store, int mode, bool *whole)
{
	struct arena arena;
	struct database db;

	arena_init(&arena, NULL, 64 * LIMIT_KB);
	err e = database_open(&arena, store->directory, true, &db);
	if (e.code == ERR_OK) {
		sqlite3_busy_timeout(db.handle, mode == SQLITE_CHECKPOINT_PASSIVE ? 0 : RESTART_BUSY_MS);
		int code = sqlite3_wal_checkpoint_v2(db.handle, NULL, mode, NULL, NULL);
		if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED)
			e = db_error(&db, code);
		*whole = code == SQLITE_OK;
		database_close(&db);
	}
	arena_reset(&arena);
	return e.code == ERR_OK ? OK : (err){ e.code, e.at, "checkpointing failed" };
}

err checkpoint_run(struct store *store, bool truncate)
{
	bool whole = false;

	if (truncate)
		return checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE, &whole);
	TRY(checkpoint(store, SQLITE_CHECKPOINT_PASSIVE, &whole));
	uint64_t wal = atomic_load(&store->wal_octets);
	if (wal <= LIMIT_WAL_RESTART)
		return OK;
	/* What came in meanwhile, so that little is left to do while the committer waits. */
	TRY(checkpoint(store, SQLITE_CHECKPOINT_PASSIVE, &whole));
	int64_t begin = clock_tick_ms();
	committer_hold(store->committer);
	err e = checkpoint(store, SQLITE_CHECKPOINT_RESTART, &whole);
	if (e.code == ERR_OK && whole)
		atomic_store(&store->wal_octets, 0); /* the next commit writes at its beginning */
	committer_release(store->committer);
	log_event(EV_STORE_CHECKPOINTED, LOG_INT("wal_octets", wal), LOG_MS("ms", clock_tick_ms() - begin),
	          LOG_STR("result", whole ? STR("restarted") : STR("a reader holds it")));
	return e;
}

static err checkpoint_unless_held(struct store *store)
{
	AUTO(file) hold = FILE_NONE;

	if (!hold_try(store->directory, HOLD_CHECKPOINTS, &hold))
		return OK;
	atomic_store(&store->checkpointing, true);
	err e = checkpoint_run(store, false);
	atomic_store(&store->checkpointing, false);
	return e;
}

static err compact_unless_held(struct store *store)
{
	AUTO(file) hold = FILE_NONE;

	return hold_try(store->directory, HOLD_COMPACTION, &hold) ? compact_run(store) : OK;
}

/* The next one is due CHECKPOINT_OCTETS after what this one left. While it ran more may have come, or a
 * RESTART begun the WAL anew: the shorter of both lengths is surely done. */
static void checkpoint_if_due(struct store *store)
{
	uint64_t before = atomic_load(&store->wal_octets), due = atomic_load(&store->checkpoint_at_octets);

	if (before >= due) {
		err e = checkpoint_unless_held(store);
		if (e.code != ERR_OK)
			log_event(EV_STORE_FAILED, LOG_STR("what", STR("a checkpoint")),
			          LOG_Z("why", e.what));
	} else if (due - before <= CHECKPOINT_OCTETS) {
		return;
	}
	uint64_t after = atomic_load(&store->wal_octets);
	atomic_store(&store->checkpoint_at_octets, (after < before ? after : before) + CHECKPOINT_OCTETS);
}

static void look(struct maintenance *m)
{
	if (atomic_load(&m->store->why_not))
		return;
	checkpoint_if_due(m->store);
	if (clock_tick_ms() >= m->compacted_tick_ms + COMPACT_MS) {
		m->compacted_tick_ms = clock_tick_ms();
		events_expire(m->store->events);
		err e = compact_unless_held(m->store);
		if (e.code != ERR_OK && e.code != ERR_BUSY)
			log_event(EV_STORE_FAILED, LOG_STR("what", STR("compaction")), LOG_Z("why", e.what));
	}
}

static bool is_checkpoint_due(const struct store *store)
{
	return atomic_load(&store->wal_octets) >= atomic_load(&store->checkpoint_at_octets) &&
	       !atomic_load(&store->why_not);
}

void maintenance_wal_grew(struct store *store, uint64_t octets)
{
	atomic_store(&store->wal_octets, octets);
	if (octets < atomic_load(&store->checkpoint_at_octets))
		return;
	pthread_mutex_lock(&store->maintenance_lock);
	pthread_cond_signal(&store->maintenance_wake);
	pthread_mutex_unlock(&store->maintenance_lock);
}

/* Until a checkpoint is due, or a look for everything else. Under the lock. */
static void wait_for_look(struct maintenance *m)
{
	int64_t until_ns = clock_tick_ns() + LOOK_MS * 1000000ll;

	while (!m->stopping && !is_checkpoint_due(m->store) &&
	       cond_wait_until(&m->store->maintenance_wake, &m->store->maintenance_lock, until_ns))
		;
}

static void *run(void *user)
{
	struct maintenance *m = user;
	pthread_mutex_t *lock = &m->store->maintenance_lock;

	pthread_setname_np(pthread_self(), "maintenance");
	pthread_mutex_lock(lock);
	while (!m->stopping) {
		wait_for_look(m);
		if (m->stopping)
			break;
		pthread_mutex_unlock(lock);
		look(m);
		pthread_mutex_lock(lock);
	}
	pthread_mutex_unlock(lock);
	return NULL;
}

err maintenance_start(struct store *store, struct maintenance **out)
{
	struct maintenance *m = calloc(1, sizeof *m);

	if (!m)
		return ERR_NO_MEMORY;
	m->store = store;
	m->compacted_tick_ms = clock_tick_ms();
	atomic_store(&store->checkpoint_at_octets, CHECKPOINT_OCTETS);
	int failed = pthread_create(&m->thread, NULL, run, m);
	if (failed) {
		free(m);
		return err_errno(NULL, failed, "starting the maintenance thread");
	}
	*out = m;
	return OK;
}

void maintenance_stop(struct maintenance *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->store->maintenance_lock);
	m->stopping = true;
	pthread_cond_signal(&m->store->maintenance_wake);
	pthread_mutex_unlock(&m->store->maintenance_lock);
	pthread_join(m->thread, NULL);
	free(m);
}
