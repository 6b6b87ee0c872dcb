/* deliver/notice.h: a notice to a sender (bounce/dsn.h) as a message of ours: composed, with its original,
 * and with the operation that delivers it: into the sender's mailbox here, or into the queue with the null
 * reverse-path.
 *
 * An alias that leads to another server takes it there. Where the sender is an address of ours that nobody
 * has, and where the original has the null reverse-path, a failure is told to postmaster, in a mailbox here;
 * a notice that nobody takes is not made, so that no notice is ever about a notice to postmaster. Worker
 * thread; it reads the original and may write a spool file.
 *
 * RFC 3461 §6.1; RFC 5321 §4.5.5, §6.1.
 */
#ifndef DELIVER_NOTICE_H
#define DELIVER_NOTICE_H

#include "deliver/original.h"
#include "store/commit.h"

/* Whose share of a site notices take (struct queue_envelope). */
#define NOTICE_SENDER UINT64_C(1)

struct notice_options {
	struct store *store;
	str hostname;        /* ours */
	str srs_key;         /* of the addresses that we forward with; empty: there are none */
	int64_t lifetime_ms; /* for which a notice is tried to be sent */
	bool to_postmaster;  /* the sender's mailbox did not take it, the store said so (ERR_QUOTA,
	                        ERR_MISSING):  make it for postmaster */
};

/* All zero is legal. */
struct notice {
	struct draft *draft;
	str to;              /* who is told */
	struct commit_op op; /* COMMIT_DELIVER; deliver.event is the caller's to fill */
};

/* The original's header or all of it goes along. Everything lives in
 * `arena`. *made = false: nobody is to be told.
 * ERR_NOSPACE, ERR_IO, ERR_BUSY: try again later   ERR_LIMIT, ERR_CORRUPT: never */
err notice_make(const struct notice_options *options, struct arena *arena, const struct dsn *dsn,
                const struct original_source *original, struct notice *out, bool *made) MUST_USE;

/* Fills Message-ID and subject of the original from its summary (mime/summary.h); they stay empty where it
 * does not have them. Any thread. */
void notice_name_original(struct arena *arena, str summary, struct dsn *dsn);

/* Appends the line of EV_DSN_MADE: whom the notice tells, and about how many recipients of which message. */
void notice_report(struct buf *out, const struct dsn *dsn, const struct notice *notice);

/* After the commit, or without one. */
void notice_fini(struct notice *notice);

#endif
