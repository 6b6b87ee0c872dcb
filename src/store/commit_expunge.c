/* Messages leave a mailbox: a few at once, many by one row that says so and pieces that follow. */
#include "store/batch.h"

struct expunge_plan {
	struct mailbox_state *state;
	bool by_pending;
	str uids; /* encoded, for pending */
};

static err expunge_reserve(struct batch *b, struct planned *p)
{
	const struct expunge *x = &p->op->expunge;
	struct expunge_plan *plan = arena_new(&b->arena, struct expunge_plan, 1);
	struct buf encoded;

	if (!plan)
		return ERR_NO_MEMORY;
	TRY(mailbox_states_get(b->mailboxes, b->db, x->account_id, x->mailbox_id, &plan->state));
	TRY(mailbox_states_touch(b->mailboxes, plan->state));
	p->plan = plan;
	plan->by_pending = x->uid_count > LIMIT_BATCH_ROWS;
	if (!plan->by_pending)
		return OK;
	buf_init(&encoded, &b->arena, x->uid_count * 5 + 16);
	for (size_t i = 0, before = 0; i < x->uid_count; before = x->uids[i++])
		buf_add_varint(&encoded, x->uids[i] - before);
	TRY(buf_err(&encoded));
	plan->uids = buf_str(&encoded);
	return OK;
}

static err expunge_apply(struct batch *b, struct planned *p)
{
	const struct expunge *x = &p->op->expunge;
	struct expunge_plan *plan = p->plan;
	bool found;

	plan->state->modseq++;
	if (plan->by_pending)
		return pending_add(b, PENDING_EXPUNGE, x->account_id, x->mailbox_id, plan->uids);
	for (size_t i = 0; i < x->uid_count; i++)
		TRY(batch_remove_message(b, x->account_id, x->mailbox_id, x->uids[i], &found));
	return OK;
}

static void expunge_settle(struct batch *b, struct planned *p, bool ok)
{
	(void)b;
	(void)p;
	(void)ok; /* states are forgotten as a whole when a batch fails */
}

const struct op_steps expunge_steps = { expunge_reserve, expunge_apply, expunge_settle };

static err take_row(struct batch *b, uint64_t account_id, uint64_t mailbox_id, uint32_t uid, bool *found,
                    uint64_t *content_id, uint64_t *size)
{
	err e = db_start(b->db, Q_MESSAGE_REMOVE, DB_INT(account_id), DB_INT(mailbox_id), DB_INT(uid));

	if (e.code == ERR_OK)
		e = db_row(b->db, Q_MESSAGE_REMOVE, found);
	if (e.code == ERR_OK && *found) {
		*content_id = db_u64(b->db, Q_MESSAGE_REMOVE, 0);
		*size = db_u64(b->db, Q_MESSAGE_REMOVE, 1);
	}
	db_end(b->db, Q_MESSAGE_REMOVE);
	return e;
}

err batch_remove_message(struct batch *b, uint64_t account_id, uint64_t mailbox_id, uint32_t uid, bool *found)
{
	struct mailbox_state *state;
	uint64_t content_id = 0, size = 0;

	*found = false;
	TRY(take_row(b, account_id, mailbox_id, uid, found, &content_id, &size));
	if (!*found)
		return OK;
	TRY(db_run(b->db, Q_CONTENT_UNNAME, DB_INT(content_id), DB_INT(b->now_ms)));
	err e = mailbox_states_get(b->mailboxes, b->db, account_id, mailbox_id, &state);
	if (e.code == ERR_MISSING)
		return OK; /* the mailbox's row went before its messages, with the account */
	TRY(e);
	TRY(mailbox_states_touch(b->mailboxes, state));
	state->messages--;
	state->octets -= size;
	return batch_count_out(b, account_id, size);
}
