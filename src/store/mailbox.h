/* store/mailbox.h: reading mailboxes and messages.
 *
 * Worker threads (WORK_READ, or WORK_BULK for many pages) and commands; it may read the disk. No read
 * transaction outlives LIMIT_READ_ROWS rows: rows are copied out, then used.
 */
#ifndef STORE_MAILBOX_H
#define STORE_MAILBOX_H

#include "base/arena.h"
#include "base/err.h"

struct store;

#define MAILBOX_INBOX 1u /* mailbox_id of every account's INBOX */

/* System flags (RFC 9051 §2.3.2), bits of message flags. */
#define MESSAGE_SEEN 1u
#define MESSAGE_ANSWERED 2u
#define MESSAGE_FLAGGED 4u
#define MESSAGE_DELETED 8u
#define MESSAGE_DRAFT 16u

/* No flag that a client sees or sets: the message came with SMTPUTF8 (RFC 6531) and has UTF-8 where RFC 5322
 * has ASCII; who can't read that gets a surrogate (RFC 6858). */
#define MESSAGE_SMTPUTF8 0x10000u

struct mailbox_status {
	uint32_t uidvalidity; /* never 0 (RFC 9051 §2.3.1.1) */
	uint32_t uidnext;
	uint64_t modseq;
	uint64_t messages;
	uint64_t octets; /* prefix and content of all its messages */
};

struct mailbox_row {
	uint32_t uid;
	uint32_t flags;
	uint64_t size; /* prefix and content */
	int64_t received_ms;
};

/* ERR_MISSING: no such mailbox. Of more than LIMIT_BATCH_ROWS messages expunged at once, `messages` and
 * `octets` count those whose rows are still going, for the moment that takes; rows and messages are gone at
 * once. */
err mailbox_get_status(struct store *store, uint64_t account_id, uint64_t mailbox_id,
                       struct mailbox_status *out) MUST_USE;

/* The rows with uid > after_uid, ascending, at most `room` and LIMIT_READ_ROWS of them; *count is how many, 0
 * at the end. */
err mailbox_read_rows(struct store *store, uint64_t account_id, uint64_t mailbox_id, uint32_t after_uid,
                      struct mailbox_row *rows, size_t room, size_t *count) MUST_USE;

/* A message as a person sees it: prefix, then content, which is a range of a file that stays readable until
 * message_close, whatever is expunged or compacted meanwhile. */
struct message {
	str prefix; /* in the arena given */
	int fd;     /* content is fd[offset .. offset+size) */
	uint64_t offset;
	uint64_t size;
	struct content_handle *handle; /* private */
};

/* The only place that joins prefix and content. ERR_MISSING: expunged meanwhile. ERR_CORRUPT: the record is
 * damaged (logged as store.damaged). */
err message_open(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                 uint32_t uid, struct message *out) MUST_USE;

/* The same for several of one mailbox, `uids` ascending, with one look at the database for all: a third of
 * the time. They are opened in this order until one can't be, the time is up or 32 are; says how many were.
 */
size_t message_open_some(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                         const uint32_t *uids, size_t count, int64_t end_tick_ms, struct message *out);

/* Any thread. */
void message_close(struct message *message);

/* The encoded summary (mime/summary.h), in `arena`. ERR_MISSING, ERR_CORRUPT. */
err message_read_summary(struct store *store, struct arena *arena, uint64_t account_id, uint64_t mailbox_id,
                         uint32_t uid, str *out) MUST_USE;

#endif
