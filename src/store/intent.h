/* store/intent.h: what a commit meant to do, as it stands in its record: enough to do it again. Pure.
 *
 * A message's intent: its id, reverse-path, time, and each mailbox row with UID, flags and prefix. The prefix
 * of a row is read from here (the row holds its place), so that rows stay small. A directory record's intent:
 * the rows that a change made or removed, whole. Numbers are LEB128, texts are counted. A message's intent
 * begins with a format number: 1 has mailboxes alone, 2 an envelope and remote recipients too. Each row of
 * the directory begins with its kind in the low 8 bits and its layout above: layout 0 ends with the targets,
 * layout 1 goes on with the limit of an app, layout 2 with the details of a route. Every one stays readable.
 */
#ifndef STORE_INTENT_H
#define STORE_INTENT_H

#include "base/buf.h"
#include "store/queue.h"

struct intent_target {
	uint64_t account_id, mailbox_id, modseq, flags;
	uint32_t uid;
	str prefix;
	uint32_t prefix_at; /* of the prefix's first octet, counted from the first octet of the intent */
};

struct intent_message {
	str id, reverse_path;
	int64_t received_ms;
	size_t target_count;
	size_t queue_count; /* remote recipients; 0: there is no envelope */
	struct queue_envelope envelope;
};

/* One remote recipient. Its text in the intent is read back alone, so it stands for itself. */
struct intent_recipient {
	str forward_path, domain, reverse_domain, orcpt;
	bool has_reverse_path;
	str reverse_path;
	uint8_t notify;
	uint32_t at, size; /* of it in the intent */
};

/* Writes the front of a message's intent; then one intent_add_target for each of `target_count` and one
 * intent_add_recipient for each of `queue_count`. */
void intent_add_message(struct buf *out, const struct intent_message *m);

/* Sets t->prefix_at; `start` is where the intent begins in `out`. */
void intent_add_target(struct buf *out, size_t start, struct intent_target *t);

/* Sets r->at and r->size; `start` as above. */
void intent_add_recipient(struct buf *out, size_t start, struct intent_recipient *r);

/* Takes the front from *in; ERR_CORRUPT. Then intent_next_target target_count times and intent_next_recipient
 * queue_count times. */
err intent_parse_message(str *in, struct intent_message *out) MUST_USE;
err intent_next_target(str intent, str *in, struct intent_target *out) MUST_USE;
err intent_next_recipient(str intent, str *in, struct intent_recipient *out) MUST_USE;

/* --- rows of the directory --- */

enum directory_row_kind {
	ROW_DOMAIN = 1,
	ROW_DOMAIN_GONE,
	ROW_ACCOUNT,
	ROW_ACCOUNT_GONE,
	ROW_ALIAS,
	ROW_ALIAS_GONE,
	ROW_MAILBOX,
	ROW_APP, /* from layout 1 on */
	ROW_APP_GONE,
	ROW_ROUTE, /* from layout 2 on */
	ROW_ROUTE_GONE,
};

/* One row as it became; which fields count depends on the kind. */
struct directory_row {
	enum directory_row_kind kind;
	uint64_t account_id;     /* account, account gone, mailbox, app, app gone */
	uint64_t mailbox_id;     /* mailbox */
	uint32_t uidvalidity;    /* mailbox */
	str name;                /* domain name; account, alias, mailbox or app: its address or name;
	                            route: its key */
	str display_name;        /* account */
	str password;            /* account, app: the text that knows it */
	uint64_t quota_octets;   /* account */
	bool suspended;          /* account */
	int64_t suspended_ms;    /* account */
	int64_t created_ms;      /* domain, account, alias, app, route */
	const str *targets;      /* alias: its targets; app: the addresses it sends from */
	size_t target_count;     /* <= LIMIT_ALIAS_TARGETS */
	uint32_t limit_count;    /* app: recipients in limit_period_s; 0: no limit */
	uint32_t limit_period_s; /* app */
	str details;             /* route: route_encode (store/route_entry.h) */
};

void intent_add_row(struct buf *out, const struct directory_row *row);

/* Takes one row from *in; false at the clean end; ERR_CORRUPT. Targets are put into `arena`. */
err intent_next_row(struct arena *arena, str *in, struct directory_row *out, bool *found) MUST_USE;

#endif
