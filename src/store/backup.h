/* store/backup.h: a copy of the store as it was at one commit, and a store made from such a copy.
 *
 * A backup is a folder like the data directory: postrider.db, segments/, files/, events/, auth.key,
 * auth.pairs. What never changes again (sealed segments, files) is linked where it stands on the same file
 * system, the rest copied. It is made by the command's own process, with or without a server, while hold.lock
 * keeps checkpoints and compaction away (store/hold.h). Not in it: what is still arriving, spool/ and
 * quarantine/.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "base/arena.h"
#include "base/err.h"

struct backup_report {
	uint64_t messages, octets; /* in mailboxes */
	uint64_t segments, files;
	uint64_t copied_octets;
	uint64_t linked; /* segments and files that share their place with the store */
};

/* One backup under way, in the arena. It is begun and ended by who may write to the folder around `to`, and
 * filled by who may read the store; that can be one user, or root and the owner of `directory`. */
struct backup;

/* Makes the folder `to`.partial. ERR_EXISTS `to` or `to`.partial holds something   ERR_MISSING no store, or
 * no folder around `to`   ERR_CORRUPT restore_check's   ERR_DENIED, ERR_IO, ERR_NOSPACE */
err store_backup_begin(struct arena *arena, str directory, str to, struct backup **out) MUST_USE;

/* The path of `to`.partial, with a NUL. */
const char *store_backup_folder(const struct backup *backup);

/* Brings everything that was committed before the call, and perhaps more, and syncs it; empties the folder
 * where it fails. ERR_CORRUPT a segment or file that rows name is gone or too short   ERR_BUSY
 * ERR_DENIED written by a newer postrider, or not readable   ERR_IO, ERR_NOSPACE */
err store_backup_fill(struct backup *backup, struct backup_report *out) MUST_USE;

/* Gives the folder its name, durably. */
err store_backup_end(struct backup *backup) MUST_USE;

/* Instead of the end, where filling failed: takes the emptied folder away. */
void store_backup_abandon(struct backup *backup);

/* Makes the store of `directory` from the backup `from`; the caller holds its lock (store_lock). All is
 * copied, checked against the rows and synced before it takes its place. UIDNEXT and HIGHESTMODSEQ of every
 * mailbox, and the ids of accounts and contents, go up by 2^20: what was given after the backup was made is
 * never given to something else (RFC 9051 §2.3.1.1). A restore that was cut short may be run again.
 * ERR_EXISTS there is a store   ERR_MISSING `from` is no backup   the others as above */
err store_restore(struct arena *arena, str from, str directory, struct backup_report *out) MUST_USE;

/* ERR_CORRUPT where a restore into `directory` did not come to its end: it must not be served. */
err restore_check(struct arena *arena, str directory) MUST_USE;

#endif
