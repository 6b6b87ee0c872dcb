/* store/verify_internal.h: what verify*.c share. */
#ifndef STORE_VERIFY_INTERNAL_H
#define STORE_VERIFY_INTERNAL_H

#include "store/database.h"
#include "store/segment.h"
#include "store/verify.h"

/* What the pass over contents learned, for the pass over messages. */
struct known_content {
	uint64_t content_id, size;
	uint32_t intent_size;
	uint32_t refs, named; /* as the row says; rows of messages seen */
};

struct verify {
	struct arena *arena;
	str directory, files;
	struct database db;
	struct segments *segments;
	struct verify_report *report;
	struct known_content *known; /* ascending by id */
	size_t known_count, known_room;
	char *octets; /* for reading records */
	size_t octets_room;
	uint64_t batch_number, current_segment, current_offset, next_content_id;
};

/* Lists a problem; the last arguments say where. */
void verify_add(struct verify *v, const char *kind, bool repairable, const char *what, const char *where, ...)
	__attribute__((format(printf, 5, 6)));

/* Each row of content against its record and file; fills v->known. */
err verify_contents(struct verify *v) MUST_USE;

/* NULL: not known. */
struct known_content *verify_known(const struct verify *v, uint64_t content_id);

#endif
