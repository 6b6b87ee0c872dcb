/* store/commit.h: the one way in which anything changes in the store.
 *
 * A writer fills a struct commit with typed operations, plain data, and hands it over; the committer takes
 * many commits in one batch, reserves UIDs, MODSEQs and quota, writes and syncs once for all, and answers. A
 * result OK means durable: it has survived the sync. Each operation has its own result and its own failure;
 * one that can't be done (quota, mailbox gone) is taken out before anything is written and never harms its
 * neighbours. The operations of one commit are in one transaction.
 *
 * No callback runs inside a transaction, and nobody outside store/ sees SQL: this struct is what a second
 * engine is held against (tests/store).
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "base/err.h"
#include "base/str.h"
#include "net/loop.h"
#include "store/queue.h"

struct store;
struct draft;
struct note;
struct route_entry;

enum commit_kind {
	COMMIT_DELIVER,   /* a message into mailboxes, and into the queue for remote recipients */
	COMMIT_EXPUNGE,   /* messages out of one mailbox, all at once */
	COMMIT_ATTEMPT,   /* how recipients fared that were to be sent, or what a person wants with them */
	COMMIT_NOTE,      /* small things that outlive a restart (store/note.h) */
	COMMIT_DIRECTORY, /* one domain, account, alias, app or route put, changed or removed */
	COMMIT_MOVE,      /* compaction: records have a new place */
	COMMIT_COLLECT,   /* contents that nothing names any more */
};

/* One mailbox row of a delivery. */
struct deliver_target {
	uint64_t account_id;
	uint64_t mailbox_id; /* MAILBOX_INBOX or another of the account's */
	uint64_t flags;      /* MESSAGE_SEEN, ... (store/mailbox.h) */
	str prefix;          /* whole header fields with CRLF, <= LIMIT_PREFIX; frozen here */
	/* answers */
	uint32_t uid;
	err result; /* why the whole delivery failed, at the target that is to blame */
};

/* One row of the queue. */
struct queue_target {
	str forward_path; /* without brackets, as RCPT takes it; <= LIMIT_PATH */
	str domain;       /* where it goes: a normalised name, or "[192.0.2.1]" */
	bool has_reverse_path;
	str reverse_path;   /* its own, of a forward */
	str reverse_domain; /* normalised, of the reverse-path that it is sent with; empty: null */
	str orcpt;          /* decoded; empty: none; <= LIMIT_ORCPT */
	uint8_t notify;     /* QUEUE_NOTIFY_... */
	/* answer */
	uint64_t queue_id;
};

/* One message, stored once, in mailboxes, in the queue, or both, 1..LIMIT_TARGETS rows in all: every one of
 * them or, at the first failure, none. */
struct deliver {
	struct draft *draft; /* complete, and synced where it is a file; the draft stays the caller's to free,
	                        after done */
	str id;              /* the message's id in logs and Received, [0-9A-Za-z], <= 32 octets */
	str reverse_path;    /* without brackets; empty: null */
	str summary;         /* mime/summary.h */
	int64_t received_ms; /* internal date */
	struct deliver_target *targets;
	size_t target_count;
	struct queue_target *queue;
	size_t queue_count;
	struct queue_envelope envelope; /* of those in the queue */
	str event;                      /* its line for the event files (log_format), or empty */
};

/* Messages leave a mailbox together: any number, one sync, never half of them. UIDs that are not there (any
 * more) are passed over. */
struct expunge {
	uint64_t account_id;
	uint64_t mailbox_id;
	const uint32_t *uids; /* ascending */
	size_t uid_count;
	str event;
};

enum attempt_kind {
	ATTEMPT_DONE,    /* delivered or given up: the row goes */
	ATTEMPT_WAIT,    /* failed for now: one more try is counted, the next one is at due_ms */
	ATTEMPT_DUE,     /* nothing is counted, the next one is at due_ms */
	ATTEMPT_HOLD,    /* until it is released */
	ATTEMPT_RELEASE, /* next at due_ms */
};

struct attempt {
	uint64_t queue_id;
	enum attempt_kind kind;
	int64_t due_ms;  /* > 0 */
	str reply;       /* of WAIT, DUE: the last one, of which LIMIT_QUEUE_REPLY octets are kept */
	bool delay_told; /* of WAIT: its sender hears of the delay now */
	err result;      /* answer: ERR_MISSING: there is no such row any more */
};

/* Any number up to LIMIT_BATCH_ROWS; one that is gone does not harm the others. */
struct attempts {
	struct attempt *items;
	size_t count;
	str event;
};

/* Each is put in place of the one with its key, or removed: all of them or, with ERR_LIMIT, none. */
struct notes {
	const struct note *items;
	size_t count; /* <= LIMIT_BATCH_ROWS */
};

enum directory_change_kind {
	DIRECTORY_DOMAIN_ADD,    /* name; ERR_EXISTS */
	DIRECTORY_DOMAIN_REMOVE, /* name; ERR_MISSING; ERR_DENIED while accounts or aliases are in it, or apps
	                            send from it */
	DIRECTORY_ACCOUNT_ADD,   /* name, display_name, password, quota; ERR_MISSING no such domain;
	                            ERR_EXISTS also where an alias has that address */
	DIRECTORY_ACCOUNT_REMOVE, /* name: with all its mail and apps; ERR_MISSING; ERR_DENIED while an alias
	                             names it */
	DIRECTORY_ACCOUNT_RENAME, /* name, new_name: aliases that name it follow, and its apps send from the
	                             new one where they did from the old; ERR_MISSING, ERR_EXISTS */
	DIRECTORY_ACCOUNT_NAME,   /* display_name */
	DIRECTORY_ACCOUNT_PASSWORD, /* password */
	DIRECTORY_ACCOUNT_STATE,    /* suspended */
	DIRECTORY_ACCOUNT_QUOTA,
	DIRECTORY_ALIAS_PUT,    /* name (address or @domain), targets: replaces; ERR_MISSING, ERR_EXISTS an
	                           account */
	DIRECTORY_ALIAS_REMOVE, /* name; ERR_MISSING */
	DIRECTORY_APP_ADD,      /* name: its account, app_name, password, targets: from addresses, limit_*;
	                           ERR_MISSING no such account; ERR_EXISTS; ERR_LIMIT over LIMIT_APPS,
	                           LIMIT_APP_FROMS, LIMIT_APP_NAME; ERR_SYNTAX no app_name or no address */
	DIRECTORY_APP_PASSWORD, /* name, app_name, password; ERR_MISSING */
	DIRECTORY_APP_SENDING,  /* name, app_name, targets, limit_*: the new ones; errors of APP_ADD's */
	DIRECTORY_APP_REMOVE,   /* name, app_name; ERR_MISSING */
	DIRECTORY_ROUTE_PUT,    /* name: its key, route: replaces; ERR_LIMIT over LIMIT_ROUTES,
	                           LIMIT_ROUTE_HOSTS;    ERR_SYNTAX */
	DIRECTORY_ROUTE_REMOVE, /* name: its key; ERR_MISSING */
};

struct directory_change {
	enum directory_change_kind kind;
	str name;     /* normalised (deliver/address.h): a domain, an address, @domain, or route_key */
	str new_name; /* of a rename */
	str display_name;
	str password; /* the text that knows it: of an account auth/password.h, of an app auth/secret.h */
	uint64_t quota_octets; /* 0: none */
	bool suspended;
	const str *targets; /* normalised addresses; those of an app also @domain */
	size_t target_count;
	str app_name;         /* [a-z0-9-], unique in its account */
	uint32_t limit_count; /* recipients in limit_period_s; 0: no limit */
	uint32_t limit_period_s;
	const struct route_entry *route;
	uint64_t account_id; /* answer, of an account's and an app's changes */
	str event;
};

/* One content's new place. A content that was collected meanwhile is passed over. */
struct content_move {
	uint64_t content_id;
	uint64_t from_segment, segment, offset;
};

struct commit_op {
	enum commit_kind kind;
	err result;       /* the sentence is a literal or lives in the commit's arena */
	bool with_former; /* not without the operation before it in the commit: it shares its failure */
	union {
		struct deliver deliver;
		struct expunge expunge;
		struct attempts attempts;
		struct notes notes;
		struct directory_change directory;
		struct {
			const struct content_move *moves;
			size_t count; /* <= LIMIT_BATCH_ROWS */
			uint64_t from_segment, segment;
			uint64_t directory_octets; /* of directory records that moved along */
		} move;
		struct {
			const uint64_t *content_ids;
			size_t count; /* <= LIMIT_BATCH_ROWS */
			int64_t freed_before_ms;
			uint64_t drop_segment; /* a sealed segment that nothing points into; 0: none */
		} collect;
	};
};

struct commit {
	struct post post;    /* private until done; the answer travels to `loop` in it */
	struct commit *next; /* private */
	struct loop *loop;   /* where done runs; NULL: on the committer's own thread, then it must be quick */
	void (*done)(struct commit *commit);
	void *user; /* the caller's; store_commit_wait uses it */
	/* For error sentences; may be NULL. The committer uses it between submit and done. */
	struct arena *arena;
	struct commit_op *ops;
	size_t op_count;
	bool urgent; /* mail being accepted: goes before the others */
};

/* Any thread. Hands over; `commit` and all it points to stay untouched by the caller until done. Never fails:
 * where the store can't take it the operations say so (ERR_BUSY, ERR_NOSPACE, ERR_IO). */
void store_commit(struct store *store, struct commit *commit);

/* Any thread but a loop's or the committer's: submits and waits. For commands and tests. */
void store_commit_wait(struct store *store, struct commit *commit);

#endif
