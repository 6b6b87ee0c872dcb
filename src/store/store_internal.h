/* store/store_internal.h: what the files of store/ share. Nobody outside includes it. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/database.h"
#include "store/draft.h"
#include "store/event_file.h"
#include "store/queue.h"
#include "store/readers.h"
#include "store/segment.h"
#include "store/store.h"

struct committer;
struct directory_work;
struct maintenance;

struct store {
	struct arena arena; /* paths; lives as long as the store */
	struct store_options options;
	str directory, spool, files;
	struct segments *segments;
	struct readers *readers;
	struct events *events;
	struct committer *committer;
	struct maintenance *maintenance;

	/* the published directory: the pointer under the lock, the snapshot itself immutable */
	pthread_mutex_t directory_lock;
	struct directory *published;

	_Atomic bool app_uses_new; /* a login that stands in no row yet (store/app.h) */

	void (*queued)(void *user, const struct queue_row *rows, size_t count); /* or NULL; the committer's */
	void *queued_user;

	uint64_t record_mark;           /* in all records (store/record.h); the committer's */
	_Atomic uint64_t drafts_octets; /* of all drafts in memory */
	_Atomic uint64_t draft_number;  /* names spool files */
	_Atomic uint64_t wal_octets;
	_Atomic bool checkpointing;            /* under way: a long WAL is about to become short */
	_Atomic uint64_t checkpoint_at_octets; /* length of the WAL at which maintenance is woken */
	pthread_mutex_t maintenance_lock;
	pthread_cond_t maintenance_wake;
	_Atomic uint64_t batches, commits, damaged;
	_Atomic uint64_t segment_count;
	_Atomic(const char *) why_not;       /* a literal; NULL: accepting */
	pthread_mutex_t compact_lock;        /* one compaction at a time */
	_Atomic uint64_t compacting_segment; /* what compaction writes just now; 0: none */
};

/* Logs store.damaged once for what was found and counts it. */
void store_report_damage(struct store *store, const char *kind, uint64_t segment, uint64_t offset,
                         const char *what);

#endif
