/* store/note.h: small things that outlive a restart and are no mail: how long a site is left alone, what was
 * sent in a route's period. They stand in the database alone: a rebuild from segments begins without them,
 * which costs a try at most. Written by COMMIT_NOTE (store/commit.h); keys begin with what they are about.
 */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

#include "base/arena.h"
#include "base/err.h"

struct store;

struct note {
	str key;   /* 1..LIMIT_NOTE_KEY octets */
	str value; /* <= LIMIT_NOTE_VALUE; empty: there is none, which removes it */
};

/* Notes whose keys begin with `prefix`, those after the key `after` (empty: from the first), ascending by
 * octets: at most `room` and LIMIT_READ_ROWS; *count is how many, 0 at the end. Texts live in `arena`. For
 * worker threads and commands. */
err note_read(struct store *store, struct arena *arena, str prefix, str after, struct note *notes,
              size_t room, size_t *count) MUST_USE;

#endif
