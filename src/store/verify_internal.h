/* store/verify_internal.h: what verify*.c share. */
#ifndef STORE_VERIFY_INTERNAL_H
#define STORE_VERIFY_INTERNAL_H

#include "base/limits.h"
#include "store/database.h"
#include "store/segment.h"
#include "store/verify.h"

/* What the pass over contents learned, for the pass over messages. */
struct known_content {
	uint64_t content_id, size;
	uint32_t intent_size;
	uint32_t refs, named; /* as the row says; rows of messages and of the queue seen */
};

struct verify {
	struct arena *arena;
	str directory, files;
	struct database db;
	struct segments *segments;
	struct verify_report *report;
	struct known_content *known; /* ascending by id */
	size_t known_count, known_room;
	struct bad_place {
		uint64_t segment, offset;
	} bad[LIMIT_VERIFY_PROBLEMS]; /* records with a problem */
	size_t bad_count;
	char *octets; /* for reading records */
	size_t octets_room;
	uint64_t mark; /* of the store's records; 0: unknown */
	uint64_t batch_number, current_segment, current_offset, next_content_id;
};

/* Lists a problem; the last arguments say where. */
void verify_add(struct verify *v, const char *kind, bool repairable, const char *what, const char *where, ...)
	__attribute__((format(printf, 5, 6)));

/* Each row of content against its record and file; fills v->known. */
err verify_contents(struct verify *v) MUST_USE;

/* Each segment from record to record; after the contents, whose problems are not listed twice. */
err verify_segments(struct verify *v) MUST_USE;

/* Each row of the queue, after the contents, which it counts as named; not of a database of a former program,
 * which has none. */
err verify_queue(struct verify *v) MUST_USE;

/* Reads the batch row into v. */
err verify_read_batch(struct verify *v) MUST_USE;

/* Was a problem listed about the record there? */
bool verify_is_bad(const struct verify *v, uint64_t segment, uint64_t offset);

/* NULL: not known. */
struct known_content *verify_known(const struct verify *v, uint64_t content_id);

#endif
