#include "store/committer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "store/app_internal.h"
#include "store/committer_internal.h"
#include "store/directory_internal.h"

/* BATCH_OCTETS of content end a batch, so that one of large messages does not make the small ones wait; the
 * arena holds the fronts of such a batch and the largest intent. */
enum {
	BATCH_ARENA = 128 * LIMIT_MB,
	BATCH_OCTETS = 8 * LIMIT_MB,
	EVENTS_MS = 200,
	REOPEN_MS = 1000,
	WAL_WAIT_MS = 20,
	WAL_WAITS = 100
};

static const struct op_steps *const steps[] = {
	[COMMIT_DELIVER] = &deliver_steps, [COMMIT_EXPUNGE] = &expunge_steps,
	[COMMIT_ATTEMPT] = &attempt_steps, [COMMIT_DIRECTORY] = &directory_steps,
	[COMMIT_NOTE] = &note_steps,       [COMMIT_MOVE] = &move_steps,
	[COMMIT_COLLECT] = &collect_steps,
};

/* The commits of a batch, and those of their operations that go through. */
struct round {
	struct batch batch;
	struct commit *commits, *last;
	size_t commit_count;
	struct planned *planned;
	size_t count, room;
	bool wrote; /* records: there is something to sync */
};

/* --- reserve --- */

static err add_planned(struct round *r, struct commit *commit, struct commit_op *op)
{
	if (r->count == r->room) {
		size_t room = r->room ? r->room * 2 : 128;
		struct planned *more = arena_new(&r->batch.arena, struct planned, room);
		if (!more)
			return ERR_NO_MEMORY;
		if (r->count)
			memcpy(more, r->planned, r->count * sizeof *more);
		r->planned = more;
		r->room = room;
	}
	r->planned[r->count] = (struct planned){ commit, op, NULL };
	return OK;
}

static void reserve_commit(struct round *r, struct commit *commit)
{
	for (size_t i = 0; i < commit->op_count; i++) {
		struct commit_op *op = &commit->ops[i];
		op->result = op->with_former && i > 0 ? op[-1].result : OK;
		if (op->result.code == ERR_OK)
			op->result = add_planned(r, commit, op);
		if (op->result.code == ERR_OK)
			op->result = steps[op->kind]->reserve(&r->batch, &r->planned[r->count]);
		if (op->result.code == ERR_OK)
			r->count++;
	}
}

/* Takes commits until the batch is full or the queue empty. */
static void reserve_all(struct committer *c, struct round *r)
{
	for (size_t ops = 0;
	     ops < LIMIT_BATCH_OPS && r->batch.tail.offset - r->batch.begin_offset < BATCH_OCTETS;) {
		pthread_mutex_lock(&c->lock);
		struct commit *commit = committer_take(c);
		pthread_mutex_unlock(&c->lock);
		if (!commit)
			return;
		if (r->last)
			r->last->next = commit;
		else
			r->commits = commit;
		r->last = commit;
		r->commit_count++;
		ops += commit->op_count;
		reserve_commit(r, commit);
	}
}

/* --- write --- */

/* Full: the next record goes into a new segment, and what was allocated ahead is given back. Also at the
 * first batch, and after a segment failed. */
static err choose_segment(struct committer *c)
{
	if (c->segment && c->tail.offset < c->store->options.limits.segment_octets)
		return OK;
	if (c->segment)
		TRY(segment_cut(c->segment, c->tail.offset));
	return committer_new_segment(c);
}

/* A segment whose write or sync failed is never written again: what the kernel still holds of it is unknown.
 * What was not committed is cut off, if that still goes, so that nobody takes it for mail. */
static void give_segment_up(struct committer *c, err why)
{
	log_event(EV_STORE_FAILED, LOG_STR("what", STR("writing a segment")),
	          LOG_INT("segment", c->tail.segment), LOG_Z("why", why.what),
	          LOG_STR("do", STR("the next messages go to a new segment; check the disk")));
	err cut = segment_cut(c->segment, c->tail.offset);
	(void)cut;
	segment_release(c->segment);
	c->segment = NULL;
}

static err write_records(struct committer *c, struct round *r)
{
	struct batch *b = &r->batch;

	if (b->part_count == 0)
		return OK;
	for (struct file_move *m = b->moves; m; m = m->next)
		TRY(content_file_prepare(b, m));
	err e = segment_write(c->segment, b->parts, b->part_count, b->begin_offset);
	if (e.code != ERR_OK && e.code != ERR_NOSPACE)
		give_segment_up(c, e);
	TRY(e);
	sync_thread_begin(c->sync, segment_fd(c->segment), b->moves);
	r->wrote = true;
	return OK;
}

/* New logins of apps, with what is committed anyway. */
static err write_app_uses(struct committer *c)
{
	int64_t now = clock_tick_ms();
	size_t count;

	if (now < c->app_uses_tick_ms || !atomic_exchange(&c->store->app_uses_new, false))
		return OK;
	const struct app *const *apps = directory_work_apps(c->directory, &count);
	c->app_uses_written = true;
	c->app_uses_tick_ms = now + APP_USE_WRITE_MS;
	return app_uses_write(&c->db, apps, count);
}

static void settle_app_uses(struct committer *c, bool ok)
{
	size_t count;
	const struct app *const *apps = directory_work_apps(c->directory, &count);

	if (c->app_uses_written && ok)
		app_uses_written(apps, count);
	else if (c->app_uses_written)
		atomic_store(&c->store->app_uses_new, true);
	c->app_uses_written = false;
}

/* At the end nothing is committed any more that they could go along with. */
static void write_last_app_uses(struct committer *c)
{
	c->app_uses_tick_ms = 0;
	if (!c->database_open || !atomic_load(&c->store->app_uses_new) || db_begin(&c->db).code != ERR_OK)
		return;
	err e = write_app_uses(c);
	if (e.code == ERR_OK)
		e = db_commit(&c->db);
	if (e.code != ERR_OK)
		db_rollback(&c->db);
	settle_app_uses(c, e.code == ERR_OK);
}

static err apply_all(struct committer *c, struct round *r)
{
	struct batch *b = &r->batch;

	TRY(db_begin(&c->db));
	for (size_t i = 0; i < r->count; i++)
		TRY(steps[r->planned[i].op->kind]->apply(b, &r->planned[i]));
	TRY(pending_apply_piece(b));
	TRY(mailbox_states_flush(c->mailboxes, &c->db));
	TRY(write_app_uses(c));
	if (b->live_added)
		TRY(db_run(&c->db, Q_SEGMENT_ADD_LIVE, DB_INT(b->tail.segment), DB_INT(b->live_added)));
	return db_run(&c->db, Q_BATCH_SET, DB_INT(c->store->options.node), DB_INT(b->tail.number),
	              DB_INT(b->tail.segment), DB_INT(b->tail.offset), DB_INT(b->tail.next_content_id),
	              DB_INT(b->tail.next_account_id));
}

/* The database can't be trusted until it was opened anew; until then everything is answered "try again". */
static void give_database_up(struct committer *c, err why)
{
	log_event(EV_STORE_FAILED, LOG_STR("what", STR("writing the database")), LOG_Z("why", why.what),
	          LOG_STR("do", STR("no mail is taken until it could be opened again; check the disk")));
	atomic_store(&c->store->why_not, "the disk failed; the store is being opened again");
	c->retry_tick_ms = clock_tick_ms();
}

/* What was written becomes durable; `e` is how writing went, `applied` how the statements. */
static err sync_round(struct committer *c, struct round *r, err e, err applied)
{
	err synced = r->wrote ? sync_thread_wait(c->sync) : OK;

	if (synced.code != ERR_OK)
		give_segment_up(c, synced);
	if (applied.code == ERR_OK && synced.code == ERR_OK) {
		applied = db_commit(&c->db);
		if (applied.code == ERR_OK)
			return OK;
		db_rollback(&c->db);
		if (applied.code != ERR_NOSPACE)
			give_database_up(c, applied);
		return applied;
	}
	db_rollback(&c->db);
	if (e.code == ERR_OK && applied.code != ERR_OK && applied.code != ERR_NOSPACE)
		give_database_up(c, applied);
	return applied.code != ERR_OK ? applied : synced;
}

static err commit_round(struct committer *c, struct round *r)
{
	err e = r->batch.spoiled.code == ERR_OK ? write_records(c, r) : r->batch.spoiled;
	err applied = e.code == ERR_OK ? apply_all(c, r) : e;
	int64_t begin_ns = clock_tick_ns();

	e = sync_round(c, r, e, applied);
	c->sync_ns = clock_tick_ns() - begin_ns;
	return e;
}

/* --- settle --- */

static err publish_directory(struct committer *c)
{
	struct directory *fresh;

	TRY(directory_work_publish(c->directory, &fresh));
	pthread_mutex_lock(&c->store->directory_lock);
	struct directory *old = c->store->published;
	c->store->published = fresh;
	pthread_mutex_unlock(&c->store->directory_lock);
	directory_release(old);
	return OK;
}

static void gather_event(struct committer *c, const struct commit_op *op)
{
	switch (op->kind) {
	case COMMIT_DELIVER:
		events_gather(c->store->events, op->deliver.event);
		break;
	case COMMIT_EXPUNGE:
		events_gather(c->store->events, op->expunge.event);
		break;
	case COMMIT_ATTEMPT:
		events_gather(c->store->events, op->attempts.event);
		break;
	case COMMIT_DIRECTORY:
		events_gather(c->store->events, op->directory.event);
		break;
	case COMMIT_NOTE:
	case COMMIT_MOVE:
	case COMMIT_COLLECT:
		break;
	}
}

static void settle_ok(struct committer *c, struct round *r)
{
	struct batch *b = &r->batch;

	c->tail = b->tail;
	mailbox_states_settled(c->mailboxes);
	for (const struct count_out *o = b->counts; o; o = o->next) {
		const struct account *a = directory_work_account_by_id(c->directory, o->account_id);
		if (!a)
			continue;
		atomic_fetch_sub(&a->usage->messages, o->messages);
		atomic_fetch_sub(&a->usage->octets, o->octets);
	}
	/* Without memory for a snapshot the change is durable and not yet seen: the next change publishes it
	 * too. */
	if (b->directory_changed && publish_directory(c).code != ERR_OK)
		log_event(EV_STORE_FAILED, LOG_STR("what", STR("publishing the directory")),
		          LOG_STR("why", STR("out of memory")));
	for (size_t i = 0; i < r->count; i++)
		gather_event(c, r->planned[i].op);
	atomic_fetch_add(&c->store->batches, 1);
	atomic_fetch_add(&c->store->commits, r->count);
}

/* A file that is missing or read-only below us is our trouble: to the callers ERR_MISSING and ERR_DENIED
 * speak of their mailboxes, and are told to the sender of a message as such. */
static err of_the_store(err why)
{
	if (why.code == ERR_NOSPACE || why.code == ERR_BUSY || why.code == ERR_CORRUPT)
		return why;
	return (err){ ERR_IO, why.at, why.what };
}

static void settle_failed(struct committer *c, struct round *r, err why)
{
	for (size_t i = 0; i < r->count; i++)
		r->planned[i].op->result = of_the_store(why);
	mailbox_states_forget(c->mailboxes);
	/* Ids are not given again: a record of theirs may lie behind the tail. */
	c->tail.next_content_id = r->batch.tail.next_content_id;
	c->tail.next_account_id = r->batch.tail.next_account_id;
	if (r->batch.directory_changed &&
	    directory_work_revert(c->directory, c->store->published).code != ERR_OK)
		give_database_up(c, ERR_NO_MEMORY); /* opening anew makes the copy anew */
}

static void run_round(struct committer *c)
{
	struct round r = { 0 };
	err e = choose_segment(c);

	r.batch = (struct batch){ .store = c->store,
		                  .db = &c->db,
		                  .mailboxes = c->mailboxes,
		                  .directory = c->directory,
		                  .pending = c->pending,
		                  .tail = c->tail,
		                  .begin_offset = c->tail.offset,
		                  .now_ms = clock_now() };
	r.batch.tail.number++;
	arena_init(&r.batch.arena, NULL, BATCH_ARENA);
	reserve_all(c, &r);
	if (e.code == ERR_OK && (r.count || pending_any(c->pending)))
		e = commit_round(c, &r);
	for (size_t i = 0; i < r.count; i++)
		steps[r.planned[i].op->kind]->settle(&r.batch, &r.planned[i], e.code == ERR_OK);
	pending_settle(&r.batch, e.code == ERR_OK);
	settle_app_uses(c, e.code == ERR_OK);
	if (e.code == ERR_OK)
		settle_ok(c, &r);
	else
		settle_failed(c, &r, e);
	pthread_mutex_lock(&c->lock);
	c->expected = r.commit_count + c->queued;
	pthread_mutex_unlock(&c->lock);
	committer_answer(r.commits);
	events_flush(c->store->events);
	arena_reset(&r.batch.arena);
}

/* --- the thread --- */

static void refuse_all(struct committer *c, err why)
{
	for (;;) {
		pthread_mutex_lock(&c->lock);
		struct commit *commit = committer_take(c);
		pthread_mutex_unlock(&c->lock);
		if (!commit)
			return;
		for (size_t i = 0; i < commit->op_count; i++)
			commit->ops[i].result = why;
		commit->next = NULL;
		committer_answer(commit);
	}
}

static void try_to_reopen(struct committer *c)
{
	struct arena arena;

	if (clock_tick_ms() < c->retry_tick_ms)
		return;
	arena_init(&arena, NULL, LIMIT_MB);
	readers_suspend(c->store->readers);
	committer_close(c);
	err e = committer_open(&arena, c);
	readers_resume(c->store->readers);
	if (e.code == ERR_OK) {
		atomic_store(&c->store->why_not, (const char *)NULL);
		log_event(EV_STORE_RECOVERED, LOG_STR("what", STR("the database was opened again")));
	}
	c->retry_tick_ms = clock_tick_ms() + REOPEN_MS;
	arena_reset(&arena);
}

static void wait_ms(struct committer *c, int64_t ms)
{
	(void)cond_wait_until(&c->wake, &c->lock, clock_tick_ns() + ms * 1000000);
}

/* Under the lock. False: the end. */
static bool wait_for_work(struct committer *c, bool failed)
{
	for (;;) {
		if (c->hold_wanted) {
			c->held = true;
			pthread_cond_broadcast(&c->settled);
			pthread_cond_wait(&c->wake, &c->lock);
			continue;
		}
		c->held = false;
		bool queued = c->urgent.first || c->ordinary.first;
		if (queued || (!failed && pending_any(c->pending)))
			return true;
		if (c->stopping)
			return false;
		if (c->poked) {
			c->poked = false;
			wait_ms(c, EVENTS_MS);
			if (!c->urgent.first && !c->ordinary.first)
				return true;
		} else if (failed) {
			wait_ms(c, REOPEN_MS);
			return true;
		} else {
			pthread_cond_wait(&c->wake, &c->lock);
		}
	}
}

/* A checkpoint that is under way and can't keep up is waited for, for at most 2 s. Where none is (a backup
 * holds it, or it is about to begin) waiting would not help; LIMIT_WAL_STOP is the end. */
static void wait_for_checkpoint(struct committer *c)
{
	int waits = 0;

	pthread_mutex_lock(&c->lock);
	while (c->hold_wanted ||
	       (waits++ < WAL_WAITS && !c->stopping && atomic_load(&c->store->checkpointing) &&
	        atomic_load(&c->store->wal_octets) > LIMIT_WAL_PAUSE)) {
		if (c->hold_wanted) {
			c->held = true;
			pthread_cond_broadcast(&c->settled);
		}
		wait_ms(c, WAL_WAIT_MS);
	}
	c->held = false;
	pthread_mutex_unlock(&c->lock);
}

static void work(struct committer *c, bool queued)
{
	const char *why_not = atomic_load(&c->store->why_not);

	if (why_not) {
		try_to_reopen(c);
		why_not = atomic_load(&c->store->why_not);
	}
	if (why_not) {
		refuse_all(c, (err){ ERR_IO, 0, why_not });
	} else if (atomic_load(&c->store->wal_octets) > LIMIT_WAL_STOP) {
		refuse_all(c, (err){ ERR_BUSY, 0, "the write-ahead log is too long: a reader holds it" });
	} else if (queued || pending_any(c->pending)) {
		wait_for_checkpoint(c);
		committer_gather(c);
		run_round(c);
	} else {
		events_flush(c->store->events);
	}
}

static void *committer_run(void *user)
{
	struct committer *c = user;

	pthread_setname_np(pthread_self(), "committer");
	for (;;) {
		pthread_mutex_lock(&c->lock);
		bool go_on = wait_for_work(c, atomic_load(&c->store->why_not) != NULL);
		bool queued = c->urgent.first || c->ordinary.first;
		pthread_mutex_unlock(&c->lock);
		if (!go_on)
			break;
		work(c, queued);
	}
	write_last_app_uses(c);
	events_flush(c->store->events);
	return NULL;
}

err committer_start(struct arena *arena, struct store *store, struct committer **out)
{
	struct committer *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NO_MEMORY;
	c->store = store;
	pthread_mutex_init(&c->lock, NULL);
	cond_init(&c->wake);
	pthread_cond_init(&c->settled, NULL);
	atomic_init(&c->next_segment, 1);
	store->committer = c;
	err e = mailbox_states_new(&c->mailboxes);
	if (e.code == ERR_OK)
		e = committer_open(arena, c);
	if (e.code == ERR_OK)
		e = sync_thread_start(store, &c->sync);
	if (e.code == ERR_OK) {
		int failed = pthread_create(&c->thread, NULL, committer_run, c);
		if (failed)
			e = err_errno(arena, failed, "starting the committer");
	}
	if (e.code != ERR_OK) {
		store->committer = NULL;
		committer_free(c);
		return e;
	}
	*out = c;
	return OK;
}

void committer_free(struct committer *c)
{
	sync_thread_stop(c->sync);
	committer_close(c);
	mailbox_states_free(c->mailboxes);
	directory_work_free(c->directory);
	pending_free(c->pending);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->wake);
	pthread_cond_destroy(&c->settled);
	free(c);
}

void committer_stop(struct committer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	committer_free(c);
}

void committer_poke(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	if (!c->poked) {
		c->poked = true;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
}

void committer_hold(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	c->hold_wanted = true;
	pthread_cond_broadcast(&c->wake);
	while (!c->held && !c->stopping)
		pthread_cond_wait(&c->settled, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void committer_release(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	c->hold_wanted = false;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

uint64_t committer_new_segment_number(struct committer *c) { return atomic_fetch_add(&c->next_segment, 1); }

uint64_t committer_current_segment(struct committer *c) { return atomic_load(&c->current_segment); }
