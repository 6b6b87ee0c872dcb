/* store/sync_thread.h: syncs what a batch wrote while its statements run. Private to store/; one batch at a
 * time. */
#ifndef STORE_SYNC_THREAD_H
#define STORE_SYNC_THREAD_H

#include "base/err.h"

struct sync_thread;
struct file_move;
struct store;

err sync_thread_start(struct store *store, struct sync_thread **out) MUST_USE;
void sync_thread_stop(struct sync_thread *thread);

/* Begins fdatasync of `fd` and, after it, fsync of the folders that `moves` went into. */
void sync_thread_begin(struct sync_thread *thread, int fd, const struct file_move *moves);

/* Waits for it. */
err sync_thread_wait(struct sync_thread *thread) MUST_USE;

#endif
