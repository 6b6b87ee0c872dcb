/* What compaction asks of the committer: records have a new place; contents that nothing names go. */
#include <unistd.h>

#include "store/batch.h"

struct content_plan {
	uint64_t *files; /* content ids whose files go after COMMIT */
	size_t file_count;
};

static err plan_new(struct batch *b, struct planned *p, size_t count)
{
	struct content_plan *plan = arena_new(&b->arena, struct content_plan, 1);

	if (count > LIMIT_BATCH_ROWS)
		return (err){ ERR_LIMIT, 0, "more contents than one batch takes" };
	if (!plan || !(plan->files = arena_new(&b->arena, uint64_t, count)))
		return ERR_NO_MEMORY;
	p->plan = plan;
	return OK;
}

/* Octets in its segment of the record of a row (content_at, size, flags from `column` on). */
static uint64_t row_record_size(struct database *db, enum query q, int column)
{
	uint64_t at = db_u64(db, q, column), size = db_u64(db, q, column + 1);
	uint64_t here = db_u64(db, q, column + 2) & RECORD_IN_FILE ? 0 : size;

	return (at + here + 7) & ~(uint64_t)7;
}

static err live_add(struct batch *b, uint64_t segment, int64_t octets)
{
	return db_run(b->db, Q_SEGMENT_ADD_LIVE, DB_INT(segment), DB_INT(octets));
}

static err move_reserve(struct batch *b, struct planned *p) { return plan_new(b, p, p->op->move.count); }

static err move_apply(struct batch *b, struct planned *p)
{
	enum query q = Q_CONTENT_MOVE;

	for (size_t i = 0; i < p->op->move.count; i++) {
		const struct content_move *m = &p->op->move.moves[i];
		bool found = false;
		uint64_t size = 0;
		err e = db_start(b->db, q, DB_INT(m->content_id), DB_INT(m->from_segment), DB_INT(m->segment),
		                 DB_INT(m->offset));
		if (e.code == ERR_OK)
			e = db_row(b->db, q, &found);
		if (e.code == ERR_OK && found)
			size = row_record_size(b->db, q, 0);
		db_end(b->db, q);
		TRY(e);
		if (!found)
			continue;
		TRY(live_add(b, m->from_segment, -(int64_t)size));
		TRY(live_add(b, m->segment, (int64_t)size));
	}
	if (p->op->move.directory_octets == 0)
		return OK;
	TRY(live_add(b, p->op->move.from_segment, -(int64_t)p->op->move.directory_octets));
	return live_add(b, p->op->move.segment, (int64_t)p->op->move.directory_octets);
}

static void move_settle(struct batch *b, struct planned *p, bool ok)
{
	(void)b;
	(void)p;
	(void)ok;
}

const struct op_steps move_steps = { move_reserve, move_apply, move_settle };

static err collect_reserve(struct batch *b, struct planned *p)
{
	return plan_new(b, p, p->op->collect.count);
}

static err collect_apply(struct batch *b, struct planned *p)
{
	struct content_plan *plan = p->plan;
	enum query q = Q_CONTENT_COLLECT;

	for (size_t i = 0; i < p->op->collect.count; i++) {
		uint64_t id = p->op->collect.content_ids[i], segment = 0, size = 0;
		bool found = false;
		err e = db_start(b->db, q, DB_INT(id), DB_INT(p->op->collect.freed_before_ms));
		if (e.code == ERR_OK)
			e = db_row(b->db, q, &found);
		if (e.code == ERR_OK && found) {
			segment = db_u64(b->db, q, 0);
			size = row_record_size(b->db, q, 1);
			if (db_u64(b->db, q, 3) & RECORD_IN_FILE)
				plan->files[plan->file_count++] = id;
		}
		db_end(b->db, q);
		TRY(e);
		if (found)
			TRY(live_add(b, segment, -(int64_t)size));
	}
	if (p->op->collect.drop_segment)
		return db_run(b->db, Q_SEGMENT_REMOVE, DB_INT(p->op->collect.drop_segment));
	return OK;
}

static void collect_settle(struct batch *b, struct planned *p, bool ok)
{
	const struct content_plan *plan = p->plan;
	char path[4096];

	if (!ok)
		return;
	for (size_t i = 0; i < plan->file_count; i++) {
		content_file_path(b->store->files, plan->files[i], path, sizeof path);
		unlink(path); /* one that stays is found by verify */
	}
	if (p->op->collect.drop_segment) {
		err e = segment_remove(b->store->segments, p->op->collect.drop_segment);
		(void)e; /* one that stays is known to nobody: the next start removes it */
		atomic_fetch_sub(&b->store->segment_count, 1);
	}
}

const struct op_steps collect_steps = { collect_reserve, collect_apply, collect_settle };
