/* store/committer_internal.h: the committer's own struct, shared by committer*.c and commit.c. */
#ifndef STORE_COMMITTER_INTERNAL_H
#define STORE_COMMITTER_INTERNAL_H

#include "store/batch.h"
#include "store/committer.h"
#include "store/sync_thread.h"

struct commit_queue {
	struct commit *first, *last;
};

struct committer {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;    /* something for the committer to do */
	pthread_cond_t settled; /* it paused */
	struct commit_queue urgent, ordinary;
	size_t queued; /* in both */
	size_t wanted; /* so many are waited for: their submitter wakes the committer; 0: the first does */
	bool stopping, poked;
	bool hold_wanted, held;
	_Atomic uint64_t next_segment; /* the next number to give */
	_Atomic uint64_t current_segment;

	/* the thread's own */
	struct database db;
	bool database_open;
	struct sync_thread *sync;
	struct mailbox_states *mailboxes;
	struct directory_work *directory;
	struct pending_list *pending;
	struct segment *segment;
	struct batch_tail tail; /* as committed */
	int64_t retry_tick_ms;  /* after a failure: when to try again */
	size_t expected;        /* commits under way at the end of the last round: answered or queued then */
	int64_t sync_ns;        /* what its syncs held it up: the part that does not grow with it */
	bool app_uses_written;  /* in the transaction under way */
	int64_t app_uses_tick_ms; /* not before then again */
};

/* Ends what start began; the thread is not running. */
void committer_free(struct committer *c);

/* --- commit.c: the queue --- */

/* Under the lock. The next commit, urgent ones first; NULL: none. */
struct commit *committer_take(struct committer *c);

/* Waits for those that the last round answered, as long as that pays: a batch begun with the first of them
 * makes all others wait for its syncs before their own, so that two halves of the senders take turns. With
 * one sender nothing is waited for. */
void committer_gather(struct committer *c);

/* Answers a list of commits (linked by next): one wake-up a loop. */
void committer_answer(struct commit *first);

/* --- committer_open.c --- */

/* Opens the database and makes everything in memory as its rows say. Also after a failed sync of the WAL. */
err committer_open(struct arena *arena, struct committer *c) MUST_USE;
void committer_close(struct committer *c);

/* Makes a new segment the current one. */
err committer_new_segment(struct committer *c) MUST_USE;

#endif
