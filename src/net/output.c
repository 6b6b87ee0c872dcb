#include "net/output.h"

#include <errno.h>
#include <stdlib.h>

#include "net/dot_stuff.h"
#include "net/loop_internal.h"

enum pending_kind { PENDING_RUN, PENDING_STUFFED_RUN, PENDING_DOT_END, PENDING_RANGE };

struct pending {
	struct pending *next;
	enum pending_kind kind;
	bool being_read; /* by a worker: see struct output_read */
	struct conn_range range;
	size_t size; /* of octets */
	char octets[];
};

void output_init(struct output *out) { *out = (struct output){ .at_line_start = true }; }

/* --- ready --- */

static void ready_link(struct output *out, struct block *b)
{
	if (out->last)
		out->last->next = b;
	else
		out->first = b;
	out->last = b;
}

static void ready_count(struct output *out, str octets)
{
	out->ready_octets += octets.len;
	out->at_line_start = octets.ptr[octets.len - 1] == '\n';
}

static size_t room_of_last(const struct output *out) { return out->last ? LIMIT_BLOCK - out->last->used : 0; }

static void give_chain(struct loop *loop, struct block *chain)
{
	while (chain) {
		struct block *b = chain;
		chain = b->next;
		loop_block_give(loop, b);
	}
}

/* Blocks for what `size` octets need beyond the room of the last block, so that copying can't fail midway. */
static bool reserve(const struct output *out, struct loop *loop, size_t size, struct block **chain)
{
	size_t room = room_of_last(out);

	*chain = NULL;
	while (size > room) {
		struct block *b = loop_block_take(loop);
		if (!b) {
			give_chain(loop, *chain);
			return false;
		}
		b->next = *chain;
		*chain = b;
		room += LIMIT_BLOCK;
	}
	return true;
}

static void ready_copy(struct output *out, struct block **chain, str octets)
{
	if (octets.len == 0)
		return;
	ready_count(out, octets);
	while (octets.len) {
		size_t room = room_of_last(out);
		if (room == 0) {
			struct block *b = *chain;
			assert(b);
			*chain = b->next;
			b->next = NULL;
			ready_link(out, b);
			room = LIMIT_BLOCK;
		}
		size_t n = octets.len < room ? octets.len : room;
		memcpy(out->last->octets + out->last->used, octets.ptr, n);
		out->last->used += n;
		octets = str_from(octets, n);
	}
}

static bool ready_add(struct output *out, struct loop *loop, str octets)
{
	struct block *chain;

	if (!reserve(out, loop, octets.len, &chain))
		return false;
	ready_copy(out, &chain, octets);
	return true;
}

static bool ready_add_stuffed(struct output *out, struct loop *loop, str octets)
{
	bool at_line_start = out->at_line_start;
	struct block *chain;
	size_t from = 0;

	if (!reserve(out, loop, dot_stuffed_size(octets, at_line_start), &chain))
		return false;
	while (from < octets.len) {
		/* The dot found before is copied with what follows it; its double went ahead. */
		size_t dot = dot_find(octets, from, at_line_start);
		if (dot == from) {
			ready_copy(out, &chain, STR("."));
			dot = dot_find(octets, from + 1, at_line_start);
		}
		ready_copy(out, &chain, str_slice(octets, from, dot));
		from = dot;
	}
	return true;
}

static bool ready_add_dot_end(struct output *out, struct loop *loop)
{
	return ready_add(out, loop, out->at_line_start ? STR(".\r\n") : STR("\r\n.\r\n"));
}

/* --- pending --- */

static err pending_add(struct output *out, enum pending_kind kind, str octets, const struct conn_range *range)
{
	struct pending *p = malloc(sizeof *p + octets.len);

	if (!p)
		return ERR_NO_MEMORY;
	*p = (struct pending){ .kind = kind, .size = octets.len };
	if (range)
		p->range = *range;
	if (octets.len)
		memcpy(p->octets, octets.ptr, octets.len);
	if (out->pending_last)
		out->pending_last->next = p;
	else
		out->pending = p;
	out->pending_last = p;
	out->pending_octets += range ? range->size : octets.len;
	return OK;
}

static void pending_free(struct pending *p)
{
	if (p->kind == PENDING_RANGE && p->range.release)
		p->range.release(p->range.owner);
	free(p);
}

static void pending_drop_first(struct output *out)
{
	struct pending *p = out->pending;

	out->pending = p->next;
	if (!out->pending)
		out->pending_last = NULL;
	out->pending_octets -= p->kind == PENDING_RANGE ? p->range.size : p->size;
	pending_free(p);
}

static void note_full(struct output *out)
{
	if (output_waiting(out) > LIMIT_OUTPUT_QUEUE)
		out->was_full = true;
}

static err added(struct output *out, err e)
{
	note_full(out);
	return e;
}

err output_add(struct output *out, struct loop *loop, str octets)
{
	if (octets.len == 0)
		return OK;
	if (out->pending)
		return added(out, pending_add(out, PENDING_RUN, octets, NULL));
	return added(out, ready_add(out, loop, octets) ? OK : ERR_NO_MEMORY);
}

err output_add_dot_stuffed(struct output *out, struct loop *loop, str octets)
{
	if (octets.len == 0)
		return OK;
	if (out->pending)
		return added(out, pending_add(out, PENDING_STUFFED_RUN, octets, NULL));
	return added(out, ready_add_stuffed(out, loop, octets) ? OK : ERR_NO_MEMORY);
}

err output_add_dot_end(struct output *out, struct loop *loop)
{
	if (out->pending)
		return added(out, pending_add(out, PENDING_DOT_END, STR(""), NULL));
	return added(out, ready_add_dot_end(out, loop) ? OK : ERR_NO_MEMORY);
}

err output_add_range(struct output *out, const struct conn_range *range)
{
	err e = pending_add(out, PENDING_RANGE, STR(""), range);

	if (e.code != ERR_OK && range->release)
		range->release(range->owner);
	return added(out, e);
}

/* --- from pending to ready --- */

static enum output_state state_of_errno(int number)
{
	/* EOPNOTSUPP, ENOSYS: this file system or kernel has no RWF_NOWAIT. */
	return number == EAGAIN || number == EOPNOTSUPP || number == ENOSYS || number == EINTR
	               ? OUTPUT_COLD
	               : OUTPUT_DAMAGED;
}

static void range_advance(struct output *out, struct pending *p, size_t n)
{
	p->range.offset += n;
	p->range.size -= n;
	out->pending_octets -= n;
}

static size_t smaller(size_t a, uint64_t b) { return b < a ? (size_t)b : a; }

/* Straight from the page cache into blocks for the socket. */
static enum output_state fill_plain(struct output *out, struct loop *loop, struct pending *p)
{
	enum { PARTS = LIMIT_OUTPUT_WINDOW / LIMIT_BLOCK + 1 };
	struct iovec parts[PARTS];
	struct block *chain, *b;
	size_t want = smaller(LIMIT_OUTPUT_WINDOW - out->ready_octets, p->range.size);
	int count = 0;

	if (!reserve(out, loop, want, &chain))
		return OUTPUT_NO_MEMORY;
	if (room_of_last(out))
		parts[count++] = (struct iovec){ out->last->octets + out->last->used,
			                         smaller(room_of_last(out), want) };
	size_t left = want - (count ? parts[0].iov_len : 0);
	for (b = chain; b; b = b->next) {
		size_t part = left < LIMIT_BLOCK ? left : LIMIT_BLOCK;
		parts[count++] = (struct iovec){ b->octets, part };
		left -= part;
	}
	ssize_t got = preadv2(p->range.fd, parts, count, (off_t)p->range.offset, RWF_NOWAIT);
	enum output_state state = got > 0 ? OUTPUT_READY : got == 0 ? OUTPUT_DAMAGED : state_of_errno(errno);
	size_t n = got > 0 ? (size_t)got : 0;
	for (int i = 0; i < count && n; i++) {
		size_t part = smaller(parts[i].iov_len, n);
		if (!out->last || parts[i].iov_base != out->last->octets + out->last->used) {
			b = chain;
			assert(b);
			chain = b->next;
			b->next = NULL;
			ready_link(out, b);
		}
		ready_count(out, (str){ parts[i].iov_base, part });
		out->last->used += part;
		n -= part;
	}
	give_chain(loop, chain);
	if (state == OUTPUT_READY)
		range_advance(out, p, (size_t)got);
	return state;
}

static enum output_state fill_stuffed(struct output *out, struct loop *loop, struct pending *p)
{
	struct iovec part = { loop->copy_buffer, smaller(LIMIT_READ_BUFFER, p->range.size) };
	ssize_t got = preadv2(p->range.fd, &part, 1, (off_t)p->range.offset, RWF_NOWAIT);

	if (got <= 0)
		return got == 0 ? OUTPUT_DAMAGED : state_of_errno(errno);
	if (!ready_add_stuffed(out, loop, (str){ loop->copy_buffer, (size_t)got }))
		return OUTPUT_NO_MEMORY;
	range_advance(out, p, (size_t)got);
	return OUTPUT_READY;
}

/* Room for one more read without passing the window: dots doubled make at most 3 of 2 octets. */
static bool has_room(const struct output *out, const struct pending *p)
{
	size_t most = smaller(LIMIT_READ_BUFFER, p->range.size);
	size_t need = p->range.dot_stuff ? most + most / 2 + 1 : 1;
	return out->ready_octets + need <= LIMIT_OUTPUT_WINDOW;
}

static enum output_state fill_range(struct output *out, struct loop *loop, struct pending *p)
{
	while (p->range.size && has_room(out, p)) {
		enum output_state state =
			p->range.dot_stuff ? fill_stuffed(out, loop, p) : fill_plain(out, loop, p);
		if (state != OUTPUT_READY)
			return state;
	}
	return OUTPUT_READY;
}

enum output_state output_fill(struct output *out, struct loop *loop)
{
	while (out->pending && out->ready_octets < LIMIT_OUTPUT_WINDOW) {
		struct pending *p = out->pending;
		str run = { p->octets, p->size };
		bool ok = true;

		if (p->being_read)
			break;
		if (p->kind == PENDING_RANGE) {
			enum output_state state = fill_range(out, loop, p);
			if (state != OUTPUT_READY || p->range.size)
				return state;
		} else if (p->kind == PENDING_RUN) {
			ok = ready_add(out, loop, run);
		} else if (p->kind == PENDING_STUFFED_RUN) {
			ok = ready_add_stuffed(out, loop, run);
		} else {
			ok = ready_add_dot_end(out, loop);
		}
		if (!ok)
			return OUTPUT_NO_MEMORY;
		pending_drop_first(out);
	}
	return OUTPUT_READY;
}

/* --- to the socket --- */

size_t output_parts(const struct output *out, struct iovec *parts, size_t max)
{
	size_t count = 0, skip = out->sent_of_first;

	for (struct block *b = out->first; b && count < max; b = b->next) {
		if (b->used > skip)
			parts[count++] = (struct iovec){ b->octets + skip, b->used - skip };
		skip = 0;
	}
	return count;
}

void output_sent(struct output *out, struct loop *loop, size_t size)
{
	assert(size <= out->ready_octets);
	out->ready_octets -= size;
	size += out->sent_of_first;
	while (out->first && size >= out->first->used) {
		struct block *b = out->first;
		size -= b->used;
		out->first = b->next;
		loop_block_give(loop, b);
	}
	out->sent_of_first = size;
	if (!out->first)
		out->last = NULL;
}

void output_drop(struct output *out, struct loop *loop)
{
	give_chain(loop, out->first);
	while (out->pending) {
		struct pending *p = out->pending;
		out->pending = p->next;
		if (!p->being_read)
			pending_free(p);
	}
	output_init(out);
}

/* --- the cold half --- */

err output_read_begin(struct output *out, struct loop *loop, struct output_read *read)
{
	struct pending *p = out->pending;

	assert(p && p->kind == PENDING_RANGE && p->range.size && !p->being_read);
	*read = (struct output_read){ .range = p };
	for (uint64_t size = 0; size < p->range.size && read->block_count < OUTPUT_READ_BLOCKS;
	     size += LIMIT_BLOCK) {
		struct block *b = loop_block_take(loop);
		if (!b)
			break;
		read->blocks[read->block_count++] = b;
	}
	if (read->block_count == 0)
		return ERR_NO_MEMORY;
	p->being_read = true;
	return OK;
}

void output_read_run(struct output_read *read)
{
	const struct conn_range *range = &read->range->range;
	struct iovec parts[OUTPUT_READ_BLOCKS];
	uint64_t left = range->size;

	for (unsigned i = 0; i < read->block_count; i++) {
		size_t part = smaller(LIMIT_BLOCK, left);
		parts[i] = (struct iovec){ read->blocks[i]->octets, part };
		left -= part;
	}
	do
		read->got = preadv(range->fd, parts, (int)read->block_count, (off_t)range->offset);
	while (read->got < 0 && errno == EINTR);
}

void output_read_cancel(struct loop *loop, struct output_read *read)
{
	read->range->being_read = false;
	for (unsigned i = 0; i < read->block_count; i++)
		loop_block_give(loop, read->blocks[i]);
}

enum output_state output_read_done(struct output *out, struct loop *loop, struct output_read *read,
                                   bool dropped)
{
	struct pending *p = read->range;
	size_t left = read->got > 0 ? (size_t)read->got : 0;
	bool ok = true;

	p->being_read = false;
	for (unsigned i = 0; i < read->block_count; i++) {
		struct block *b = read->blocks[i];
		b->used = smaller(LIMIT_BLOCK, left);
		left -= b->used;
		str octets = { b->octets, b->used };
		if (!dropped && ok && b->used && !p->range.dot_stuff) {
			ready_count(out, octets);
			ready_link(out, b);
			continue;
		}
		if (!dropped && ok && b->used)
			ok = ready_add_stuffed(out, loop, octets);
		loop_block_give(loop, b);
	}
	if (dropped) {
		pending_free(p);
		return OUTPUT_READY;
	}
	if (read->got <= 0)
		return OUTPUT_DAMAGED;
	range_advance(out, p, (size_t)read->got);
	return ok ? OUTPUT_READY : OUTPUT_NO_MEMORY;
}
