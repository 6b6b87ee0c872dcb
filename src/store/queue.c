#include "store/queue.h"

#include <string.h>

#include "store/content_handle.h"
#include "store/intent.h"
#include "store/store_internal.h"

#include "base/file.h"

/* --- rows --- */

static err copy_row(struct arena *arena, struct database *db, enum query q, struct queue_row *row)
{
	*row = (struct queue_row){ .queue_id = db_u64(db, q, 0),
		                   .sender = db_u64(db, q, 3),
		                   .lane = (enum queue_lane)db_int(db, q, 4),
		                   .held = db_int(db, q, 5) != 0,
		                   .tries = (uint32_t)db_int(db, q, 6),
		                   .received_ms = db_int(db, q, 7),
		                   .expires_ms = db_int(db, q, 8),
		                   .due_ms = db_int(db, q, 9) };
	TRY(arena_copy(arena, db_text(db, q, 1), &row->domain));
	return arena_copy(arena, db_text(db, q, 2), &row->reverse_domain);
}

static err read_rows(struct store *store, struct arena *arena, enum query q, const struct db_value *values,
                     size_t value_count, struct queue_row *rows, size_t *count)
{
	struct database *db;
	bool more = false;

	*count = 0;
	TRY(readers_take(store->readers, &db));
	err e = db_start_values(db, q, values, value_count);
	while (e.code == ERR_OK && (e = db_row(db, q, &more)).code == ERR_OK && more) {
		e = copy_row(arena, db, q, &rows[*count]);
		*count += e.code == ERR_OK;
	}
	db_end(db, q);
	readers_give(store->readers, db);
	return e;
}

static size_t page(size_t room) { return room < LIMIT_READ_ROWS ? room : LIMIT_READ_ROWS; }

err queue_read_fresh(struct store *store, struct arena *arena, uint64_t after_id, struct queue_row *rows,
                     size_t room, size_t *count)
{
	const struct db_value values[] = { DB_INT(after_id), DB_INT(page(room)) };

	return read_rows(store, arena, Q_QUEUE_FRESH, values, 2, rows, count);
}

err queue_read_due(struct store *store, struct arena *arena, int64_t until_ms, int64_t after_due_ms,
                   uint64_t after_id, struct queue_row *rows, size_t room, size_t *count)
{
	const struct db_value values[] = { DB_INT(after_due_ms), DB_INT(after_id), DB_INT(until_ms),
		                           DB_INT(page(room)) };

	return read_rows(store, arena, Q_QUEUE_DUE, values, 4, rows, count);
}

err queue_read_all(struct store *store, struct arena *arena, uint64_t after_id, struct queue_row *rows,
                   size_t room, size_t *count)
{
	const struct db_value values[] = { DB_INT(after_id), DB_INT(page(room)) };

	return read_rows(store, arena, Q_QUEUE_PAGE, values, 2, rows, count);
}

/* The first column of the first row; untouched where there is none. */
static err read_number(struct store *store, enum query q, int64_t value, int64_t *out)
{
	struct database *db;
	bool more = false;

	TRY(readers_take(store->readers, &db));
	err e = db_start(db, q, DB_INT(value));
	if (e.code == ERR_OK)
		e = db_row(db, q, &more);
	if (e.code == ERR_OK && more)
		*out = db_int(db, q, 0);
	db_end(db, q);
	readers_give(store->readers, db);
	return e;
}

err queue_next_due(struct store *store, int64_t after_ms, int64_t *due_ms)
{
	*due_ms = INT64_MAX;
	return read_number(store, Q_QUEUE_NEXT_DUE, after_ms, due_ms);
}

err queue_count_due(struct store *store, int64_t until_ms, uint64_t *count)
{
	int64_t rows = 0;

	TRY(read_number(store, Q_QUEUE_COUNT_DUE, until_ms, &rows));
	*count = (uint64_t)rows;
	return OK;
}

/* --- a message and its recipients --- */

/* What the rows of recipients say. */
struct recipient_place {
	uint64_t at, size;
};

static err read_places(struct database *db, struct arena *arena, const uint64_t *ids, size_t count,
                       struct recipient_place *places, struct queue_recipient *recipients)
{
	enum query q = Q_QUEUE_PLACE;
	err e = OK;

	for (size_t i = 0; i < count && e.code == ERR_OK; i++) {
		bool there = false;
		recipients[i] = (struct queue_recipient){ .queue_id = ids[i] };
		e = db_start(db, q, DB_INT(ids[i]));
		if (e.code == ERR_OK)
			e = db_row(db, q, &there);
		if (e.code == ERR_OK && there) {
			places[i] = (struct recipient_place){ db_u64(db, q, 0), db_u64(db, q, 1) };
			recipients[i].tries = (uint32_t)db_int(db, q, 2);
			recipients[i].delay_told = db_int(db, q, 3) != 0;
			e = arena_copy(arena, db_text(db, q, 4), &recipients[i].last_reply);
		}
		recipients[i].gone = !there;
		db_end(db, q);
	}
	return e;
}

static err read_run(struct segment *segment, struct arena *arena, uint64_t at, uint64_t size, str *out)
{
	char *octets = arena_alloc(arena, size + 1);

	if (!octets)
		return ERR_NO_MEMORY;
	TRY(file_read_at(segment_fd(segment), octets, size, at));
	*out = (str){ octets, size };
	return OK;
}

static err read_front(struct segment *segment, struct arena *arena, const struct content_place *p,
                      const struct record_head *head, struct intent_message *out)
{
	uint64_t size = head->intent_size < LIMIT_QUEUE_FRONT ? head->intent_size : LIMIT_QUEUE_FRONT;
	str front;

	TRY(read_run(segment, arena, p->offset + RECORD_HEAD_SIZE, size, &front));
	return intent_parse_message(&front, out);
}

static err read_recipient(struct segment *segment, struct arena *arena, const struct content_place *p,
                          const struct record_head *head, const struct recipient_place *place,
                          const struct intent_message *m, struct queue_recipient *out)
{
	struct intent_recipient r;
	str text, in;

	if (place->at < RECORD_HEAD_SIZE ||
	    place->at + place->size > RECORD_HEAD_SIZE + (uint64_t)head->intent_size)
		return (err){ ERR_CORRUPT, 0, "a recipient lies outside the record's intent" };
	TRY(read_run(segment, arena, p->offset + place->at, place->size, &text));
	in = text;
	TRY(intent_next_recipient(text, &in, &r));
	out->forward_path = r.forward_path;
	out->domain = r.domain;
	out->reverse_domain = r.reverse_domain;
	out->orcpt = r.orcpt;
	out->notify = r.notify;
	out->reverse_path = r.has_reverse_path ? r.reverse_path : m->reverse_path;
	return OK;
}

static err read_all(struct segment *segment, struct arena *arena, const struct content_place *p,
                    const struct recipient_place *places, size_t count, struct queue_message *out,
                    struct queue_recipient *recipients)
{
	struct intent_message m;
	struct record_head head;

	TRY(content_check_head(segment, p, &head));
	TRY(read_front(segment, arena, p, &head, &m));
	for (size_t i = 0; i < count; i++)
		if (!recipients[i].gone)
			TRY(read_recipient(segment, arena, p, &head, &places[i], &m, &recipients[i]));
	*out = (struct queue_message){ .id = m.id,
		                       .reverse_path = m.reverse_path,
		                       .envelope = m.envelope,
		                       .received_ms = m.received_ms };
	return OK;
}

static bool all_gone(const struct queue_recipient *recipients, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!recipients[i].gone)
			return false;
	return count > 0;
}

/* The rows as they are now, and where their content is. */
static err find(struct store *store, struct arena *arena, const uint64_t *ids, size_t count,
                struct content_place *p, struct recipient_place *places, struct queue_recipient *recipients)
{
	struct database *db;

	TRY(readers_take(store->readers, &db));
	err e = db_begin_read(db);
	if (e.code == ERR_OK)
		e = read_places(db, arena, ids, count, places, recipients);
	p->content_id = queue_content_id(ids[0]);
	if (e.code == ERR_OK && all_gone(recipients, count))
		e = (err){ ERR_MISSING, 0, "the recipients are not in the queue any more" };
	if (e.code == ERR_OK)
		e = content_find(db, p);
	db_end_read(db);
	readers_give(store->readers, db);
	return e;
}

/* Moves of compaction may come between reading the row and opening the segment. */
static err find_and_open(struct store *store, struct arena *arena, const uint64_t *ids, size_t count,
                         struct content_place *p, struct recipient_place *places,
                         struct queue_recipient *recipients, struct segment **segment)
{
	enum { TRIES = 3 };

	for (int i = 0; i < TRIES; i++) {
		TRY(find(store, arena, ids, count, p, places, recipients));
		err e = segment_acquire(store->segments, p->segment, segment);
		if (e.code != ERR_MISSING)
			return e;
	}
	return (err){ ERR_CORRUPT, 0, "a segment is not there" };
}

err queue_open(struct store *store, struct arena *arena, const uint64_t *queue_ids, size_t count,
               struct queue_message *out, struct queue_recipient *recipients)
{
	struct recipient_place *places = arena_new(arena, struct recipient_place, count);
	struct segment *segment = NULL;
	struct content_place p = { 0 };
	struct content_range range;

	if (!places)
		return ERR_NO_MEMORY;
	err e = find_and_open(store, arena, queue_ids, count, &p, places, recipients, &segment);
	if (e.code == ERR_OK)
		e = read_all(segment, arena, &p, places, count, out, recipients);
	if (e.code == ERR_OK)
		e = content_open(store, &p, segment, &range);
	segment_release(segment);
	if (e.code == ERR_CORRUPT)
		store_report_damage(store, "record", p.segment, p.offset, e.what);
	TRY(e);
	out->fd = range.fd;
	out->offset = range.offset;
	out->size = range.size;
	out->handle = range.handle;
	return OK;
}

void queue_close(struct queue_message *message)
{
	content_close(message->handle);
	message->handle = NULL;
}

err queue_read_summary(struct store *store, struct arena *arena, uint64_t queue_id, str *out)
{
	struct content_place p = { 0 };
	struct segment *segment = NULL;
	struct record_head head;
	err e = find_and_open(store, arena, &queue_id, 0, &p, NULL, NULL, &segment);

	if (e.code == ERR_OK)
		e = content_check_head(segment, &p, &head);
	if (e.code == ERR_OK)
		e = read_run(segment, arena, p.offset + RECORD_HEAD_SIZE + head.intent_size,
		             head.summary_size, out);
	segment_release(segment);
	if (e.code == ERR_CORRUPT)
		store_report_damage(store, "record", p.segment, p.offset, e.what);
	return e;
}

void store_on_queued(struct store *store,
                     void (*queued)(void *user, const struct queue_row *rows, size_t count), void *user)
{
	store->queued_user = user;
	store->queued = queued;
}
