/* Delivering: one record, one row of content, one row a mailbox and one a remote recipient. */
#include "store/batch.h"
#include "store/draft_internal.h"
#include "store/intent.h"
#include "store/queue_internal.h"

struct deliver_plan {
	struct record_head head;
	uint64_t offset; /* of the record */
	struct intent_target *rows;
	struct intent_recipient *recipients;
	struct account_usage **usages;
	size_t counted; /* usages that this delivery was added to */
	struct file_move *move;
};

static uint64_t row_size(const struct deliver *d, const struct deliver_target *t)
{
	return t->prefix.len + draft_size(d->draft);
}

/* Is there room in the account? Counts the message in at once, so that the next one of this batch sees it. */
static err count_in(struct batch *b, const struct deliver *d, const struct deliver_target *t,
                    struct account_usage **out)
{
	const struct account *a = directory_work_account_by_id(b->directory, t->account_id);
	uint64_t size = row_size(d, t);

	if (!a)
		return (err){ ERR_MISSING, 0, "the account was removed meanwhile" };
	if (t->prefix.len > LIMIT_PREFIX)
		return (err){ ERR_LIMIT, 0, "a mailbox row's own header fields are too long" };
	if (a->quota_octets && atomic_load(&a->usage->octets) + size > a->quota_octets)
		return (err){ ERR_QUOTA, 0, "the mailbox is full" };
	atomic_fetch_add(&a->usage->octets, size);
	atomic_fetch_add(&a->usage->messages, 1);
	*out = a->usage;
	return OK;
}

static void count_out(const struct deliver *d, struct deliver_plan *plan)
{
	for (size_t i = 0; i < plan->counted; i++) {
		atomic_fetch_sub(&plan->usages[i]->octets, row_size(d, &d->targets[i]));
		atomic_fetch_sub(&plan->usages[i]->messages, 1);
	}
	plan->counted = 0;
}

/* Every target is known and has room, or the first that has not says why. */
static err check_targets(struct batch *b, struct deliver *d, struct deliver_plan *plan,
                         struct mailbox_state **states)
{
	for (size_t i = 0; i < d->target_count; i++) {
		struct deliver_target *t = &d->targets[i];
		t->result = mailbox_states_get(b->mailboxes, b->db, t->account_id, t->mailbox_id, &states[i]);
		if (t->result.code == ERR_OK && states[i]->uidnext == UINT32_MAX)
			t->result = (err){ ERR_LIMIT, 0, "the mailbox has used up its UIDs" };
		if (t->result.code == ERR_OK)
			t->result = mailbox_states_touch(b->mailboxes, states[i]);
		if (t->result.code == ERR_OK)
			t->result = count_in(b, d, t, &plan->usages[i]);
		if (t->result.code != ERR_OK)
			return t->result;
		plan->counted++;
	}
	return OK;
}

/* Gives each row its UID and MODSEQ and writes the intent down. */
static void reserve_rows(struct deliver *d, struct deliver_plan *plan, struct mailbox_state **states,
                         struct buf *intent)
{
	struct intent_message m = { d->id,           d->reverse_path, d->received_ms,
		                    d->target_count, d->queue_count,  d->envelope };

	intent_add_message(intent, &m);
	for (size_t i = 0; i < d->target_count; i++) {
		const struct deliver_target *t = &d->targets[i];
		struct mailbox_state *s = states[i];
		plan->rows[i] = (struct intent_target){ .account_id = t->account_id,
			                                .mailbox_id = t->mailbox_id,
			                                .modseq = ++s->modseq,
			                                .flags = t->flags,
			                                .uid = s->uidnext++,
			                                .prefix = t->prefix };
		s->messages++;
		s->octets += row_size(d, t);
		intent_add_target(intent, 0, &plan->rows[i]);
	}
	for (size_t i = 0; i < d->queue_count; i++) {
		const struct queue_target *t = &d->queue[i];
		plan->recipients[i] = (struct intent_recipient){ .forward_path = t->forward_path,
			                                         .domain = t->domain,
			                                         .reverse_domain = t->reverse_domain,
			                                         .orcpt = t->orcpt,
			                                         .has_reverse_path = t->has_reverse_path,
			                                         .reverse_path = t->reverse_path,
			                                         .notify = t->notify };
		intent_add_recipient(intent, 0, &plan->recipients[i]);
	}
}

/* Takes back what reserve_rows gave, newest first: nobody saw these UIDs. */
static void unreserve_rows(const struct deliver *d, struct mailbox_state **states)
{
	for (size_t i = d->target_count; i-- > 0;) {
		states[i]->modseq--;
		states[i]->uidnext--;
		states[i]->messages--;
		states[i]->octets -= row_size(d, &d->targets[i]);
	}
}

static err add_record(struct batch *b, struct deliver *d, struct deliver_plan *plan, str intent)
{
	const void *at = NULL;
	str run;

	plan->head = (struct record_head){
		.kind = RECORD_MESSAGE,
		.flags = draft_is_file(d->draft) ? RECORD_IN_FILE : 0,
		.commit_number = b->tail.number,
		.content_id = b->tail.next_content_id,
		.content_size = draft_size(d->draft),
		.content_crc = draft_crc(d->draft),
	};
	TRY(batch_begin_record(b, &plan->head, intent, d->summary, &plan->offset));
	if (draft_is_file(d->draft)) {
		plan->move = arena_new(&b->arena, struct file_move, 1);
		if (!plan->move)
			return ERR_NO_MEMORY;
		*plan->move = (struct file_move){ NULL, d->draft, plan->head.content_id, false };
	} else {
		while (draft_next_run(d->draft, &at, &run))
			TRY(batch_add_part(b, run));
	}
	return batch_end_record(b, &plan->head);
}

static void add_move(struct batch *b, struct file_move *move)
{
	struct file_move **end = &b->moves;

	while (*end)
		end = &(*end)->next;
	*end = move;
}

static err check_size(const struct deliver *d)
{
	if (d->target_count + d->queue_count < 1 || d->target_count + d->queue_count > LIMIT_TARGETS ||
	    d->summary.len > LIMIT_SUMMARY)
		return (err){ ERR_LIMIT, 0,
			      "a delivery has 1 to 1,000 recipients and a summary of at most 64 KB" };
	return d->queue_count ? queue_check_size(d) : OK;
}

static err deliver_reserve(struct batch *b, struct planned *p)
{
	struct deliver *d = &p->op->deliver;
	struct deliver_plan *plan = arena_new(&b->arena, struct deliver_plan, 1);
	struct mailbox_state **states = arena_new(&b->arena, struct mailbox_state *, d->target_count);
	struct buf intent;

	TRY(check_size(d));
	if (!plan || !states)
		return ERR_NO_MEMORY;
	plan->rows = arena_new(&b->arena, struct intent_target, d->target_count);
	plan->usages = arena_new(&b->arena, struct account_usage *, d->target_count);
	plan->recipients = arena_new(&b->arena, struct intent_recipient, d->queue_count);
	if (!plan->rows || !plan->usages || !plan->recipients)
		return ERR_NO_MEMORY;
	buf_init(&intent, &b->arena, LIMIT_INTENT);
	p->plan = plan;
	err e = check_targets(b, d, plan, states);
	if (e.code != ERR_OK) {
		count_out(d, plan);
		return e;
	}
	size_t parts = b->part_count;
	uint64_t offset = b->tail.offset;
	reserve_rows(d, plan, states, &intent);
	e = buf_err(&intent);
	if (e.code == ERR_OK)
		e = add_record(b, d, plan, buf_str(&intent));
	if (e.code != ERR_OK) {
		unreserve_rows(d, states);
		count_out(d, plan);
		b->part_count = parts;
		b->tail.offset = offset;
		return e;
	}
	if (plan->move)
		add_move(b, plan->move);
	b->tail.next_content_id++;
	b->live_added += record_size(&plan->head);
	return OK;
}

static err deliver_apply(struct batch *b, struct planned *p)
{
	const struct deliver *d = &p->op->deliver;
	const struct deliver_plan *plan = p->plan;

	TRY(db_run(b->db, Q_CONTENT_ADD, DB_INT(plan->head.content_id), DB_INT(b->tail.segment),
	           DB_INT(plan->offset), DB_INT(record_content_at(&plan->head)),
	           DB_INT(plan->head.content_size), DB_INT(plan->head.flags),
	           DB_INT(d->target_count + d->queue_count), DB_INT(0)));
	for (size_t i = 0; i < d->target_count; i++) {
		const struct intent_target *r = &plan->rows[i];
		TRY(db_run(b->db, Q_MESSAGE_ADD, DB_INT(r->account_id), DB_INT(r->mailbox_id), DB_INT(r->uid),
		           DB_INT(plan->head.content_id), DB_INT(r->modseq), DB_INT(r->flags),
		           DB_INT(d->received_ms), DB_INT(row_size(d, &d->targets[i])),
		           DB_INT(RECORD_HEAD_SIZE + r->prefix_at), DB_INT(r->prefix.len)));
	}
	return queue_add_rows(b->db, d, plan->head.content_id, plan->recipients);
}

static void deliver_settle(struct batch *b, struct planned *p, bool ok)
{
	struct deliver *d = &p->op->deliver;
	struct deliver_plan *plan = p->plan;

	if (!ok) {
		count_out(d, plan);
		if (plan->move)
			content_file_undo(b, plan->move);
		return;
	}
	for (size_t i = 0; i < d->target_count; i++)
		d->targets[i].uid = plan->rows[i].uid;
	if (plan->move)
		draft_taken(d->draft);
	if (d->queue_count)
		queue_tell_new(b, d, plan->head.content_id);
}

const struct op_steps deliver_steps = { deliver_reserve, deliver_apply, deliver_settle };
