/* store/draft.h: the content of one message while it arrives.
 *
 * Octets are gathered in memory; past LIMIT_RECORD_CONTENT (or from the first octet, when all drafts together
 * hold their share of memory already) they go to a file in spool/ in pieces, by a worker, so that a message
 * of any size passes in LIMIT_MESSAGE_MEMORY. One owner, one thread at a time: the loop, or the worker it was
 * lent to.
 */
#ifndef STORE_DRAFT_H
#define STORE_DRAFT_H

#include "base/err.h"
#include "base/str.h"

struct store;
struct draft;

/* ERR_NOSPACE. */
err draft_new(struct store *store, struct draft **out) MUST_USE;

/* Appends a copy. ERR_NOSPACE: the message can't be taken; free the draft. */
err draft_add(struct draft *draft, str octets) MUST_USE;

/* Enough is gathered that draft_write must run before more is added. */
bool draft_must_write(const struct draft *draft);

/* Worker thread. Writes what is gathered to the spool file, making it at first. ERR_NOSPACE, ERR_IO. */
err draft_write(struct draft *draft) MUST_USE;

/* No more octets come. Returns whether draft_sync must run (on a worker) before the commit. */
bool draft_finish(struct draft *draft);

/* Worker thread. Writes the rest and syncs the file. ERR_NOSPACE, ERR_IO. */
err draft_sync(struct draft *draft) MUST_USE;

/* Octets added so far. */
uint64_t draft_size(const struct draft *draft);

/* The runs of octets still in memory, in order: begin with *at = NULL; false at the end. What was written to
 * the file is not among them: whoever reads along (the summary) does so before draft_write. */
bool draft_next_run(const struct draft *draft, const void **at, str *run);

/* Forgets the octets and removes the spool file unless a commit took it. NULL is legal. */
void draft_free(struct draft *draft);

#endif
