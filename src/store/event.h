/* store/event.h: what happened, in append-only day files, for `trace`.
 *
 * A line is what log_format made: one JSON object with "time" and "event". Lines of a commit are written with
 * its batch, after it is durable; others (a refused recipient) are handed over here and written with the next
 * batch. They describe, they promise nothing: what an acknowledgement depends on is in the records.
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct store;

/* Any thread. Copies `line`; dropped and counted where too many wait. */
void event_append(struct store *store, str line);

/* Calls `found` with each line, oldest first, that contains `needle` in one of its string values (whole
 * lines, the newline not included), over all day files of the data directory; `found` returns false to stop.
 * Needs no open store. Blocks: commands and WORK_BULK. */
err event_search(struct arena *arena, str directory, str needle, bool (*found)(str line, void *user),
                 void *user) MUST_USE;

#endif
