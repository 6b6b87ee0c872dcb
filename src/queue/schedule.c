#include "queue/schedule_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

err schedule_new(void (*forget)(void *site_user), struct schedule **out)
{
	struct schedule *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NO_MEMORY;
	s->forget = forget;
	s->free_row = NO_ROW;
	s->next_hold_ms = INT64_MAX;
	link_init(&s->wanted);
	for (int lane = 0; lane < LANES; lane++)
		link_init(&s->wanting[lane]);
	*out = s;
	return OK;
}

void schedule_free(struct schedule *s)
{
	if (!s)
		return;
	schedule_free_all(s);
	for (size_t i = 0; i < s->block_count; i++)
		free(s->blocks[i]);
	free(s->blocks);
	free(s);
}

/* --- rows --- */

static bool add_block(struct schedule *s)
{
	if (s->block_count == s->block_room) {
		size_t room = s->block_room ? 2 * s->block_room : 16;
		struct row **bigger = realloc(s->blocks, room * sizeof *bigger);
		if (!bigger)
			return false;
		s->blocks = bigger;
		s->block_room = room;
	}
	struct row *block = malloc(ROW_BLOCK * sizeof *block);
	if (!block)
		return false;
	int32_t first = (int32_t)(s->block_count * ROW_BLOCK);
	s->blocks[s->block_count++] = block;
	for (int32_t i = ROW_BLOCK - 1; i >= 0; i--) {
		block[i] = (struct row){ .next = s->free_row };
		s->free_row = first + i;
	}
	return true;
}

static int32_t row_take(struct schedule *s)
{
	if (s->free_row == NO_ROW && !add_block(s))
		return NO_ROW;
	int32_t i = s->free_row;
	s->free_row = row_at(s, i)->next;
	return i;
}

static void row_give(struct schedule *s, int32_t i)
{
	*row_at(s, i) = (struct row){ .next = s->free_row };
	s->free_row = i;
}

/* --- flows --- */

static str flow_key(const struct flow *f)
{
	enum { KEY = sizeof f->destination + sizeof f->sender_id + sizeof f->lane };

	static_assert(offsetof(struct flow, lane) + sizeof f->lane ==
	                      offsetof(struct flow, destination) + KEY,
	              "a flow's key is one run of octets");
	return (str){ (const char *)&f->destination, KEY };
}

static void flow_end(struct schedule *s, struct flow *f)
{
	if (f->sender)
		flow_leave(s, f);
	(void)table_remove(&s->flows, flow_key(f));
	link_remove(&f->beside);
	free(f);
}

static struct flow *flow_new(struct schedule *s, const struct flow *wanted)
{
	struct flow *f = malloc(sizeof *f);

	if (!f)
		return NULL;
	*f = *wanted;
	if (table_set(&s->flows, flow_key(f), f).code != ERR_OK) {
		free(f);
		return NULL;
	}
	link_append(&f->destination->flows, &f->beside);
	if (f->destination->site && !flow_join(s, f)) {
		flow_end(s, f);
		return NULL;
	}
	return f;
}

static struct flow *flow_of(struct schedule *s, struct destination *d, const struct queue_row *row)
{
	const struct flow wanted = {
		.destination = d, .sender_id = row->sender, .lane = row->lane, .first = NO_ROW, .last = NO_ROW
	};
	struct flow *f = table_get(&s->flows, flow_key(&wanted));

	return f ? f : flow_new(s, &wanted);
}

static void flow_append(struct schedule *s, struct flow *f, int32_t i)
{
	struct row *r = row_at(s, i);

	r->flow = f;
	r->next = NO_ROW;
	r->previous = f->last;
	if (f->last == NO_ROW)
		f->first = i;
	else
		row_at(s, f->last)->next = i;
	f->last = i;
}

static void flow_unlink(struct schedule *s, struct flow *f, const struct row *r)
{
	if (r->previous == NO_ROW)
		f->first = r->next;
	else
		row_at(s, r->previous)->next = r->next;
	if (r->next == NO_ROW)
		f->last = r->previous;
	else
		row_at(s, r->next)->previous = r->previous;
}

/* --- coming and going --- */

/* Counts the run that a row begins, if it does: the row before it in its message goes elsewhere, or is its
 * last.
 */
static void count_run(struct schedule *s, int32_t i, int more)
{
	const struct row *r = row_at(s, i), *before = row_at(s, r->sibling_before);

	if (before->flow != r->flow || before->queue_id >= r->queue_id)
		destination_count_run(s, r->flow->destination, more);
}

/* Into the ring of its message, whose last row is `beside`; NO_ROW: it is the first. */
static void join_siblings(struct schedule *s, int32_t i, int32_t beside)
{
	struct row *r = row_at(s, i);

	r->sibling = r->sibling_before = i;
	if (beside != NO_ROW) {
		struct row *b = row_at(s, beside);
		int32_t next = b->sibling;
		count_run(s, next, -1);
		r->sibling = next;
		r->sibling_before = beside;
		row_at(s, next)->sibling_before = i;
		b->sibling = i;
		count_run(s, next, 1);
	}
	count_run(s, i, 1);
}

static void leave_siblings(struct schedule *s, int32_t i)
{
	const struct row *r = row_at(s, i);
	int32_t next = r->sibling;

	count_run(s, i, -1);
	if (next == i)
		return;
	count_run(s, next, -1);
	row_at(s, next)->sibling_before = r->sibling_before;
	row_at(s, r->sibling_before)->sibling = next;
	count_run(s, next, 1);
}

static bool add_one(struct schedule *s, const struct queue_row *row, int32_t *beside)
{
	struct destination *d = destination_of(s, row);
	int32_t i = d ? row_take(s) : NO_ROW;
	struct flow *f = i == NO_ROW ? NULL : flow_of(s, d, row);

	if (!f) {
		if (i != NO_ROW)
			row_give(s, i);
		return false;
	}
	*row_at(s, i) = (struct row){ .queue_id = row->queue_id };
	flow_append(s, f, i);
	join_siblings(s, i, *beside);
	*beside = i;
	s->ready[row->lane]++;
	destination_gained(s, d, row->lane);
	return true;
}

err schedule_add(struct schedule *s, const struct queue_row *rows, size_t count, size_t *taken)
{
	int32_t beside = NO_ROW;

	for (*taken = 0; *taken < count; ++*taken) {
		const struct queue_row *row = &rows[*taken];
		if (s->ready[0] + s->ready[1] >= LIMIT_QUEUE_READY)
			return (err){ ERR_LIMIT, LIMIT_QUEUE_READY,
				      "as many recipients are ready as may be" };
		if (beside != NO_ROW &&
		    queue_content_id(row_at(s, beside)->queue_id) != queue_content_id(row->queue_id))
			beside = NO_ROW;
		if (!add_one(s, row, &beside))
			return ERR_NO_MEMORY;
	}
	return OK;
}

void row_remove(struct schedule *s, int32_t i)
{
	struct row *r = row_at(s, i);
	struct flow *f = r->flow;
	struct destination *d = f->destination;
	enum queue_lane lane = f->lane;

	flow_unlink(s, f, r);
	leave_siblings(s, i);
	row_give(s, i);
	if (f->first == NO_ROW)
		flow_end(s, f);
	s->ready[lane]--;
	destination_lost(s, d, lane);
}

int schedule_by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

size_t schedule_remove(struct schedule *s, const uint64_t *queue_ids, size_t count)
{
	size_t removed = 0;

	for (size_t i = 0; i < s->block_count * ROW_BLOCK && removed < count; i++) {
		const struct row *r = row_at(s, (int32_t)i);
		if (!r->flow || !bsearch(&r->queue_id, queue_ids, count, sizeof *queue_ids, schedule_by_id))
			continue;
		row_remove(s, (int32_t)i);
		removed++;
	}
	return removed;
}

void schedule_clear(struct schedule *s)
{
	for (size_t i = 0; i < s->block_count * ROW_BLOCK; i++)
		if (row_at(s, (int32_t)i)->flow)
			row_remove(s, (int32_t)i);
}

void schedule_get_counts(const struct schedule *s, struct schedule_counts *out)
{
	size_t slots = s->destinations.size + s->sites.size + s->flows.size + s->senders.size;

	*out = (struct schedule_counts){
		.ready = { s->ready[0], s->ready[1] },
		.destinations = s->destination_count,
		.sites = s->site_count,
		.connections = s->connections,
		.octets = sizeof *s + s->block_count * ROW_BLOCK * sizeof(struct row) +
		          s->block_room * sizeof(struct row *) + slots * sizeof(struct table_slot) +
		          s->destination_count * sizeof(struct destination) +
		          s->site_count * sizeof(struct site) + s->flows.used * sizeof(struct flow) +
		          s->senders.used * sizeof(struct sender),
	};
}
