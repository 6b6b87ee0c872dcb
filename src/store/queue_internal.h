/* store/queue_internal.h: rows of the queue as the committer writes them. Private to store/. */
#ifndef STORE_QUEUE_INTERNAL_H
#define STORE_QUEUE_INTERNAL_H

#include "store/batch.h"
#include "store/intent.h"

static inline uint64_t queue_id_of(uint64_t content_id, size_t i)
{
	static_assert(LIMIT_TARGETS < 1u << QUEUE_ID_BITS, "a recipient's number fits its queue id");
	return content_id << QUEUE_ID_BITS | i;
}

/* Whether the texts are as short as their readers take them; ERR_LIMIT. */
err queue_check_size(const struct deliver *d) MUST_USE;

/* Inside the transaction: one row for each of d->queue, whose places in the intent are known. */
err queue_add_rows(struct database *db, const struct deliver *d, uint64_t content_id,
                   const struct intent_recipient *places) MUST_USE;

/* After COMMIT: answers their ids and tells who listens. */
void queue_tell_new(struct batch *b, struct deliver *d, uint64_t content_id);

#endif
