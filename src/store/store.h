/* store/store.h: opening and closing the store of one data directory.
 *
 * Below `directory`:
 *   hold.lock          held by backups, against checkpoints and compaction (store/hold.h)
 *   lock               held by whoever has the store open for writing
 *   postrider.db -wal  SQLite: rows, an index over the records
 *   segments/N.seg     records: content <= LIMIT_RECORD_CONTENT, summaries, intents (store/record.h)
 *   files/X/N          larger contents, one a file
 *   spool/             what is arriving; emptied at start
 *   events/DAY.jsonl   what happened, for trace
 *   quarantine         fingerprints of messages that felled the server (base/quarantine.h)
 *   quarantined/       their octets, one a file (smtp/content.h)
 *   auth.key           the key of salts for names that do not exist (auth/auth.h)
 *   auth.pairs         where people logged in before (auth/pairs.h)
 *   flight             who is being parsed just now (base/flight.h)
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

struct store;

struct store_options {
	str directory;
	unsigned node; /* high bits of ids; 0 for a single machine */
	struct limits limits;
	bool without_maintenance; /* tests: no checkpoints or compaction unless asked */
};

/* Makes the data directory unless it is there: every login of the machine may pass through it (0711), to
 * run/submit.sock; whatever else is in it is its owner's alone. */
err store_make_directory(struct arena *arena, str directory) MUST_USE;

/* Takes DIRECTORY/lock, waiting up to `patience_ms`. The descriptor carries the lock (flock): it outlives
 * this process in children that inherit it. ERR_BUSY: another postrider has it. */
err store_lock(struct arena *arena, str directory, int64_t patience_ms, int *fd) MUST_USE;

/* Opens, creating what is missing, recovers, loads the directory, starts committer and maintenance. The
 * caller holds the lock. ERR_DENIED: written by a newer postrider. ERR_CORRUPT, ERR_IO, ERR_NOSPACE. Logs
 * store.opened. */
err store_open(struct arena *arena, const struct store_options *options, struct store **out) MUST_USE;

/* Commits what is queued, checkpoints, closes. */
void store_close(struct store *store);

struct store_status {
	bool accepting;      /* false: the disk failed and is being tried again */
	const char *why_not; /* NULL when accepting */
	uint64_t wal_octets;
	uint64_t segments;
	uint64_t messages; /* mailbox rows of all accounts */
	uint64_t batches, commits;
	uint64_t damaged; /* records set aside since start */
};

/* Any thread. */
void store_get_status(struct store *store, struct store_status *out);

/* One round of checkpoint and compaction now, on the calling thread. For commands and tests. */
err store_maintain(struct store *store) MUST_USE;

#endif
