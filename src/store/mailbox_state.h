/* store/mailbox_state.h: the committer's memory of mailboxes: what the next UID and MODSEQ are, how much is
 * in them. Private to store/; committer thread only.
 *
 * States are changed when an operation is reserved and written once a batch (mailbox_states_flush). When a
 * batch fails they are forgotten and come from the rows again.
 */
#ifndef STORE_MAILBOX_STATE_H
#define STORE_MAILBOX_STATE_H

#include "store/database.h"

struct mailbox_states;

struct mailbox_state {
	uint64_t key[2]; /* account_id, mailbox_id */
	uint32_t uidvalidity, uidnext;
	uint64_t modseq, messages, octets;
	bool dirty;
};

err mailbox_states_new(struct mailbox_states **out) MUST_USE;
void mailbox_states_free(struct mailbox_states *states);

/* The mailbox's state, from the row where it is not known. Lives until forget. ERR_MISSING: no such mailbox.
 */
err mailbox_states_get(struct mailbox_states *states, struct database *db, uint64_t account_id,
                       uint64_t mailbox_id, struct mailbox_state **out) MUST_USE;

/* It was changed: written by the next flush. ERR_NOSPACE, not marked. */
err mailbox_states_touch(struct mailbox_states *states, struct mailbox_state *state) MUST_USE;

/* Writes what was touched, by ascending account and mailbox. */
err mailbox_states_flush(struct mailbox_states *states, struct database *db) MUST_USE;

/* After COMMIT: nothing is dirty; a memory grown too large is forgotten. After a failure: forget all. */
void mailbox_states_settled(struct mailbox_states *states);
void mailbox_states_forget(struct mailbox_states *states);

#endif
