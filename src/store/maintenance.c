#include "store/maintenance.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/committer.h"
#include "store/hold.h"
#include "store/store_internal.h"

/* A PASSIVE checkpoint for every CHECKPOINT_OCTETS of WAL: often enough that a RESTART has little left to
 * copy. */
enum {
	LOOK_MS = 20,
	IDLE_MS = 1000,
	CHECKPOINT_OCTETS = 8 * LIMIT_MB,
	COMPACT_MS = 5000,
	RESTART_BUSY_MS = 250
};

struct maintenance {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	uint64_t checkpointed_octets; /* of the WAL, when it was last looked at */
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

	return hold_try(store->directory, HOLD_CHECKPOINTS, &hold) ? checkpoint_run(store, false) : OK;
}

static err compact_unless_held(struct store *store)
{
	AUTO(file) hold = FILE_NONE;

	return hold_try(store->directory, HOLD_COMPACTION, &hold) ? compact_run(store) : OK;
}

static void look(struct maintenance *m)
{
	uint64_t wal = atomic_load(&m->store->wal_octets);

	if (wal < m->checkpointed_octets) /* it began anew */
		m->checkpointed_octets = 0;
	if (wal >= m->checkpointed_octets + CHECKPOINT_OCTETS && !atomic_load(&m->store->why_not)) {
		err e = checkpoint_unless_held(m->store);
		if (e.code != ERR_OK)
			log_event(EV_STORE_FAILED, LOG_STR("what", STR("a checkpoint")),
			          LOG_Z("why", e.what));
		m->checkpointed_octets = wal;
	}
	if (clock_tick_ms() >= m->compacted_tick_ms + COMPACT_MS && !atomic_load(&m->store->why_not)) {
		m->compacted_tick_ms = clock_tick_ms();
		events_expire(m->store->events);
		err e = compact_unless_held(m->store);
		if (e.code != ERR_OK && e.code != ERR_BUSY)
			log_event(EV_STORE_FAILED, LOG_STR("what", STR("compaction")), LOG_Z("why", e.what));
	}
}

/* Idle it looks rarely: a store at rest wakes nobody fifty times a second. */
static int64_t pause_ms(const struct maintenance *m)
{
	return atomic_load(&m->store->wal_octets) > m->checkpointed_octets ? LOOK_MS : IDLE_MS;
}

static void *run(void *user)
{
	struct maintenance *m = user;

	pthread_setname_np(pthread_self(), "maintenance");
	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += pause_ms(m) % 1000 * 1000000;
		until.tv_sec += pause_ms(m) / 1000 + until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&m->wake, &m->lock, &until);
		if (m->stopping)
			break;
		pthread_mutex_unlock(&m->lock);
		look(m);
		pthread_mutex_lock(&m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

err maintenance_start(struct store *store, struct maintenance **out)
{
	struct maintenance *m = calloc(1, sizeof *m);

	if (!m)
		return ERR_NO_MEMORY;
	m->store = store;
	m->compacted_tick_ms = clock_tick_ms();
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->wake, NULL);
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
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	free(m);
}
