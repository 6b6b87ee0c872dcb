#include "store/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"

struct reader {
	struct database db; /* first: what is lent points here */
	struct reader *next;
};

struct readers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct reader *spare;
	unsigned lent;
	bool suspended;
	size_t directory_size;
	char directory[];
};

err readers_open(str directory, struct readers **out)
{
	struct readers *r = calloc(1, sizeof *r + directory.len);

	if (!r)
		return ERR_NO_MEMORY;
	memcpy(r->directory, directory.ptr, directory.len);
	r->directory_size = directory.len;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	*out = r;
	return OK;
}

static void reader_free(struct reader *reader)
{
	database_close(&reader->db);
	free(reader);
}

void readers_suspend(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	r->suspended = true;
	while (r->spare) {
		struct reader *reader = r->spare;
		r->spare = reader->next;
		reader_free(reader);
	}
	while (r->lent)
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

void readers_resume(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	r->suspended = false;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void readers_close(struct readers *r)
{
	if (!r)
		return;
	readers_suspend(r);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	free(r);
}

static err open_one(struct readers *r, struct reader **out)
{
	struct arena arena;
	struct reader *reader = calloc(1, sizeof *reader);

	if (!reader)
		return ERR_NO_MEMORY;
	arena_init(&arena, NULL, 64 * LIMIT_KB);
	err e = database_open(&arena, (str){ r->directory, r->directory_size }, false, &reader->db);
	if (e.code != ERR_OK) {
		free(reader);
		e.what = "opening a connection for reading failed";
	} else {
		*out = reader;
	}
	arena_reset(&arena);
	return e;
}

err readers_take(struct readers *r, struct database **out)
{
	pthread_mutex_lock(&r->lock);
	while (r->suspended)
		pthread_cond_wait(&r->changed, &r->lock);
	struct reader *reader = r->spare;
	if (reader)
		r->spare = reader->next;
	r->lent++;
	pthread_mutex_unlock(&r->lock);

	err e = reader ? OK : open_one(r, &reader);
	if (e.code == ERR_OK) {
		*out = &reader->db;
		return OK;
	}
	pthread_mutex_lock(&r->lock);
	r->lent--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return e;
}

void readers_give(struct readers *r, struct database *db)
{
	struct reader *reader = (struct reader *)(void *)db;

	pthread_mutex_lock(&r->lock);
	if (r->suspended) { /* closed before it counts as given: whoever suspended wants no connection left */
		pthread_mutex_unlock(&r->lock);
		reader_free(reader);
		pthread_mutex_lock(&r->lock);
	} else {
		reader->next = r->spare;
		r->spare = reader;
	}
	r->lent--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}
