/* store/segment.h: the append-only files that hold records, and the handles that keep them readable.
 *
 * One thread (the committer) appends to the current segment; compaction writes one of its own. A sealed
 * segment is never changed. Readers acquire a segment and may go on reading after its file was unlinked.
 * Descriptors of segments that nobody reads are closed again when there are more than SEGMENTS_OPEN.
 *
 * Known weakness: a segment with one live record keeps its size until compaction.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"

struct segments;
struct segment;

/* `directory` is the data directory's "segments". ERR_IO, ERR_NOSPACE. */
err segments_open(struct arena *arena, str directory, struct segments **out) MUST_USE;
void segments_close(struct segments *segments);

/* Any thread. Takes a reference; opens the file where it is not open. ERR_MISSING, ERR_NOSPACE. */
err segment_acquire(struct segments *segments, uint64_t number, struct segment **out) MUST_USE;

/* Another reference to one already held; and giving one back. */
struct segment *segment_share(struct segment *segment);
void segment_release(struct segment *segment);

int segment_fd(const struct segment *segment);
uint64_t segment_number(const struct segment *segment);

/* --- writing: one writer a segment --- */

/* Makes a new, empty segment and makes its directory entry durable; the caller holds a reference. ERR_EXISTS.
 */
err segment_create(struct segments *segments, uint64_t number, struct segment **out) MUST_USE;

/* Writes `parts` at `offset`; room on disk is allocated ahead in steps, so that few syncs have to extend the
 * file. */
err segment_write(struct segment *segment, const struct iovec *parts, size_t count, uint64_t offset) MUST_USE;

/* Cuts what stands behind `offset` (after a failure, at start), durably. ERR_CORRUPT: the file is shorter. */
err segment_cut(struct segment *segment, uint64_t offset) MUST_USE;

/* Takes the file away; readers that hold it go on reading. The directory is synced. */
err segment_remove(struct segments *segments, uint64_t number) MUST_USE;

/* The numbers of all files there, ascending, in `arena`. */
err segments_list(struct segments *segments, struct arena *arena, uint64_t **numbers, size_t *count) MUST_USE;

#endif
