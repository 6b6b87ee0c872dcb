/* store/hold.h: how a backup keeps the server from taking away what it reads. Private to store/.
 *
 * DIRECTORY/hold.lock has one octet a kind of maintenance, locked by open file descriptions (F_OFD_SETLK):
 * shared by backups, exclusive by the maintenance thread for one round. The lock goes with its process, so
 * a backup that is killed holds nothing. Any thread.
 */
#ifndef STORE_HOLD_H
#define STORE_HOLD_H

#include "base/file.h"

enum hold {
	HOLD_CHECKPOINTS, /* while rows are copied */
	HOLD_COMPACTION,  /* until every segment and file is linked or copied */
};

/* For a backup: waits for a round that runs, at most a minute. Closing *out lets go. ERR_BUSY, ERR_IO. */
err hold_take(struct arena *arena, str directory, enum hold what, file *out) MUST_USE;

/* For maintenance: false while a backup holds it. Else *out is to be closed after the round; it is FILE_NONE
 * where the file could not be opened: maintenance goes on then, and a backup finds what it misses. */
bool hold_try(str directory, enum hold what, file *out) MUST_USE;

#endif
