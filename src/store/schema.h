/* store/schema.h: the tables.
 *
 * Rules that keep a second engine possible: 64-bit ids with the node in the high bits; no statement joins
 * rows of two accounts; every account table has account_id first in its key; times are BIGINT milliseconds;
 * $1 parameters, ON CONFLICT only, no rowid, no implicit order. The accepting transaction touches one row of
 * content, one of message a mailbox, one of mailbox, one of queue a remote recipient; there is no secondary
 * index over random keys. content_free and queue_due are partial: only contents that nothing names pay for
 * the one, only recipients that wait for another try for the other.
 *
 * A new database takes all steps, one of an older program those that it lacks, in one transaction: so both
 * are the same. A step never changes once it was released.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

/* schema_steps[n] leads from version n to n + 1. */
static const char *const schema_steps[] = {
	/* 1 */
	"CREATE TABLE content (content_id INTEGER PRIMARY KEY, segment BIGINT NOT NULL, offset BIGINT NOT "
	"NULL,"
	" content_at BIGINT NOT NULL, size BIGINT NOT NULL, flags BIGINT NOT NULL, refs BIGINT NOT NULL,"
	" freed_ms BIGINT NOT NULL);"
	"CREATE INDEX content_free ON content (freed_ms) WHERE refs = 0;"
	"CREATE TABLE message (account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
	" content_id BIGINT NOT NULL, modseq BIGINT NOT NULL, flags BIGINT NOT NULL, received_ms BIGINT NOT "
	"NULL,"
	" size BIGINT NOT NULL, prefix_at BIGINT NOT NULL, prefix_size BIGINT NOT NULL,"
	" PRIMARY KEY (account_id, mailbox_id, uid)) WITHOUT ROWID;"
	"CREATE TABLE mailbox (account_id BIGINT NOT NULL, mailbox_id BIGINT NOT NULL, name TEXT NOT NULL,"
	" uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL, messages BIGINT NOT "
	"NULL,"
	" octets BIGINT NOT NULL, PRIMARY KEY (account_id, mailbox_id)) WITHOUT ROWID;"
	"CREATE TABLE domain (name TEXT NOT NULL PRIMARY KEY, created_ms BIGINT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE account (account_id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, name TEXT NOT "
	"NULL,"
	" password TEXT NOT NULL, quota_octets BIGINT NOT NULL, suspended BIGINT NOT NULL,"
	" suspended_ms BIGINT NOT NULL, created_ms BIGINT NOT NULL);"
	"CREATE TABLE alias (address TEXT NOT NULL PRIMARY KEY, created_ms BIGINT NOT NULL, targets BLOB NOT "
	"NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE pending (pending_id BIGINT NOT NULL PRIMARY KEY, kind BIGINT NOT NULL, account_id "
	"BIGINT NOT NULL,"
	" mailbox_id BIGINT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE segment (number BIGINT NOT NULL PRIMARY KEY, live_octets BIGINT NOT NULL) WITHOUT "
	"ROWID;"
	"CREATE TABLE batch (node BIGINT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, segment BIGINT NOT "
	"NULL,"
	" offset BIGINT NOT NULL, next_content_id BIGINT NOT NULL, next_account_id BIGINT NOT NULL) WITHOUT "
	"ROWID;",
	/* 2: apps. used_* and failed_* stand here alone, in no record (store/app.h). */
	"CREATE TABLE app (account_id BIGINT NOT NULL, name TEXT NOT NULL, verifier TEXT NOT NULL,"
	" froms BLOB NOT NULL, limit_count BIGINT NOT NULL, limit_period_s BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL, used_from TEXT NOT NULL,"
	" failed_ms BIGINT NOT NULL, failed_from TEXT NOT NULL,"
	" PRIMARY KEY (account_id, name)) WITHOUT ROWID;",
	/* 3: routes of outbound mail (store/route_entry.h) */
	"CREATE TABLE route (name TEXT NOT NULL PRIMARY KEY, details BLOB NOT NULL,"
	" created_ms BIGINT NOT NULL) WITHOUT ROWID;",
	/* 4: the queue (store/queue.h). due_ms is NULL until the first attempt has failed. */
	"CREATE TABLE queue (queue_id INTEGER PRIMARY KEY, domain TEXT NOT NULL, reverse_domain TEXT NOT "
	"NULL,"
	" sender BIGINT NOT NULL, lane BIGINT NOT NULL, held BIGINT NOT NULL, tries BIGINT NOT NULL,"
	" received_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, due_ms BIGINT, path_at BIGINT NOT NULL,"
	" path_size BIGINT NOT NULL, delay_told BIGINT NOT NULL, reply TEXT NOT NULL);"
	"CREATE INDEX queue_due ON queue (due_ms, queue_id) WHERE due_ms IS NOT NULL AND held = 0;",
	/* 5: what outlives a restart beside mail (store/note.h), in no record either */
	"CREATE TABLE note (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
};

enum { SCHEMA_VERSION = sizeof schema_steps / sizeof schema_steps[0] };

#endif
