/* Rows of the queue against contents. */
#include <inttypes.h>

#include "store/queue_internal.h"
#include "store/verify_internal.h"

enum { QUEUE_SINCE = 4 }; /* version of the schema */

struct queued_row {
	uint64_t queue_id, path_at, path_size;
};

static err read_page(struct verify *v, uint64_t after, struct queued_row *rows, size_t *count)
{
	enum query q = Q_QUEUE_PLACES;
	bool more = false;
	size_t n = 0;
	err e = db_start(&v->db, q, DB_INT(after), DB_INT(LIMIT_READ_ROWS));

	while (e.code == ERR_OK && (e = db_row(&v->db, q, &more)).code == ERR_OK && more)
		rows[n++] = (struct queued_row){ db_u64(&v->db, q, 0), db_u64(&v->db, q, 1),
			                         db_u64(&v->db, q, 2) };
	db_end(&v->db, q);
	*count = n;
	return e;
}

static err is_there(struct verify *v, enum query q, uint64_t id, bool *there)
{
	err e = db_start(&v->db, q, DB_INT(id));

	if (e.code == ERR_OK)
		e = db_row(&v->db, q, there);
	db_end(&v->db, q);
	return e;
}

/* Content that came after the pass over contents is looked up; only its being there is judged. */
static const char *row_mistake(struct verify *v, const struct queued_row *r, err *e)
{
	struct known_content *c = verify_known(v, queue_content_id(r->queue_id));
	bool there = false;

	if (!c) {
		*e = is_there(v, Q_CONTENT_GET, queue_content_id(r->queue_id), &there);
		return there ? NULL : "the recipient's message is not there";
	}
	c->named++;
	if (c->intent_size != UINT32_MAX &&
	    (r->path_at < RECORD_HEAD_SIZE ||
	     r->path_at + r->path_size > RECORD_HEAD_SIZE + (uint64_t)c->intent_size))
		return "the recipient lies outside the record's intent";
	return NULL;
}

static err check_row(struct verify *v, const struct queued_row *r)
{
	bool there = false;
	err e = OK;
	const char *what = row_mistake(v, r, &e);

	TRY(e);
	if (!what)
		return OK;
	TRY(is_there(v, Q_QUEUE_PLACE, r->queue_id, &there)); /* it may have been sent meanwhile */
	if (there)
		verify_add(v, "queue", false, what, "queue id %" PRIu64, r->queue_id);
	return OK;
}

err verify_queue(struct verify *v)
{
	struct queued_row *rows = arena_new(v->arena, struct queued_row, LIMIT_READ_ROWS);
	uint64_t after = 0;
	size_t count;

	if (v->db.version < QUEUE_SINCE)
		return OK;
	if (!rows)
		return ERR_NO_MEMORY;
	do {
		TRY(read_page(v, after, rows, &count));
		for (size_t i = 0; i < count; i++) {
			after = rows[i].queue_id;
			TRY(check_row(v, &rows[i]));
			v->report->queued++;
		}
	} while (count);
	return OK;
}
