/* One transaction on its way: read out of the store, brought into a form that the server takes, or put back.
 */
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "queue/outbound_internal.h"
#include "queue/seven_bit_copy.h"
#include "store/scratch.h"

struct shipment *shipment_new(struct outbound *o, struct loop *loop, const struct transaction_rows *rows)
{
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_SHIPMENT_ARENA);
	struct shipment *s = arena_new(&arena, struct shipment, 1);
	if (!s) {
		arena_reset(&arena);
		return NULL;
	}
	s->arena = arena;
	s->out = o;
	s->loop = loop;
	s->rows = *rows;
	s->converted = FILE_NONE;
	s->message.fd = -1;
	o->sending += rows->count;
	link_append(&o->shipments, &s->link);
	return s;
}

void shipment_free(struct shipment *s)
{
	struct arena arena = s->arena;

	for (size_t i = 0; i < s->notice_count; i++)
		notice_fini(&s->notices[i]);
	if (s->opened)
		queue_close(&s->message);
	seven_bit_copy_free(s->copy);
	file_close(&s->converted);
	arena_reset(&arena);
}

struct shipment *shipment_find(struct outbound *o, uint64_t queue_id)
{
	for (struct link *l = o->shipments.next; l != &o->shipments; l = l->next) {
		struct shipment *s = CONTAINER(l, struct shipment, link);
		for (size_t i = 0; s->rows.content_id == queue_content_id(queue_id) && i < s->rows.count; i++)
			if (s->rows.queue_ids[i] == queue_id)
				return s;
	}
	return NULL;
}

void shipment_unlist(struct shipment *s)
{
	if (!link_is_listed(&s->link))
		return;
	link_remove(&s->link);
	s->out->sending -= s->rows.count;
	if (s->changed)
		intake_note_changed(s->out, s->rows.queue_ids, s->rows.count);
}

/* --- reading --- */

/* Those that are gone go; then those with the first one's reverse-path, then the others. */
static void sort_out(struct shipment *s, size_t all)
{
	struct queue_recipient *r = s->recipients;
	size_t here = 0, same = 0;

	for (size_t i = 0; i < all; i++)
		if (!r[i].gone)
			r[here++] = r[i];
	for (size_t i = 0; i < here; i++) {
		struct queue_recipient one = r[i];
		if (!str_eq(one.reverse_path, r[0].reverse_path))
			continue;
		memmove(&r[same + 1], &r[same], (i - same) * sizeof one);
		r[same++] = one;
	}
	s->count = same;
	s->others = here - same;
}

/* Has the header octets outside of ASCII? What can't be read has. */
static bool is_ascii_header(const struct queue_message *m, struct arena *arena)
{
	size_t size = m->size < LIMIT_HEADER_BLOCK ? (size_t)m->size : LIMIT_HEADER_BLOCK;
	char *octets = arena_alloc(arena, size + 1);

	if (!octets || file_read_at(m->fd, octets, size, m->offset).code != ERR_OK)
		return false;
	size_t end = str_find((str){ octets, size }, STR("\r\n\r\n"));
	for (size_t i = 0; i < end; i++)
		if (octets[i] & 0x80)
			return false;
	return end < size || size == m->size;
}

static void load_run(struct job *job)
{
	struct shipment *s = (struct shipment *)(void *)job;

	s->recipients = arena_new(&s->arena, struct queue_recipient, s->rows.count);
	s->result = s->recipients ? queue_open(s->out->given.store, &s->arena, s->rows.queue_ids,
	                                       s->rows.count, &s->message, s->recipients)
	                          : ERR_NO_MEMORY;
	if (s->result.code == ERR_MISSING) /* somebody removed all of them */
		s->result = OK;
	else if (s->result.code == ERR_OK)
		s->opened = true;
	if (!s->opened)
		return;
	sort_out(s, s->rows.count);
	if (s->message.envelope.smtputf8)
		s->ascii_header = is_ascii_header(&s->message, &s->arena);
}

/* --- converting --- */

/* The copy takes the content's place, where there had to be one. */
static void use_copy(struct shipment *s)
{
	uint64_t size = seven_bit_copy_size(s->copy);

	s->mail.mail.body = QUEUE_BODY_7BIT;
	if (size == 0)
		return;
	s->mail.fd = s->converted;
	s->mail.offset = 0;
	s->mail.size = s->mail.mail.size = size;
}

static err begin_copy(struct shipment *s)
{
	const struct outbound_options *given = &s->out->given;

	TRY(scratch_open(given->store, &s->converted));
	return seven_bit_copy_new(given->flight, s->message.fd, s->message.offset, s->message.size,
	                          s->converted, &s->copy);
}

/* One slice. */
static void convert_run(struct job *job)
{
	struct shipment *s = (struct shipment *)(void *)job;

	s->copied = false;
	s->result = s->copy ? OK : begin_copy(s);
	if (s->result.code == ERR_OK)
		s->result = seven_bit_copy_run(s->copy, clock_tick_ms() + LIMIT_SLICE_MS, &s->copied);
	if (s->result.code == ERR_OK && s->copied)
		use_copy(s);
}

static void convert_ran(struct shipment *s)
{
	if (s->result.code == ERR_OK && !s->copied)
		shipment_submit(s, convert_run, convert_ran);
	else
		s->after_convert(s);
}

/* --- by a worker --- */

static void job_done(struct job *job)
{
	struct shipment *s = (struct shipment *)(void *)job;

	s->after_job(s);
}

static void submit_again(struct timer *timer)
{
	struct shipment *s = CONTAINER(timer, struct shipment, timer);

	shipment_submit(s, s->job.run, s->after_job);
}

void shipment_submit(struct shipment *s, void (*run)(struct job *job), void (*after)(struct shipment *s))
{
	s->job.run = run;
	s->job.done = job_done;
	s->after_job = after;
	if (work_submit(s->out->given.work, run == load_run ? WORK_READ : WORK_BULK, &s->job).code == ERR_OK)
		return;
	s->timer.fire = submit_again;
	loop_timer_set(s->loop, &s->timer, SHIPMENT_AGAIN_MS);
}

void shipment_load(struct shipment *s, void (*loaded)(struct shipment *s))
{
	shipment_submit(s, load_run, loaded);
}

void shipment_convert(struct shipment *s, void (*converted)(struct shipment *s))
{
	s->after_convert = converted;
	shipment_submit(s, convert_run, convert_ran);
}

/* --- back --- */

static struct queue_row row_of(const struct shipment *s, const struct queue_recipient *r)
{
	return (struct queue_row){ .queue_id = r->queue_id,
		                   .sender = s->message.envelope.sender,
		                   .domain = r->domain,
		                   .reverse_domain = r->reverse_domain,
		                   .received_ms = s->message.received_ms,
		                   .expires_ms = s->message.envelope.expires_ms,
		                   .tries = r->tries,
		                   .lane = s->message.envelope.lane };
}

/* Together, so that they go together again. */
void shipment_return(struct shipment *s, size_t from, size_t to, const struct outcome *outcomes)
{
	struct queue_row rows[LIMIT_TRANSACTION_RECIPIENTS] = { 0 };
	size_t count = 0, taken = 0;

	for (size_t i = from; i < to; i++)
		if (!outcomes || outcomes[i].kind == OUTCOME_AGAIN)
			rows[count++] = row_of(s, &s->recipients[i]);
	if (schedule_add(s->out->schedule, rows, count, &taken).code == ERR_OK)
		return;
	for (; taken < count; taken++)
		intake_note_changed(s->out, &rows[taken].queue_id, 1);
}

void shipment_return_unread(struct shipment *s)
{
	intake_note_changed(s->out, s->rows.queue_ids, s->rows.count);
}
