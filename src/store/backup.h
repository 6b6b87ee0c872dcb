/* store/backup.h: a copy of the store as it was at one commit, and a store made from such a copy.
 *
 * A backup is a folder like the data directory: postrider.db, segments/, files/, events/. What never changes
 * again (sealed segments, files) is linked where it stands on the same file system, the rest copied. It is
 * made by the command's own process, with or without a server, while hold.lock keeps checkpoints and
 * compaction away (store/hold.h). Not in it: what is still arriving, spool/ and quarantine/.
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

/* Everything that was committed before the call, and perhaps more, into the folder `to`, which appears under
 * its name only when it is whole and synced; before, it is called `to`.partial.
 * ERR_EXISTS `to` or `to`.partial holds something   ERR_MISSING no store   ERR_CORRUPT a segment or file that
 * rows name is gone or too short   ERR_BUSY   ERR_DENIED written by a newer postrider   ERR_IO, ERR_NOSPACE
 */
err store_backup(struct arena *arena, str directory, str to, struct backup_report *out) MUST_USE;

/* Makes the store of `directory` from the backup `from`; the caller holds its lock (store_lock). All is
 * copied, checked against the rows and synced before it takes its place. UIDNEXT and HIGHESTMODSEQ of every
 * mailbox, and the ids of accounts and contents, go up by 2^20: what was given after the backup was made is
 * never given to something else (RFC 9051 §2.3.1.1). A restore that was cut short may be run again.
 * ERR_EXISTS there is a store   ERR_MISSING `from` is no backup   the others as above */
err store_restore(struct arena *arena, str from, str directory, struct backup_report *out) MUST_USE;

/* ERR_CORRUPT where a restore into `directory` did not come to its end: it must not be served. */
err restore_check(struct arena *arena, str directory) MUST_USE;

#endif
