#include "store/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

enum { SEGMENTS_OPEN = 256, ALLOCATE_STEP = 8 * LIMIT_MB, BUCKETS = 256 };

struct segment {
	struct segments *owner;
	struct segment *next; /* in its bucket */
	uint64_t number;
	int fd;
	unsigned references; /* under the lock */
	bool removed;        /* unlinked: goes with its last reference */
	uint64_t allocated;  /* octets of room made so far; writer only */
};

struct segments {
	pthread_mutex_t lock;
	char *directory; /* with a NUL */
	unsigned open;
	struct segment *buckets[BUCKETS];
};

static void path_of(const struct segments *s, uint64_t number, char *out, size_t size)
{
	snprintf(out, size, "%s/%" PRIu64 ".seg", s->directory, number);
}

err segments_open(struct arena *arena, str directory, struct segments **out)
{
	TRY(directory_make(arena, directory, 0700));
	struct segments *s = calloc(1, sizeof *s);
	char *copy = strndup(directory.ptr, directory.len);
	if (!s || !copy) {
		free(s);
		free(copy);
		return ERR_NO_MEMORY;
	}
	s->directory = copy;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return OK;
}

static void segment_free(struct segment *g)
{
	close(g->fd);
	free(g);
}

void segments_close(struct segments *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (s->buckets[i]) {
			struct segment *g = s->buckets[i];
			s->buckets[i] = g->next;
			segment_free(g);
		}
	pthread_mutex_destroy(&s->lock);
	free(s->directory);
	free(s);
}

/* Under the lock: takes `g` out of its bucket. */
static void unlist(struct segments *s, struct segment *g)
{
	struct segment **at = &s->buckets[g->number % BUCKETS];

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	s->open--;
}

/* Under the lock: closes one that nobody holds. */
static void close_one_idle(struct segments *s)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct segment *g = s->buckets[i]; g; g = g->next)
			if (g->references == 0) {
				unlist(s, g);
				segment_free(g);
				return;
			}
}

static err open_segment(struct segments *s, uint64_t number, int flags, struct segment **out)
{
	char path[4096];

	path_of(s, number, path, sizeof path);
	if (s->open >= SEGMENTS_OPEN)
		close_one_idle(s);
	struct segment *g = calloc(1, sizeof *g);
	if (!g)
		return ERR_NO_MEMORY;
	g->fd = open(path, flags | O_CLOEXEC, 0600);
	if (g->fd < 0) {
		int why = errno;
		free(g);
		return err_errno(NULL, why, "opening a segment");
	}
	g->owner = s;
	g->number = number;
	g->references = 1;
	g->next = s->buckets[number % BUCKETS];
	s->buckets[number % BUCKETS] = g;
	s->open++;
	*out = g;
	return OK;
}

err segment_acquire(struct segments *s, uint64_t number, struct segment **out)
{
	err e = OK;

	pthread_mutex_lock(&s->lock);
	struct segment *g = s->buckets[number % BUCKETS];
	while (g && (g->number != number || g->removed))
		g = g->next;
	if (g)
		g->references++;
	else
		e = open_segment(s, number, O_RDWR, &g);
	pthread_mutex_unlock(&s->lock);
	if (e.code == ERR_OK)
		*out = g;
	return e;
}

struct segment *segment_share(struct segment *g)
{
	pthread_mutex_lock(&g->owner->lock);
	g->references++;
	pthread_mutex_unlock(&g->owner->lock);
	return g;
}

void segment_release(struct segment *g)
{
	if (!g)
		return;
	struct segments *s = g->owner;
	pthread_mutex_lock(&s->lock);
	assert(g->references > 0);
	if (--g->references == 0 && g->removed) {
		unlist(s, g);
		segment_free(g);
	}
	pthread_mutex_unlock(&s->lock);
}

int segment_fd(const struct segment *g) { return g->fd; }

uint64_t segment_number(const struct segment *g) { return g->number; }

err segment_create(struct segments *s, uint64_t number, struct segment **out)
{
	struct segment *g = NULL;
	struct arena scratch;

	pthread_mutex_lock(&s->lock);
	err e = open_segment(s, number, O_RDWR | O_CREAT | O_EXCL, &g);
	pthread_mutex_unlock(&s->lock);
	if (e.code != ERR_OK)
		return e;
	arena_init(&scratch, NULL, 64 * LIMIT_KB);
	e = directory_sync(&scratch, str_of(s->directory));
	arena_reset(&scratch);
	if (e.code != ERR_OK) {
		segment_release(g);
		return (err){ e.code, e.at, "syncing the folder of segments" };
	}
	*out = g;
	return OK;
}

/* Best effort: without room to reserve, or on a file system that can't, the write itself says what is wrong.
 */
static void allocate(struct segment *g, uint64_t end)
{
	if (end <= g->allocated)
		return;
	uint64_t to = (end + ALLOCATE_STEP - 1) / ALLOCATE_STEP * ALLOCATE_STEP;
	if (fallocate(g->fd, 0, (off_t)g->allocated, (off_t)(to - g->allocated)) == 0)
		g->allocated = to;
	else
		g->allocated = end;
}

err segment_write(struct segment *g, const struct iovec *parts, size_t count, uint64_t offset)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	allocate(g, offset + size);
	return file_write_at(g->fd, parts, count, offset);
}

err segment_cut(struct segment *g, uint64_t offset)
{
	struct stat st;

	if (fstat(g->fd, &st) < 0)
		return err_errno(NULL, errno, "looking at a segment");
	if ((uint64_t)st.st_size < offset)
		return (err){ ERR_CORRUPT, 0, "a segment is shorter than its rows say" };
	g->allocated = offset;
	if ((uint64_t)st.st_size == offset)
		return OK;
	if (ftruncate(g->fd, (off_t)offset) < 0 || fsync(g->fd) < 0)
		return err_errno(NULL, errno, "cutting a segment");
	return OK;
}

err segment_remove(struct segments *s, uint64_t number)
{
	char path[4096];
	struct arena scratch;
	err e = OK;

	path_of(s, number, path, sizeof path);
	pthread_mutex_lock(&s->lock);
	if (unlink(path) < 0 && errno != ENOENT)
		e = err_errno(NULL, errno, "removing a segment");
	for (struct segment *g = s->buckets[number % BUCKETS]; g && e.code == ERR_OK; g = g->next)
		if (g->number == number && !g->removed) {
			g->removed = true;
			if (g->references == 0) {
				unlist(s, g);
				segment_free(g);
				break;
			}
		}
	pthread_mutex_unlock(&s->lock);
	TRY(e);
	arena_init(&scratch, NULL, 64 * LIMIT_KB);
	e = directory_sync(&scratch, str_of(s->directory));
	arena_reset(&scratch);
	return e.code == ERR_OK ? OK : (err){ e.code, e.at, "syncing the folder of segments" };
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

err segments_list(struct segments *s, struct arena *arena, uint64_t **numbers, size_t *count)
{
	DIR *d = opendir(s->directory);
	size_t used = 0, room = 64;
	uint64_t *list = arena_new(arena, uint64_t, room);

	if (!d || !list) {
		int why = errno;
		if (d)
			closedir(d);
		return d ? ERR_NO_MEMORY : err_errno(NULL, why, "listing the segments");
	}
	for (struct dirent *entry; list && (entry = readdir(d));) {
		str name = str_of(entry->d_name);
		uint64_t n;
		if (!str_ends_nocase(name, STR(".seg")) ||
		    !str_to_u64(str_slice(name, 0, name.len - 4), UINT64_MAX, &n))
			continue;
		if (used == room) {
			uint64_t *more = arena_new(arena, uint64_t, room * 2);
			if (more)
				memcpy(more, list, used * sizeof *list);
			list = more;
			room *= 2;
		}
		if (list)
			list[used++] = n;
	}
	closedir(d);
	if (!list)
		return ERR_NO_MEMORY;
	qsort(list, used, sizeof *list, by_number);
	*numbers = list;
	*count = used;
	return OK;
}
