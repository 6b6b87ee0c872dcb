/* store/committer.h: the one thread that writes. Private to store/.
 *
 * It takes what is queued as one batch: reserve, write the records, sync them on a helper thread while the
 * statements run, COMMIT (which syncs the WAL), answer. A batch is therefore two syncs, however many messages
 * are in it.
 *
 * Why a crash at any point is harmless: a record without a row is cut off at the next start (the row of
 * `batch` says where the committed end is); a row without its record can't be, because the record's sync is
 * waited for before COMMIT; and nobody was told anything before COMMIT returned.
 */
#ifndef STORE_COMMITTER_H
#define STORE_COMMITTER_H

#include "store/store_internal.h"

struct committer;

/* Opens the database for writing, recovers the tail, loads and publishes the directory, starts the threads.
 */
err committer_start(struct arena *arena, struct store *store, struct committer **out) MUST_USE;

/* Commits what is queued, then ends the threads and closes the database. */
void committer_stop(struct committer *committer);

/* Wakes it for event lines that wait. */
void committer_poke(struct committer *committer);

/* The committer pauses between batches from hold to release: for a RESTART checkpoint. */
void committer_hold(struct committer *committer);
void committer_release(struct committer *committer);

/* A number for a segment that compaction writes; never given twice. */
uint64_t committer_new_segment_number(struct committer *committer);

/* The segment that is being appended to. */
uint64_t committer_current_segment(struct committer *committer);

#endif
