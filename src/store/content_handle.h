/* store/content_handle.h: opening a content that a row names: of a mailbox or of the queue. Private to
 * store/. */
#ifndef STORE_CONTENT_HANDLE_H
#define STORE_CONTENT_HANDLE_H

#include "store/database.h"
#include "store/record.h"
#include "store/segment.h"

struct store;

/* Where a content's record is, as its row says. */
struct content_place {
	uint64_t content_id;
	uint64_t segment, offset, content_at, size, flags;
};

/* What keeps a message's octets readable: a reference to its segment, or a file of its own. */
struct content_handle {
	struct segment *segment;
	int fd;
};

/* fd[offset .. offset + size), until content_close. */
struct content_range {
	int fd;
	uint64_t offset, size;
	struct content_handle *handle;
};

/* Fills in the place of p->content_id. ERR_CORRUPT: there is no such content. */
err content_find(struct database *db, struct content_place *p) MUST_USE;

/* Reads the record's head and holds it against the row: a row that points into something else is found out
 * here. ERR_CORRUPT. */
err content_check_head(struct segment *segment, const struct content_place *p,
                       struct record_head *head) MUST_USE;

/* The same of octets that were read: at least RECORD_HEAD_SIZE. */
err content_parse_head(str octets, const struct content_place *p, struct record_head *head) MUST_USE;

err content_open(struct store *store, const struct content_place *p, struct segment *segment,
                 struct content_range *out) MUST_USE;

/* Any thread. NULL is legal. */
void content_close(struct content_handle *handle);

#endif
