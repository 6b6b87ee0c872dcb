/* store/segment_walk.h: the records of one segment, one after another, as they lie. Private to store/.
 *
 * Where no readable record lies, what its head says of its size is believed if another record lies behind;
 * else the next one that has the store's mark is looked for from 8 octets to 8 octets: content is what
 * senders wrote, and one may have written a record there. Zeros at the end are room allocated ahead.
 */
#ifndef STORE_SEGMENT_WALK_H
#define STORE_SEGMENT_WALK_H

#include "base/file.h"
#include "store/record.h"
#include "store/segment.h"

struct segment_walk {
	file fd; /* borrowed */
	uint64_t size;
	uint64_t at;   /* behind the last record */
	uint64_t gaps; /* places without a readable record so far */
	uint64_t mark; /* 0: unknown, any is taken */
	char *octets;
	size_t room;
};

/* `mark` is the store's, for a segment whose own first record does not tell it. */
err segment_walk_begin(struct segment_walk *w, file fd, uint64_t mark) MUST_USE;

/* The next record: its place, its head, and head, intent and summary, which checked well and are borrowed
 * until the next call. False in *found: the segment ends at w->at; what follows is zeros or counted as a gap.
 */
err segment_walk_next(struct segment_walk *w, uint64_t *offset, struct record_head *head, str *front,
                      bool *found) MUST_USE;

/* The mark in the first record of the first of these segments that has one; 0: none does. ERR_NOSPACE. */
err segments_find_mark(struct segments *segments, const uint64_t *numbers, size_t count,
                       uint64_t *mark) MUST_USE;

void segment_walk_end(struct segment_walk *w);

#endif
