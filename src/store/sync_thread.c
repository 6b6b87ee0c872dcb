#include "store/sync_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/batch.h"

struct sync_thread {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { IDLE, ASKED, DONE, STOP } state;
	int fd;
	const struct file_move *moves;
	err result;
};

static void *run(void *user)
{
	struct sync_thread *t = user;

	pthread_setname_np(pthread_self(), "sync");
	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (t->state != ASKED && t->state != STOP)
			pthread_cond_wait(&t->changed, &t->lock);
		if (t->state == STOP)
			break;
		pthread_mutex_unlock(&t->lock);
		err e = fdatasync(t->fd) == 0 ? OK : err_errno(NULL, errno, "syncing a segment");
		if (e.code == ERR_OK && t->moves)
			e = content_files_sync(t->store, t->moves);
		pthread_mutex_lock(&t->lock);
		t->result = e;
		t->state = DONE;
		pthread_cond_broadcast(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

err sync_thread_start(struct store *store, struct sync_thread **out)
{
	struct sync_thread *t = calloc(1, sizeof *t);

	if (!t)
		return ERR_NO_MEMORY;
	t->store = store;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	int failed = pthread_create(&t->thread, NULL, run, t);
	if (failed) {
		free(t);
		return err_errno(NULL, failed, "starting the syncing thread");
	}
	*out = t;
	return OK;
}

void sync_thread_stop(struct sync_thread *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->state = STOP;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->changed);
	free(t);
}

void sync_thread_begin(struct sync_thread *t, int fd, const struct file_move *moves)
{
	pthread_mutex_lock(&t->lock);
	assert(t->state == IDLE);
	t->fd = fd;
	t->moves = moves;
	t->state = ASKED;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

err sync_thread_wait(struct sync_thread *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->state != DONE)
		pthread_cond_wait(&t->changed, &t->lock);
	t->state = IDLE;
	err e = t->result;
	pthread_mutex_unlock(&t->lock);
	return e;
}
