/* store/verify.h: is the store sound, and making it sound again. Any process; blocks, may take minutes.
 *
 * verify reads only, also beside a running server: pages of at most LIMIT_READ_ROWS rows a transaction, and
 * what looks wrong is read again before it is called a problem, since messages go and records move
 * meanwhile. It reads every octet of every record. References are judged only where no batch was committed
 * from beginning to end, since no one transaction may see all rows.
 *
 * Known weakness: 32 octets of memory a content.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "base/arena.h"
#include "base/err.h"

struct verify_problem {
	struct verify_problem *next;
	const char *kind;  /* "database", "segment", "record", "content", "file", "message", "references",
	                      "mailbox" */
	const char *where; /* in the arena, as `what` */
	const char *what;
	bool repairable;
};

struct verify_report {
	uint64_t messages, contents;
	uint64_t problem_count; /* found; at most LIMIT_VERIFY_PROBLEMS are listed */
	struct verify_problem *first, *last;
	bool database_damaged; /* missing or not to be read: only a rebuild helps */
	bool counts_wrong;
};

/* `directory` is the data directory. `thorough`: the whole database is checked too, not only its structure;
 * for when no server runs. Damage is no error: it is in *out. ERR_IO, ERR_NOSPACE, ERR_DENIED: it could not
 * be judged. */
err verify_run(struct arena *arena, str directory, bool thorough, struct verify_report *out) MUST_USE;

#endif
