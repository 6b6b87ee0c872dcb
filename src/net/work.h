/* net/work.h: work classes: what would hold up a loop is done by worker threads, data in, data out.
 *
 * Each class has its own threads and a bounded queue; a full queue is ERR_BUSY, which a protocol says as
 * "unavailable, try again". A worker never waits for a socket, the committer or another job: it hands over
 * and returns (debug builds assert it). A job is embedded in what it works on and belongs to the worker from
 * submit to done. Its done runs on the loop that submitted it, whether or not the session still lives:
 * whoever may be gone is found by id, not by pointer (session/session.h does this for sessions).
 */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "base/err.h"
#include "net/loop.h"

enum work_class {
	WORK_READ,     /* <= 5 ms: a message's place, a page of rows, a cold page of content */
	WORK_WRITE,    /* spool files written and synced */
	WORK_CRYPTO,   /* RSA, body hashes */
	WORK_PASSWORD, /* Argon2id: what goes first has a tenth of a core at least; all else has what others
	                  leave over, and one in two seconds where they leave nothing */
	WORK_BULK,     /* slices of <= 10 ms: views of large mailboxes, search, import, export, verify */
	WORK_COMMAND,  /* programs that the owner named (base/command.h): they may take seconds */
	WORK_CLASS_COUNT
};

struct work; /* all classes */

struct job {
	struct post done_post;         /* work.c's */
	struct job *next;              /* work.c's */
	struct loop *loop;             /* set by work_submit: where done runs */
	int64_t queued_tick_ms;        /* work.c's */
	void (*run)(struct job *job);  /* worker thread */
	void (*done)(struct job *job); /* loop thread */
};

/* Makes the classes with their threads. `read_threads` etc. are decided here from the number of cores. */
err work_new(struct work **out) MUST_USE;

/* Loop thread. ERR_BUSY where the class's queue is full; the job is then untouched. */
err work_submit(struct work *work, enum work_class class, struct job *job) MUST_USE;

/* The same, before all that wait but those submitted so: for whoever would else stand behind strangers. */
err work_submit_first(struct work *work, enum work_class class, struct job *job) MUST_USE;

/* The worker's number within its class, 0-based, and how many the class has: for state that each thread keeps
 * (a database connection). Worker threads only. */
unsigned work_thread_number(void);
unsigned work_thread_count(const struct work *work, enum work_class class);

/* Is this a worker's thread? For the assertions of whoever must not be waited for by one. */
bool work_on_worker(void);

/* Finishes what is queued and ends the threads. The loops must still run or have nothing to hear. NULL is
 * legal. */
void work_free(struct work *work);

#endif
