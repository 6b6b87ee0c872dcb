/* store/batch.h: one batch of the committer, and what each kind of operation does in it. Private to store/.
 *
 * Each operation goes through three steps, in this order for all operations of the batch:
 *   reserve  in memory: checks, UIDs, MODSEQ, quota, the record's octets. Failing takes this operation out,
 * nothing is left of it. Reads rows at most. apply    statements inside the transaction. Failing fails the
 * batch. settle   after COMMIT (ok) or after a failure (not ok): counters, answers, files.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "store/commit.h"
#include "store/directory_work.h"
#include "store/mailbox_state.h"
#include "store/record.h"
#include "store/store_internal.h"

/* One operation on its way. */
struct planned {
	struct commit *commit;
	struct commit_op *op;
	void *plan; /* what reserve notes for apply and settle; in the batch's arena */
};

/* A message's own file on its way from spool/ to files/. */
struct file_move {
	struct file_move *next;
	struct draft *draft;
	uint64_t content_id;
	bool moved;
};

/* What an account has less once the batch is durable. */
struct count_out {
	struct count_out *next;
	uint64_t account_id, messages, octets;
};

/* Ids and places that go on from batch to batch; written as one row with each. */
struct batch_tail {
	uint64_t number;
	uint64_t segment, offset; /* where the next record goes */
	uint64_t next_content_id, next_account_id;
};

struct batch {
	struct store *store;
	struct database *db;
	struct mailbox_states *mailboxes;
	struct directory_work *directory;
	struct pending_list *pending;
	struct arena arena;
	struct batch_tail tail; /* as it becomes */
	uint64_t begin_offset;  /* of this batch's records */
	uint64_t live_added;    /* octets of records that something names */
	struct iovec *parts;    /* the records, in order */
	size_t part_count, part_room;
	struct file_move *moves;
	struct count_out *counts; /* messages removed, newest first */
	bool directory_changed;
	err spoiled; /* something half done that can't be taken back alone: the batch fails */
	int64_t now_ms;
};

/* Appends octets to the batch's records; they must live until the batch is written. ERR_NOSPACE. */
err batch_add_part(struct batch *b, str octets) MUST_USE;

/* Begins a record of `h` with intent and summary: its front is formatted and appended; *offset is where it
 * begins. The content's runs follow by batch_add_part, then batch_end_record pads. */
err batch_begin_record(struct batch *b, struct record_head *h, str intent, str summary,
                       uint64_t *offset) MUST_USE;
err batch_end_record(struct batch *b, const struct record_head *h) MUST_USE;

struct op_steps {
	err (*reserve)(struct batch *b, struct planned *p);
	err (*apply)(struct batch *b, struct planned *p);
	void (*settle)(struct batch *b, struct planned *p, bool ok);
};

extern const struct op_steps deliver_steps, attempt_steps, note_steps, expunge_steps, directory_steps,
	move_steps, collect_steps;

/* Puts one row of the directory into its table: for a change, and for rebuilding from records. */
err batch_put_row(struct batch *b, const struct directory_row *row) MUST_USE;

/* --- operations whose rows go in pieces (commit_pending.c) --- */

struct pending_list;

enum pending_kind { PENDING_EXPUNGE = 1, PENDING_ACCOUNT = 2 };

err pending_load(struct database *db, struct pending_list **out) MUST_USE;
void pending_free(struct pending_list *list);
bool pending_any(const struct pending_list *list);

/* The row that publishes it: in effect from the batch's COMMIT on. */
err pending_add(struct batch *b, enum pending_kind kind, uint64_t account_id, uint64_t mailbox_id,
                str data) MUST_USE;

/* Inside the transaction: up to LIMIT_BATCH_ROWS rows of the oldest; removes its row with the last one. */
err pending_apply_piece(struct batch *b) MUST_USE;
void pending_settle(struct batch *b, bool ok);

/* Removes one message row, unnames its content, counts it out of its mailbox. False in *found: it was not
 * there. */
err batch_remove_message(struct batch *b, uint64_t account_id, uint64_t mailbox_id, uint32_t uid,
                         bool *found) MUST_USE;

/* Notes that an account holds one message of `size` octets less; counted when the batch is settled. */
err batch_count_out(struct batch *b, uint64_t account_id, uint64_t size) MUST_USE;

/* --- files of their own (content_file.c) --- */

/* "FILES/<id / 4096>/<id>" */
void content_file_path(str files, uint64_t content_id, char *out, size_t size);
err content_file_prepare(struct batch *b,
                         struct file_move *move) MUST_USE; /* renames; the folders exist then */
void content_file_undo(struct batch *b, struct file_move *move);
/* Makes the renames of a list durable: one fsync a folder. */
err content_files_sync(struct store *store, const struct file_move *moves) MUST_USE;
/* At start: removes files of contents from `next_content_id` on, which no commit names; empties spool/. */
err content_files_recover(struct store *store, uint64_t next_content_id) MUST_USE;

#endif
