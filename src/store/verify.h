/* store/verify.h: is the store sound, and making it sound again. Any process; blocks, may take minutes.
 *
 * verify reads only, also beside a running server: pages of at most LIMIT_READ_ROWS rows a transaction, and
 * what looks wrong is read again before it is called a problem, since messages go and records move
 * meanwhile. It reads every octet of every record. References are judged only where no batch was committed
 * from beginning to end, since no one transaction may see all rows.
 *
 * Repair (repair.c, rebuild.c) needs the store's lock and never takes a message away. What it does:
 *   counts    counters of mailboxes and references of contents become what the rows say, and apps of accounts
 *             that are not there go;
 *   rebuild   a missing or damaged database is set aside as postrider.db.damaged-TIME and made anew from the
 *             records in the segments: accounts, aliases, apps, domains, and every delivery with its UID.
 * Records don't know of deletions: messages deleted but not collected yet come back. UIDNEXT and MODSEQ are
 * raised by REBUILD_RAISE, since a UID is never given twice.
 *
 * Known weakness: 32 octets of memory a content. Behind a damaged head a rebuild looks for the next record,
 * which may be one that a sender wrote into a message.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "base/arena.h"
#include "base/err.h"

struct verify_problem {
	struct verify_problem *next;
	const char *kind;  /* "database", "segment", "record", "content", "file", "message", "references",
	                      "mailbox", "app", "queue" */
	const char *where; /* in the arena, as `what` */
	const char *what;
	bool repairable;
};

struct verify_report {
	uint64_t messages, contents;
	uint64_t queued;        /* remote recipients */
	uint64_t problem_count; /* found; at most LIMIT_VERIFY_PROBLEMS are listed */
	struct verify_problem *first, *last;
	bool database_damaged; /* missing or not to be read: only a rebuild helps */
	bool counts_wrong;     /* what repair_counts makes good */
};

/* `directory` is the data directory. `thorough`: the whole database is checked too, not only its structure;
 * for when no server runs. Damage is no error: it is in *out. ERR_IO, ERR_NOSPACE, ERR_DENIED: it could not
 * be judged. */
err verify_run(struct arena *arena, str directory, bool thorough, struct verify_report *out) MUST_USE;

/* Sets mailbox counters and references from the rows, removes apps of no account. The caller holds the
 * store's lock. */
err repair_counts(struct arena *arena, str directory) MUST_USE;

enum { REBUILD_RAISE = 1 << 20 };

struct rebuild_report {
	uint64_t accounts, messages;
	uint64_t
		homeless; /* messages' rows whose account or mailbox is gone; their content is kept 30 days */
	uint64_t lost;    /* large messages whose file is not there: deleted and collected, or lost */
	uint64_t queued;  /* remote recipients, held now: whether they were sent nobody knows */
	uint64_t gaps;    /* places in segments where no record could be read */
	const char *set_aside; /* where the old database is; NULL: there was none */
};

/* The database anew from the segments. The caller holds the store's lock. A crash in between leaves the old
 * database, or none, which a starting server refuses. */
err repair_rebuild(struct arena *arena, str directory, struct rebuild_report *out) MUST_USE;

#endif
