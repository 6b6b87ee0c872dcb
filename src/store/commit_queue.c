/* Rows of the queue: new ones of a delivery, and what becomes of them. */
#include "store/queue_internal.h"

static bool fits(const struct queue_target *t)
{
	return t->forward_path.len <= LIMIT_PATH && t->domain.len <= LIMIT_DOMAIN &&
	       t->reverse_path.len <= LIMIT_PATH && t->reverse_domain.len <= LIMIT_DOMAIN &&
	       t->orcpt.len <= LIMIT_ORCPT;
}

err queue_check_size(const struct deliver *d)
{
	static_assert(LIMIT_QUEUE_FRONT >= 2 * LIMIT_PATH + LIMIT_ENVID + 256, "an envelope fits its part");

	if (d->id.len > 32 || d->reverse_path.len > LIMIT_PATH || d->envelope.login.len > LIMIT_PATH ||
	    d->envelope.envid.len > LIMIT_ENVID)
		return (err){ ERR_LIMIT, 0, "the envelope is too long" };
	for (size_t i = 0; i < d->queue_count; i++)
		if (!fits(&d->queue[i]))
			return (err){ ERR_LIMIT, (uint32_t)i, "an address of a recipient is too long" };
	return OK;
}

err queue_add_rows(struct database *db, const struct deliver *d, uint64_t content_id,
                   const struct intent_recipient *places)
{
	const struct queue_envelope *e = &d->envelope;

	for (size_t i = 0; i < d->queue_count; i++) {
		const struct queue_target *t = &d->queue[i];
		TRY(db_run(db, Q_QUEUE_ADD, DB_INT(queue_id_of(content_id, i)), DB_TEXT(t->domain),
		           DB_TEXT(t->reverse_domain), DB_INT(e->sender), DB_INT(e->lane), DB_INT(0),
		           DB_INT(d->received_ms), DB_INT(e->expires_ms), DB_INT(e->hold_until_ms),
		           DB_INT(RECORD_HEAD_SIZE + places[i].at), DB_INT(places[i].size)));
	}
	return OK;
}

void queue_tell_new(struct batch *b, struct deliver *d, uint64_t content_id)
{
	struct queue_row *rows = arena_new(&b->arena, struct queue_row, d->queue_count);

	for (size_t i = 0; i < d->queue_count; i++)
		d->queue[i].queue_id = queue_id_of(content_id, i);
	if (!b->store->queued)
		return;
	for (size_t i = 0; rows && i < d->queue_count; i++)
		rows[i] = (struct queue_row){ .queue_id = d->queue[i].queue_id,
			                      .sender = d->envelope.sender,
			                      .domain = d->queue[i].domain,
			                      .reverse_domain = d->queue[i].reverse_domain,
			                      .received_ms = d->received_ms,
			                      .expires_ms = d->envelope.expires_ms,
			                      .due_ms = d->envelope.hold_until_ms,
			                      .lane = d->envelope.lane };
	b->store->queued(b->store->queued_user, rows, rows ? d->queue_count : 0);
}

/* --- attempts --- */

static err attempt_reserve(struct batch *b, struct planned *p)
{
	(void)b;
	if (p->op->attempts.count > LIMIT_BATCH_ROWS)
		return (err){ ERR_LIMIT, LIMIT_BATCH_ROWS, "more attempts than one batch takes" };
	return OK;
}

static str kept_reply(str reply)
{
	return reply.len > LIMIT_QUEUE_REPLY ? str_slice(reply, 0, LIMIT_QUEUE_REPLY) : reply;
}

static err apply_one(struct batch *b, struct attempt *a)
{
	switch (a->kind) {
	case ATTEMPT_DONE:
		TRY(db_run(b->db, Q_QUEUE_REMOVE, DB_INT(a->queue_id)));
		break;
	case ATTEMPT_WAIT:
	case ATTEMPT_DUE:
		TRY(db_run(b->db, Q_QUEUE_WAIT, DB_INT(a->queue_id), DB_INT(a->due_ms),
		           DB_INT(a->kind == ATTEMPT_WAIT), DB_TEXT(kept_reply(a->reply)),
		           DB_INT(a->delay_told)));
		break;
	case ATTEMPT_HOLD:
		TRY(db_run(b->db, Q_QUEUE_HOLD, DB_INT(a->queue_id)));
		break;
	case ATTEMPT_RELEASE:
		TRY(db_run(b->db, Q_QUEUE_RELEASE, DB_INT(a->queue_id), DB_INT(a->due_ms)));
		break;
	}
	a->result = db_changes(b->db) ? OK
	                              : (err){ ERR_MISSING, 0, "the recipient is not in the queue any more" };
	if (a->kind != ATTEMPT_DONE || a->result.code != ERR_OK)
		return OK;
	return db_run(b->db, Q_CONTENT_UNNAME, DB_INT(queue_content_id(a->queue_id)), DB_INT(b->now_ms));
}

static err attempt_apply(struct batch *b, struct planned *p)
{
	struct attempts *all = &p->op->attempts;

	for (size_t i = 0; i < all->count; i++)
		TRY(apply_one(b, &all->items[i]));
	return OK;
}

static void attempt_settle(struct batch *b, struct planned *p, bool ok)
{
	(void)b;
	(void)p;
	(void)ok;
}

const struct op_steps attempt_steps = { attempt_reserve, attempt_apply, attempt_settle };
