/* admin/queue_walk.h: rows of the queue, page by page, as far as a filter wants them. Worker threads and
 * commands; reads the disk.
 */
#ifndef ADMIN_QUEUE_WALK_H
#define ADMIN_QUEUE_WALK_H

#include "admin/operation.h"
#include "store/queue.h"

struct queue_named {
	str message_id;
	uint64_t queue_id; /* 0: all recipients of the message */
};

/* Which rows are meant; all that is said has to hold. All zero: every one. */
struct queue_filter {
	const struct queue_named *named;
	size_t named_count;
	str domain;        /* where it goes, normalised */
	str sender;        /* address of the reverse-path, normalised */
	str sender_domain; /* its domain */
	bool by_lane;
	enum queue_lane lane;
};

/* Recipients of one message that the filter wants. */
struct queue_group {
	const struct queue_message *message; /* open while it is visited */
	const struct queue_row *rows;
	const struct queue_recipient *recipients; /* beside rows */
	size_t count;
	str header_id; /* Message-ID; empty: it has none */
	str subject;   /* as it is written */
};

/* Arguments "ids", "domain", "sender" and "lane" of an operation. ERR_SYNTAX with a sentence. */
err queue_filter_read(struct operation_call *call, struct queue_filter *out) MUST_USE;

/* Visits the groups of the next rows behind *after that are wanted, at most LIMIT_BATCH_ROWS, and sets *after
 * to where to go on, 0 at the end. A message whose record is damaged is visited with the id "damaged" and
 * without paths. What a group holds lives until `visit` returns. ERR_MISSING: a row that was named is not
 * there. */
err queue_walk(struct operation_call *call, const struct queue_filter *filter, uint64_t *after,
               err (*visit)(void *user, const struct queue_group *group), void *user) MUST_USE;

#endif
