/* Rows out of the store into the schedule, one reading at a time, by a worker:
 *
 *   notes    what is remembered of sites, at the start
 *   fresh    rows never tried: at the start, and where memory was full; else they come by themselves
 *   changed  rows that somebody held, released, removed, or that may have been passed over: whatever they are
 *            in the store now
 *   due      rows whose time has come, in the order of their times
 *
 * Due rows are read behind a mark (time, id), and rows get times that lie ahead of it. Where one may have got
 * its time too late for that (a stalled disk, a clock set forward) it goes with the changed ones: they are
 * taken out and put in again by what the store says, and only what the mark has passed is put in.
 *
 * What came due during a stop is read in the order of its times, over LIMIT_SPREAD_MS; the schedule gives
 * transactional mail its turn first. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "queue/outbound_internal.h"
#include "queue/retry.h"

enum { AGAIN_MS = 1000, INTAKE_ARENA = 4 * LIMIT_MB };

/* --- marks; under the lock --- */

static bool mark_passed(const struct intake *in, uint64_t queue_id, int64_t due_ms)
{
	return due_ms < in->due_after_ms || (due_ms == in->due_after_ms && queue_id <= in->due_after_id);
}

/* Where even a list of ids has no room all rows are read anew, when there is some. */
void intake_note_changed(struct outbound *o, const uint64_t *queue_ids, size_t count)
{
	struct intake *in = &o->intake;

	if (count == 0)
		return;
	if (in->changed_count + count > in->changed_room) {
		size_t room = 2 * (in->changed_count + count);
		uint64_t *wider = realloc(in->changed, room * sizeof *wider);
		if (!wider) {
			in->lost = true;
			return;
		}
		in->changed = wider;
		in->changed_room = room;
	}
	memcpy(in->changed + in->changed_count, queue_ids, count * sizeof *queue_ids);
	in->changed_count += count;
}

/* All rows out, all marks back to the beginning. */
static void begin_anew(struct outbound *o, struct intake *in)
{
	schedule_clear(o->schedule);
	in->lost = in->live = in->fresh_done = false;
	in->anew = true;
	in->live_from = in->fresh_after = in->due_after_id = 0;
	in->due_after_ms = in->next_due_ms = 0;
	in->changed_count = 0;
}

void intake_note_due(struct outbound *o, uint64_t queue_id, int64_t due_ms)
{
	struct intake *in = &o->intake;
	int64_t passed_ms = in->until_ms > in->due_after_ms ? in->until_ms : in->due_after_ms;

	if (due_ms < in->next_due_ms)
		in->next_due_ms = due_ms;
	if (due_ms <= passed_ms)
		intake_note_changed(o, &queue_id, 1);
}

/* New rows while memory is full, or before those of the former run were read, are read in their turn. */
void intake_queued(void *user, const struct queue_row *rows, size_t count)
{
	struct outbound *o = user;
	struct intake *in = &o->intake;
	size_t taken = 0;

	outbound_lock(o);
	if (count && rows[0].due_ms) {
		for (size_t i = 0; i < count; i++)
			intake_note_due(o, rows[i].queue_id, rows[i].due_ms);
	} else if (in->live) {
		/* A reading may have seen them before this thread came to tell. */
		while (count && rows[0].queue_id <= in->fresh_after) {
			rows++;
			count--;
		}
		if (in->live_from == 0 && count)
			in->live_from = rows[0].queue_id;
		if (schedule_add(o->schedule, rows, count, &taken).code != ERR_OK) {
			in->live = in->fresh_done = false;
			in->fresh_after = rows[taken].queue_id - 1;
			in->live_from = 0;
		}
	}
	outbound_unlock(o);
	outbound_pump(o);
}

/* --- reading: on a worker --- */

static void read_notes(struct outbound *o, struct intake *in)
{
	str after = { in->notes_after, in->notes_after_len };

	in->notes = arena_new(&in->arena, struct note, LIMIT_READ_ROWS);
	in->result = in->notes ? note_read(o->given.store, &in->arena, STR(""), after, in->notes,
	                                   LIMIT_READ_ROWS, &in->count)
	                       : ERR_NO_MEMORY;
}

static void read_due(struct outbound *o, struct intake *in)
{
	size_t room = LIMIT_READ_ROWS;

	if (in->overdue == UINT64_MAX)
		in->result = queue_count_due(o->given.store, in->until_ms, &in->overdue);
	if (in->result.code == ERR_OK)
		in->result = queue_read_due(o->given.store, &in->arena, in->until_ms, in->due_after_ms,
		                            in->due_after_id, in->rows, room, &in->count);
	in->found_next_ms = in->until_ms;
	if (in->result.code == ERR_OK && in->count < room)
		in->result = queue_next_due(o->given.store, in->until_ms, &in->found_next_ms);
}

/* Those that are not there any more are left out. */
static void read_changed(struct outbound *o, struct intake *in)
{
	in->count = 0;
	for (size_t i = 0; i < in->changed_now_count && in->result.code == ERR_OK; i++) {
		size_t count = 0;
		uint64_t id = in->changed_now[i];
		in->result =
			queue_read_all(o->given.store, &in->arena, id - 1, &in->rows[in->count], 1, &count);
		in->count += count && in->rows[in->count].queue_id == id;
	}
}

static void intake_run(struct job *job)
{
	struct intake *in = (struct intake *)(void *)job;
	struct outbound *o = CONTAINER(in, struct outbound, intake);

	in->count = 0;
	in->rows = arena_new(&in->arena, struct queue_row, LIMIT_READ_ROWS);
	in->result = in->rows ? OK : ERR_NO_MEMORY;
	if (in->result.code != ERR_OK)
		return;
	switch (in->step) {
	case INTAKE_NOTES:
		read_notes(o, in);
		break;
	case INTAKE_FRESH:
		in->result = queue_read_fresh(o->given.store, &in->arena, in->fresh_after, in->rows,
		                              LIMIT_READ_ROWS, &in->count);
		break;
	case INTAKE_DUE:
		read_due(o, in);
		break;
	case INTAKE_CHANGED:
		read_changed(o, in);
		break;
	}
}

/* --- what was read; under the lock --- */

static void take_notes(struct outbound *o, struct intake *in)
{
	for (size_t i = 0; i < in->count; i++)
		standing_take_note(o, &in->notes[i]);
	if (in->count) {
		str last = in->notes[in->count - 1].key;
		memcpy(in->notes_after, last.ptr, last.len);
		in->notes_after_len = last.len;
	}
	in->notes_read = in->count < LIMIT_READ_ROWS;
}

/* False: memory is full. */
static bool add_rows(struct outbound *o, const struct queue_row *rows, size_t count, size_t *taken)
{
	return schedule_add(o->schedule, rows, count, taken).code == ERR_OK;
}

/* The same for rows that may be under way: those are passed over, and read again at their end. Rows of one
 * message stay together. */
static bool add_others(struct outbound *o, const struct queue_row *rows, size_t count, size_t *taken)
{
	for (*taken = 0; *taken < count;) {
		struct shipment *under_way = shipment_find(o, rows[*taken].queue_id);
		size_t run = 1, added = 1;
		bool whole = true;

		while (!under_way && *taken + run < count && !shipment_find(o, rows[*taken + run].queue_id))
			run++;
		if (under_way)
			under_way->changed = true;
		else
			whole = add_rows(o, &rows[*taken], run, &added);
		*taken += added;
		if (!whole)
			return false;
	}
	return true;
}

/* When the last page was read new ones come by themselves; those that were committed in between are on one
 * page more. */
static bool take_fresh(struct outbound *o, struct intake *in)
{
	size_t count = in->count, taken = 0;

	while (in->live_from && count && in->rows[count - 1].queue_id >= in->live_from)
		count--;
	bool whole = in->anew ? add_others(o, in->rows, count, &taken) : add_rows(o, in->rows, count, &taken);
	if (taken)
		in->fresh_after = in->rows[taken - 1].queue_id;
	if (!whole)
		return false;
	in->fresh_done = in->live && count < LIMIT_READ_ROWS;
	in->live = in->live || in->count == 0;
	return true;
}

static bool take_due(struct outbound *o, struct intake *in)
{
	size_t taken = 0;
	bool whole = add_others(o, in->rows, in->count, &taken);

	if (taken) {
		in->due_after_ms = in->rows[taken - 1].due_ms;
		in->due_after_id = in->rows[taken - 1].queue_id;
	}
	in->overdue_read = in->count < LIMIT_READ_ROWS ? in->overdue : in->overdue_read + taken;
	in->until_ms = 0;
	if (in->found_next_ms < in->next_due_ms)
		in->next_due_ms = in->found_next_ms;
	return whole;
}

/* What is fresh and not read yet will be. */
static bool belongs_here(const struct intake *in, const struct queue_row *row)
{
	if (row->held)
		return false;
	if (row->due_ms)
		return mark_passed(in, row->queue_id, row->due_ms);
	return row->queue_id <= in->fresh_after || (in->live_from && row->queue_id >= in->live_from);
}

static void take_changed(struct outbound *o, struct intake *in)
{
	size_t taken;

	for (size_t i = 0; i < in->count; i++) {
		const struct queue_row *row = &in->rows[i];
		struct site *site = schedule_site_of(o->schedule, row);
		if (site && !row->held)
			schedule_hold(o->schedule, site, 0);
		if (row->due_ms && row->due_ms < in->next_due_ms && !row->held)
			in->next_due_ms = row->due_ms;
		if (belongs_here(in, row) && !add_others(o, row, 1, &taken))
			intake_note_changed(o, &row->queue_id, 1);
	}
}

/* --- from one to the next --- */

static void again(struct timer *timer) { intake_next(CONTAINER(timer, struct outbound, intake.timer)); }

static void intake_done(struct job *job)
{
	struct intake *in = (struct intake *)(void *)job;
	struct outbound *o = CONTAINER(in, struct outbound, intake);
	bool whole = true;

	outbound_lock(o);
	if (in->result.code != ERR_OK) {
		whole = false;
		if (in->step == INTAKE_CHANGED)
			intake_note_changed(o, in->changed_now, in->changed_now_count);
		if (in->step == INTAKE_DUE)
			in->next_due_ms = in->until_ms;
		in->until_ms = 0;
	} else if (in->step == INTAKE_NOTES) {
		take_notes(o, in);
	} else if (in->step == INTAKE_FRESH) {
		whole = take_fresh(o, in);
	} else if (in->step == INTAKE_DUE) {
		whole = take_due(o, in);
	} else {
		take_changed(o, in);
	}
	outbound_unlock(o);
	arena_reset(&in->arena);
	in->busy = false;
	outbound_pump(o);
	if (whole)
		intake_next(o);
	else
		loop_timer_set(o->home, &in->timer, AGAIN_MS);
	outbound_check_stopped(o);
}

/* The next ones, ascending and each once: who asks twice for a row gets it read once. */
static bool take_changed_ids(struct intake *in)
{
	size_t count = in->changed_count < LIMIT_READ_ROWS ? in->changed_count : LIMIT_READ_ROWS;
	uint64_t *ids = in->changed_now;
	size_t kept = 0;

	if (count == 0)
		return false;
	in->changed_count -= count;
	memcpy(ids, in->changed + in->changed_count, count * sizeof *ids);
	qsort(ids, count, sizeof *ids, schedule_by_id);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			ids[kept++] = ids[i];
	in->changed_now_count = kept;
	return true;
}

/* What came due during the stop is spread; else what is due is due. */
static int64_t due_from(const struct intake *in)
{
	if (in->overdue == UINT64_MAX)
		return 0;
	if (in->overdue_read < in->overdue)
		return in->started_ms + retry_spread_ms(in->overdue_read, in->overdue);
	return in->next_due_ms;
}

/* What comes next; under the lock. False: nothing now, and *wait_ms is how long. */
static bool choose(struct outbound *o, struct intake *in, int64_t *wait_ms)
{
	int64_t now_ms = clock_now();

	if (in->lost)
		begin_anew(o, in);
	if (!in->notes_read) {
		in->step = INTAKE_NOTES;
	} else if (take_changed_ids(in)) {
		in->step = INTAKE_CHANGED;
		(void)schedule_remove(o->schedule, in->changed_now, in->changed_now_count);
	} else if (!in->fresh_done) {
		in->step = INTAKE_FRESH;
	} else if (due_from(in) <= now_ms) {
		in->step = INTAKE_DUE;
		in->until_ms = now_ms;
		in->next_due_ms = INT64_MAX; /* lowered by what is read, and by what gets a time meanwhile */
	} else {
		*wait_ms = due_from(in) - now_ms;
		return false;
	}
	return true;
}

void intake_next(struct outbound *o)
{
	struct intake *in = &o->intake;
	int64_t wait_ms = 0;

	if (in->busy || atomic_load(&o->stopping))
		return;
	outbound_lock(o);
	bool chosen = choose(o, in, &wait_ms);
	outbound_unlock(o);
	if (!chosen) {
		loop_timer_set(o->home, &in->timer, wait_ms < 3600000 ? wait_ms : 3600000);
		return;
	}
	arena_init(&in->arena, NULL, INTAKE_ARENA);
	in->busy = true;
	in->job.run = intake_run;
	in->job.done = intake_done;
	if (work_submit(o->given.work, WORK_BULK, &in->job).code != ERR_OK) {
		in->result = (err){ ERR_BUSY, 0, "all workers are busy" };
		intake_done(&in->job);
	}
}

void intake_start(struct outbound *o)
{
	struct intake *in = &o->intake;

	in->timer.fire = again;
	in->started_ms = clock_now();
	in->overdue = UINT64_MAX;
	in->next_due_ms = INT64_MAX;
	intake_next(o);
}

void intake_fini(struct outbound *o)
{
	arena_reset(&o->intake.arena);
	free(o->intake.changed);
}
