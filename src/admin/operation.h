/* admin/operation.h: every management operation: data in, data out. cli/ and http/ are its two thin faces.
 *
 * An operation has up to three steps. `prepare` checks its arguments against the directory, does what is
 * heavy (hashing a password), and either has the answer or names one change of the directory or of rows of
 * the queue. The change is committed by whoever runs the operation: a server hands it to the committer from
 * its loop, a command without a server waits for it. `finish` then makes the answer from the directory as it
 * has become.
 *
 * Arguments and answers are JSON objects (jansson); what the committer refuses although prepare found nothing
 * (two operations at once) comes back with the committer's own words.
 */
#ifndef ADMIN_OPERATION_H
#define ADMIN_OPERATION_H

#include <jansson.h>

#include "base/arena.h"
#include "net/work.h"
#include "store/commit.h"
#include "store/directory.h"

struct config;
struct flight;
struct outbound_control;
struct outbound_lookup;

struct operation_call {
	/* given; borrowed until the call ends */
	struct arena *arena;
	struct store *store;
	const json_t *arguments;                 /* an object */
	const struct config *config;             /* set after operation_call_init, as what follows */
	const struct flight *flight;             /* NULL where no server runs */
	const struct outbound_control *outbound; /* the same */
	/* kept by operation_prepare and operation_finish */
	const struct directory *directory;
	struct directory_change *change; /* what to commit, in `arena`; NULL: nothing */
	struct attempts *attempts;       /* the same, of rows of the queue; never both */
	struct outbound_lookup *lookup;  /* beside an answer: what a queue at work adds to it */
	str secret;                      /* a password that was made: finish shows it */
	json_t *answer;                  /* NULL until there is one */
	json_t *warnings;                /* array of sentences, or NULL */
	bool usage; /* after a failure: it lies in how the operation was asked for, not in the data */
};

struct operation {
	str name;              /* "account.add" */
	enum work_class class; /* where prepare belongs in a server */
	err (*prepare)(struct operation_call *call);
	err (*finish)(struct operation_call *call); /* after the commit; NULL where prepare never asks for one
	                                             */
};

/* The operation called `name`, or NULL. */
const struct operation *operation_find(str name);

/* Every operation: begin with *at = 0; NULL at the end. */
const struct operation *operation_next(size_t *at);

void operation_call_init(struct operation_call *call, struct arena *arena, struct store *store,
                         const json_t *arguments);

/* Worker thread or command. After OK either there is something to commit, or call->answer is there. The
 * errors' sentences name the thing, the cause and the way out. */
err operation_prepare(const struct operation *operation, struct operation_call *call) MUST_USE;

/* After a call->lookup was answered, on its loop: its sentences become part of call->answer. */
void operation_looked_up(struct operation_call *call);

/* What is to be committed, as it is handed to the committer; false: nothing is. */
bool operation_commit(const struct operation_call *call, struct commit_op *out);

/* Any thread; quick. After the commit of that, whose result is `committed`: passes its failure up
 * with the thing's name, or makes call->answer. */
err operation_finish(const struct operation *operation, struct operation_call *call, err committed) MUST_USE;

/* All steps, waiting for the commit: for commands. */
err operation_run(const struct operation *operation, struct operation_call *call) MUST_USE;

/* Lets go of what the call holds; the answer too unless it was taken (set to NULL). */
void operation_call_fini(struct operation_call *call);

#endif
