/* store/segment_walk.h: the records of one segment, one after another, as they lie. Private to store/.
 *
 * Where no readable record lies, what its head says of its size is believed if another record lies behind;
 * else the next one is looked for from 8 octets to 8 octets. Zeros at the end are room allocated ahead.
 */
#ifndef STORE_SEGMENT_WALK_H
#define STORE_SEGMENT_WALK_H

#include "base/file.h"
#include "store/record.h"

struct segment_walk {
	file fd; /* borrowed */
	uint64_t size;
	uint64_t at;   /* behind the last record */
	uint64_t gaps; /* places without a readable record so far */
	char *octets;
	size_t room;
};

err segment_walk_begin(struct segment_walk *w, file fd) MUST_USE;

/* The next record: its place, its head, and head, intent and summary, which checked well and are borrowed
 * until the next call. False in *found: the segment ends at w->at; what follows is zeros or counted as a gap.
 */
err segment_walk_next(struct segment_walk *w, uint64_t *offset, struct record_head *head, str *front,
                      bool *found) MUST_USE;

void segment_walk_end(struct segment_walk *w);

#endif
