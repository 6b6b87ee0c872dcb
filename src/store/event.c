#include "store/event.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "store/committer.h"
#include "store/event_file.h"
#include "store/store_internal.h"

enum { WAITING_MAX = LIMIT_MB, GATHER_MAX = LIMIT_MB, DAY_MS = 86400000, PATH_SIZE = 4096 };

struct events {
	char directory[PATH_SIZE];
	uint32_t keep_days;
	/* lines of nobody's commit */
	pthread_mutex_t lock;
	char *waiting;
	size_t waiting_used;
	uint64_t dropped;
	/* the committer's */
	char *gathered;
	size_t gathered_used;
	file day_file;
	size_t behind; /* file_write_behind */
	int64_t day;
};

err events_open(struct arena *arena, str directory, uint32_t keep_days, struct events **out)
{
	TRY(directory_make(arena, directory, 0700));
	struct events *e = calloc(1, sizeof *e);
	if (!e || directory.len >= PATH_SIZE - 64) {
		free(e);
		return e ? (err){ ERR_LIMIT, 0, "the data directory's path is too long" } : ERR_NO_MEMORY;
	}
	memcpy(e->directory, directory.ptr, directory.len);
	e->keep_days = keep_days;
	e->waiting = malloc(WAITING_MAX);
	e->gathered = malloc(GATHER_MAX);
	e->day_file = FILE_NONE;
	pthread_mutex_init(&e->lock, NULL);
	if (!e->waiting || !e->gathered) {
		events_close(e);
		return ERR_NO_MEMORY;
	}
	*out = e;
	return OK;
}

void events_close(struct events *e)
{
	if (!e)
		return;
	file_close(&e->day_file);
	pthread_mutex_destroy(&e->lock);
	free(e->waiting);
	free(e->gathered);
	free(e);
}

void events_add(struct events *e, str line)
{
	pthread_mutex_lock(&e->lock);
	if (line.len <= WAITING_MAX - e->waiting_used) {
		memcpy(e->waiting + e->waiting_used, line.ptr, line.len);
		e->waiting_used += line.len;
	} else {
		e->dropped++;
	}
	pthread_mutex_unlock(&e->lock);
}

/* The file of today; a day that ended closes its file. */
static bool open_day(struct events *e)
{
	int64_t now = clock_now();
	char path[PATH_SIZE + 64], date[32];
	struct buf b;

	if (e->day_file != FILE_NONE && e->day == now / DAY_MS)
		return true;
	file_close(&e->day_file);
	buf_init_fixed(&b, date, sizeof date - 1);
	clock_add_rfc3339(&b, now);
	date[10] = '\0';
	snprintf(path, sizeof path, "%s/%s.jsonl", e->directory, date);
	e->day_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	e->day = now / DAY_MS;
	return e->day_file >= 0;
}

static void write_lines(struct events *e, const char *p, size_t n)
{
	if (n == 0 || !open_day(e))
		return;
	while (n) {
		ssize_t w = write(e->day_file, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) { /* a full disk: the records still know what was taken */
			e->dropped++;
			return;
		}
		file_write_behind(e->day_file, &e->behind, (size_t)w);
		p += w;
		n -= (size_t)w;
	}
}

void events_gather(struct events *e, str line)
{
	if (line.len > GATHER_MAX)
		return;
	if (line.len > GATHER_MAX - e->gathered_used) {
		write_lines(e, e->gathered, e->gathered_used);
		e->gathered_used = 0;
	}
	if (line.len)
		memcpy(e->gathered + e->gathered_used, line.ptr, line.len);
	e->gathered_used += line.len;
}

void events_flush(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	if (e->waiting_used)
		events_gather(e, (str){ e->waiting, e->waiting_used });
	e->waiting_used = 0;
	pthread_mutex_unlock(&e->lock);
	write_lines(e, e->gathered, e->gathered_used);
	e->gathered_used = 0;
}

void event_append(struct store *store, str line)
{
	events_add(store->events, line);
	committer_poke(store->committer);
}

/* --- day files --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "2026-11-23.jsonl" files, oldest first. */
static err list_days(struct arena *arena, const char *directory, const char ***names, size_t *count)
{
	DIR *d = opendir(directory);
	size_t used = 0, room = 512;
	const char **list = arena_new(arena, const char *, room);

	if (!d) {
		*count = 0;
		return errno == ENOENT ? OK : err_errno(arena, errno, "%s", directory);
	}
	for (struct dirent *entry; list && used < room && (entry = readdir(d));)
		if (str_ends_nocase(str_of(entry->d_name), STR(".jsonl")) &&
		    (list[used] = arena_z(arena, str_of(entry->d_name))))
			used++;
	closedir(d);
	if (!list)
		return ERR_NO_MEMORY;
	qsort(list, used, sizeof *list, by_name);
	*names = list;
	*count = used;
	return OK;
}

void events_expire(struct events *e)
{
	struct arena arena;
	const char **names = NULL;
	size_t count = 0;

	arena_init(&arena, NULL, LIMIT_MB);
	err listed = list_days(&arena, e->directory, &names, &count);
	if (listed.code == ERR_OK && count > e->keep_days)
		for (size_t i = 0; i < count - e->keep_days; i++) {
			char path[PATH_SIZE + 300];
			snprintf(path, sizeof path, "%s/%s", e->directory, names[i]);
			unlink(path);
		}
	arena_reset(&arena);
}

static bool search_file(const char *path, str needle, bool (*found)(str line, void *user), void *user)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool go_on = true;

	if (!f)
		return true;
	for (ssize_t n; go_on && (n = getline(&line, &room, f)) > 0;) {
		str s = str_trim((str){ line, (size_t)n });
		if (str_find(s, needle) < s.len)
			go_on = found(s, user);
	}
	free(line);
	(void)fclose(f); /* it was read */
	return go_on;
}

err event_search(struct arena *arena, str directory, str needle, bool (*found)(str line, void *user),
                 void *user)
{
	const char **names = NULL;
	size_t count = 0;
	char folder[PATH_SIZE], path[PATH_SIZE + 300];

	snprintf(folder, sizeof folder, STR_FMT "/events", STR_ARG(directory));
	TRY(list_days(arena, folder, &names, &count));
	bool go_on = true;
	for (size_t i = 0; i < count && go_on; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		go_on = search_file(path, needle, found, user);
	}
	return OK;
}
