/* The records of a batch, and what its operations share. */
#include "store/batch.h"

#include <stdlib.h>

err batch_add_part(struct batch *b, str octets)
{
	if (octets.len == 0)
		return OK;
	if (b->part_count == b->part_room) {
		size_t room = b->part_room ? b->part_room * 2 : 256;
		struct iovec *more = arena_new(&b->arena, struct iovec, room);
		if (!more)
			return ERR_NO_MEMORY;
		if (b->part_count)
			memcpy(more, b->parts, b->part_count * sizeof *more);
		b->parts = more;
		b->part_room = room;
	}
	b->parts[b->part_count++] = (struct iovec){ (void *)(uintptr_t)octets.ptr, octets.len };
	return OK;
}

err batch_begin_record(struct batch *b, struct record_head *h, str intent, str summary, uint64_t *offset)
{
	struct buf front;

	h->mark = b->store->record_mark;
	buf_init(&front, &b->arena, RECORD_HEAD_SIZE + intent.len + summary.len);
	if (!buf_extend(&front, RECORD_HEAD_SIZE + intent.len + summary.len))
		return ERR_NO_MEMORY;
	front.len = 0;
	record_front_format(&front, h, intent, summary);
	TRY(buf_err(&front));
	TRY(batch_add_part(b, buf_str(&front)));
	*offset = b->tail.offset;
	return OK;
}

err batch_end_record(struct batch *b, const struct record_head *h)
{
	static const char zeros[8];
	uint64_t bare = record_content_at(h) + record_content_here(h);

	TRY(batch_add_part(b, (str){ zeros, (size_t)(record_size(h) - bare) }));
	b->tail.offset += record_size(h);
	return OK;
}

err batch_count_out(struct batch *b, uint64_t account_id, uint64_t size)
{
	struct count_out *c = b->counts;

	if (!c || c->account_id != account_id) {
		c = arena_new(&b->arena, struct count_out, 1);
		if (!c)
			return ERR_NO_MEMORY;
		*c = (struct count_out){ .next = b->counts, .account_id = account_id };
		b->counts = c;
	}
	c->messages++;
	c->octets += size;
	return OK;
}
