/* store/queue.h: what waits to be sent: one row a remote recipient.
 *
 * A message is accepted once, with its local mailboxes and its remote recipients (store/commit.h); each of
 * these has a row here until it is delivered or given up. What the row does not say stands in the record's
 * intent and is read when the recipient's turn comes. Rows that were never tried have no time; those that
 * wait for another try are found by theirs. Held ones are found by nobody but a person.
 *
 * A queue id is its content's id and the recipient's number within it, so that ids ascend as mail comes and
 * say which recipients belong together.
 *
 * Readers are for worker threads and commands; they may read the disk. No read transaction outlives
 * LIMIT_READ_ROWS rows.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

struct store;

enum { QUEUE_ID_BITS = 10 }; /* of the recipient's number */

static inline uint64_t queue_content_id(uint64_t queue_id) { return queue_id >> QUEUE_ID_BITS; }

enum queue_lane { QUEUE_TRANSACTIONAL, QUEUE_MARKETING };

enum queue_body { QUEUE_BODY_7BIT, QUEUE_BODY_8BIT, QUEUE_BODY_BINARY };

/* When a sender wants to be told (RFC 3461 §4.1); 0: it did not say. */
#define QUEUE_NOTIFY_NEVER 1u
#define QUEUE_NOTIFY_SUCCESS 2u
#define QUEUE_NOTIFY_FAILURE 4u
#define QUEUE_NOTIFY_DELAY 8u

/* What holds for all recipients of a message. All zero: nothing was said. */
struct queue_envelope {
	str envid; /* RFC 3461 §4.4, decoded; empty: none; <= LIMIT_ENVID */
	str login; /* who submitted it; empty: nobody logged in; <= LIMIT_PATH */
	char ret;  /* RFC 3461 §4.3: 'F' full, 'H' headers, 0 */
	enum queue_body body;
	bool smtputf8;
	bool forwarded;  /* came from elsewhere: not ours to change */
	int8_t priority; /* RFC 6710 */
	enum queue_lane lane;
	uint64_t sender; /* whose share of a site its recipients take: any number that is the same for the
	                    same one */
	int64_t hold_until_ms; /* RFC 4865: not before; 0: at once */
	int64_t expires_ms;    /* when it is given up */
	int64_t by_ms;         /* RFC 2852; */
	char by_mode;          /* 'R', 'N', or 0: not said */
	bool by_trace;
};

/* One row. Texts live in the reader's arena. */
struct queue_row {
	uint64_t queue_id, sender;
	str domain;         /* where it goes: a normalised name, or "[192.0.2.1]" */
	str reverse_domain; /* of its reverse-path; empty: null */
	int64_t received_ms, expires_ms;
	int64_t due_ms; /* 0: not tried yet */
	uint32_t tries;
	enum queue_lane lane;
	bool held;
};

/* Rows never tried and not held, with queue_id > after_id, ascending: at most `room` and LIMIT_READ_ROWS;
 * *count is how many, 0 at the end. */
err queue_read_fresh(struct store *store, struct arena *arena, uint64_t after_id, struct queue_row *rows,
                     size_t room, size_t *count) MUST_USE;

/* The same for rows that are due by `until_ms`, by time, after that time and id. */
err queue_read_due(struct store *store, struct arena *arena, int64_t until_ms, int64_t after_due_ms,
                   uint64_t after_id, struct queue_row *rows, size_t room, size_t *count) MUST_USE;

/* The first time after `after_ms` at which a row is due; INT64_MAX: none is. */
err queue_next_due(struct store *store, int64_t after_ms, int64_t *due_ms) MUST_USE;

/* How many rows are due by `until_ms`: a walk over their index, some 20 ms for a million. */
err queue_count_due(struct store *store, int64_t until_ms, uint64_t *count) MUST_USE;

/* All rows, those held too, with queue_id > after_id, ascending. */
err queue_read_all(struct store *store, struct arena *arena, uint64_t after_id, struct queue_row *rows,
                   size_t room, size_t *count) MUST_USE;

/* A message on its way; content is fd[offset .. offset + size) until queue_close. */
struct queue_message {
	str id;           /* the message's own (store/commit.h) */
	str reverse_path; /* without brackets; empty: null */
	struct queue_envelope envelope;
	int64_t received_ms;
	int fd;
	uint64_t offset, size;
	struct content_handle *handle; /* private */
};

struct queue_recipient {
	uint64_t queue_id;
	bool gone;        /* its row is not there any more; nothing else is said */
	str forward_path; /* as RCPT takes it, without brackets */
	str domain, reverse_domain;
	str reverse_path; /* that this recipient is sent with: the message's, or a forward's own */
	str orcpt;        /* "rfc822;ann@shop.example", decoded; empty: none */
	uint8_t notify;
	uint32_t tries;
	bool delay_told;
	str last_reply;
};

/* Opens one message for recipients of it; the ids are of one content. ERR_MISSING: the content is gone, and
 * so are all rows. ERR_CORRUPT: the record is damaged (logged). */
err queue_open(struct store *store, struct arena *arena, const uint64_t *queue_ids, size_t count,
               struct queue_message *out, struct queue_recipient *recipients) MUST_USE;

/* Any thread. */
void queue_close(struct queue_message *message);

/* The encoded summary of a message (mime/summary.h). ERR_MISSING, ERR_CORRUPT. */
err queue_read_summary(struct store *store, struct arena *arena, uint64_t queue_id, str *out) MUST_USE;

/* Before anything is committed. From here on `queued` hears of each message's new rows when they are durable,
 * on the committer's thread, before whoever waits for the commit; it is quick. Rows that are not to be sent
 * before a time have it as due_ms, all of a message the same. */
void store_on_queued(struct store *store,
                     void (*queued)(void *user, const struct queue_row *rows, size_t count), void *user);

#endif
