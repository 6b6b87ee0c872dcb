#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "store/backup.h"
#include "store/committer.h"
#include "store/directory.h"
#include "store/maintenance.h"
#include "store/store_internal.h"

enum { PATHS = 16 * LIMIT_KB, LOCK_STEP_MS = 50 };

static err path_in(struct arena *arena, str directory, str name, str *out)
{
	struct buf b;

	buf_init(&b, arena, directory.len + name.len + 2);
	buf_add(&b, directory);
	buf_add(&b, STR("/"));
	buf_add(&b, name);
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

err store_make_directory(struct arena *arena, str directory)
{
	char *path = arena_z(arena, directory);

	if (!path)
		return ERR_NO_MEMORY;
	if (access(path, F_OK) == 0)
		return directory_make(arena, directory, 0700);
	TRY(directory_make(arena, directory, 0700));
	return chmod(path, 0711) == 0 ? OK : err_errno(arena, errno, "opening %s", path);
}

err store_lock(struct arena *arena, str directory, int64_t patience_ms, int *fd)
{
	AUTO(file) f = FILE_NONE;
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };
	str path;

	TRY(store_make_directory(arena, directory));
	TRY(path_in(arena, directory, STR("lock"), &path));
	TRY(file_open(arena, path, O_RDWR | O_CREAT, 0600, &f));
	for (int64_t end = clock_tick_ms() + patience_ms; flock(f, LOCK_EX | LOCK_NB) < 0;) {
		if (errno != EWOULDBLOCK)
			return err_errno(arena, errno, "locking " STR_FMT, STR_ARG(path));
		if (clock_tick_ms() >= end)
			return err_new(arena, ERR_BUSY, STR_FMT ": another postrider has the store open",
			               STR_ARG(path));
		nanosleep(&step, NULL);
	}
	*fd = file_take(&f);
	return OK;
}

void store_report_damage(struct store *store, const char *kind, uint64_t segment, uint64_t offset,
                         const char *what)
{
	atomic_fetch_add(&store->damaged, 1);
	log_event(EV_STORE_DAMAGED, LOG_Z("kind", kind), LOG_INT("segment", segment),
	          LOG_INT("offset", offset), LOG_Z("what", what),
	          LOG_STR("do", STR("run `postrider verify`")));
}

static err open_parts(struct arena *arena, struct store *s)
{
	str segments, events;

	TRY(directory_make(arena, s->directory, 0700));
	TRY(restore_check(arena, s->directory));
	TRY(path_in(&s->arena, s->directory, STR("spool"), &s->spool));
	TRY(path_in(&s->arena, s->directory, STR("files"), &s->files));
	TRY(path_in(arena, s->directory, STR("segments"), &segments));
	TRY(path_in(arena, s->directory, STR("events"), &events));
	TRY(directory_make(arena, s->spool, 0700));
	TRY(directory_make(arena, s->files, 0700));
	TRY(segments_open(arena, segments, &s->segments));
	TRY(events_open(arena, events, s->options.limits.event_days, &s->events));
	TRY(readers_open(s->directory, &s->readers));
	TRY(directory_sync(arena, s->directory));
	TRY(committer_start(arena, s, &s->committer));
	/* The database's own directory entry is durable before the first promise. */
	TRY(directory_sync(arena, s->directory));
	return s->options.without_maintenance ? OK : maintenance_start(s, &s->maintenance);
}

err store_open(struct arena *arena, const struct store_options *options, struct store **out)
{
	struct store *s = calloc(1, sizeof *s);
	int64_t begin = clock_tick_ms();

	if (!s)
		return ERR_NO_MEMORY;
	arena_init(&s->arena, NULL, PATHS);
	pthread_mutex_init(&s->directory_lock, NULL);
	pthread_mutex_init(&s->compact_lock, NULL);
	pthread_mutex_init(&s->maintenance_lock, NULL);
	cond_init(&s->maintenance_wake);
	atomic_init(&s->checkpoint_at_octets, UINT64_MAX);
	s->options = *options;
	err e = arena_copy(&s->arena, options->directory, &s->directory);
	if (e.code == ERR_OK)
		e = open_parts(arena, s);
	if (e.code != ERR_OK) {
		store_close(s);
		return err_wrap(arena, e, "opening the store " STR_FMT, STR_ARG(options->directory));
	}
	log_event(EV_STORE_OPENED, LOG_STR("directory", s->directory), LOG_MS("ms", clock_tick_ms() - begin));
	*out = s;
	return OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	bool opened = s->committer != NULL;
	maintenance_stop(s->maintenance);
	committer_stop(s->committer);
	readers_close(s->readers);
	if (opened) {
		err e = checkpoint_run(s, true);
		(void)e; /* the WAL stays and is read at the next start */
	}
	events_close(s->events);
	segments_close(s->segments);
	directory_release(s->published);
	pthread_mutex_destroy(&s->directory_lock);
	pthread_mutex_destroy(&s->compact_lock);
	pthread_mutex_destroy(&s->maintenance_lock);
	pthread_cond_destroy(&s->maintenance_wake);
	arena_reset(&s->arena);
	free(s);
}

void store_get_status(struct store *s, struct store_status *out)
{
	const char *why_not = atomic_load(&s->why_not);
	const struct directory *d = directory_acquire(s);
	size_t count;
	const struct account *const *accounts = directory_accounts(d, &count);
	uint64_t messages = 0;

	for (size_t i = 0; i < count; i++)
		messages += atomic_load(&accounts[i]->usage->messages);
	directory_release(d);
	*out = (struct store_status){
		.accepting = why_not == NULL,
		.why_not = why_not,
		.wal_octets = atomic_load(&s->wal_octets),
		.segments = atomic_load(&s->segment_count),
		.messages = messages,
		.batches = atomic_load(&s->batches),
		.commits = atomic_load(&s->commits),
		.damaged = atomic_load(&s->damaged),
	};
}

err store_maintain(struct store *s)
{
	TRY(checkpoint_run(s, false));
	return compact_run(s);
}
