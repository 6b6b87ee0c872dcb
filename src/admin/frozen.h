/* admin/frozen.h: is sending stopped? A file data_dir/frozen says so, so that it outlives restarts and can be
 * told with and without a server. Blocks; not for a loop.
 */
#ifndef ADMIN_FROZEN_H
#define ADMIN_FROZEN_H

#include "base/arena.h"
#include "base/err.h"

/* Durable when it returns. Setting what is set already is no error. ERR_MISSING there is no data_dir ERR_IO,
 * ERR_NOSPACE */
err frozen_set(struct arena *arena, str data_dir, bool frozen) MUST_USE;

/* Where it can't be known the answer is yes: a queue that waits harms nobody. */
bool frozen_get(struct arena *arena, str data_dir);

#endif
