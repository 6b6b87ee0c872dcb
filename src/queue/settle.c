/* What came of a transaction: decided for each recipient, told to its sender where it is to be, committed.
 *
 * The result of the attempts and the notices about them are one commit: a recipient is not given up without
 * its notice being in a mailbox or in the queue, and no notice is made twice. */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "queue/outbound_internal.h"
#include "queue/report.h"

enum { EVENTS_MOST = LIMIT_SHIPMENT_ARENA / 2, STORE_AGAIN_MS = 1000 };

/* --- deciding --- */

static enum client_fate fate_of(const struct shipment *s, size_t i)
{
	return s->asked ? s->asked[i].fate : s->fault.fate;
}

static struct outcome_facts facts_of(const struct shipment *s, size_t i)
{
	const struct queue_recipient *r = &s->recipients[i];

	return (struct outcome_facts){ .fate = fate_of(s, i),
		                       .lack = s->mail.lack,
		                       .counts = s->broken && s->first && !s->answered,
		                       .status = s->asked ? s->asked[i].status : s->fault.status,
		                       .lmtp = s->lmtp,
		                       .passed_dsn = s->mail.passed_dsn,
		                       .passed_by = s->mail.passed_by,
		                       .tries = r->tries,
		                       .delay_told = r->delay_told,
		                       .notify = r->notify,
		                       .envelope = &s->message.envelope,
		                       .received_ms = s->message.received_ms,
		                       .now_ms = clock_now(),
		                       .retry_at_ms = s->asked ? 0 : s->fault.retry_at_ms,
		                       .random = random_u64() };
}

/* What was answered, the last time where it was not tried now, or what we say about it. */
str shipment_reply(const struct shipment *s, size_t i)
{
	struct smtp_status status;

	if (s->untried)
		return s->recipients[i].last_reply;
	if (fate_of(s, i) == CLIENT_FATE_LACKS)
		return str_of(s->lack_why ? s->lack_why : outcome_of_lack(s->mail.lack, &status));
	return s->asked ? s->asked[i].reply : s->fault.reply;
}

bool shipment_is_answered(const struct shipment *s, size_t i)
{
	if (s->untried) /* our own words begin with no code */
		return advice_code(s->recipients[i].last_reply) > 0;
	if (fate_of(s, i) == CLIENT_FATE_LACKS)
		return false;
	return s->asked ? s->asked[i].answered : s->fault.answered;
}

/* --- what is told to the log --- */

static void tell(struct shipment *s, size_t i)
{
	static const enum log_event events[] = { [OUTCOME_SENT] = EV_MESSAGE_SENT,
		                                 [OUTCOME_LATER] = EV_MESSAGE_DEFERRED,
		                                 [OUTCOME_FAILED] = EV_MESSAGE_BOUNCED };
	static const enum metric metrics[] = { [OUTCOME_SENT] = METRIC_SENT,
		                               [OUTCOME_LATER] = METRIC_DEFERRED,
		                               [OUTCOME_FAILED] = METRIC_BOUNCED };
	const struct queue_recipient *r = &s->recipients[i];
	const struct outcome *out = &s->outcomes[i];
	str words = shipment_reply(s, i);
	bool answered = shipment_is_answered(s, i);
	bool too_late = out->expired && out->kind == OUTCOME_FAILED;

	report_add(&s->events, clock_now(), events[out->kind],
	           &(struct report){ .message_id = s->message.id,
	                             .queue_id = r->queue_id,
	                             .reverse_path = r->reverse_path,
	                             .forward_path = r->forward_path,
	                             .remote_host = s->remote_host,
	                             .remote_ip = s->remote_ip,
	                             .tls = s->tls,
	                             .reply = answered ? words : STR(""),
	                             .why = too_late   ? STR("it could not be delivered in time")
	                                    : answered ? STR("")
	                                               : words,
	                             .attempts = r->tries + !s->untried,
	                             .next_attempt_ms = out->kind == OUTCOME_LATER ? out->due_ms : 0 });
	metric_add(metrics[out->kind], 1);
}

static void add_attempt(struct shipment *s, struct attempts *all, size_t i)
{
	const struct outcome *out = &s->outcomes[i];

	all->items[all->count++] = (struct attempt){
		.queue_id = s->recipients[i].queue_id,
		.kind = out->kind == OUTCOME_LATER ? ATTEMPT_WAIT : ATTEMPT_DONE,
		.due_ms = out->due_ms,
		.reply = shipment_reply(s, i),
		.delay_told = out->delay_told,
	};
	tell(s, i);
}

/* --- after the commit --- */

/* Under the lock: what waits has its time, and is under way no more. */
static void note_times(struct shipment *s)
{
	const struct attempts *all = &s->ops[0].attempts;

	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].kind == ATTEMPT_WAIT && all->items[i].result.code == ERR_OK)
			intake_note_due(s->out, all->items[i].queue_id, all->items[i].due_ms);
}

static void end(struct shipment *s)
{
	struct outbound *o = s->out;

	outbound_lock(o);
	if (s->commit.op_count)
		note_times(s);
	shipment_unlist(s);
	outbound_unlock(o);
	outbound_pump(o);
	s->finished(s);
}

static void commit_all(struct shipment *s);

static void commit_again(struct timer *timer) { commit_all(CONTAINER(timer, struct shipment, timer)); }

static void make_for_postmaster(struct shipment *s);

/* A notice that its mailbox did not take goes to postmaster; the attempts stand. */
static bool notice_refused(struct shipment *s)
{
	for (size_t i = 0; i < s->notice_count; i++) {
		err_code code = s->notice_ops[i]->result.code;
		if (code == ERR_QUOTA || code == ERR_MISSING || code == ERR_LIMIT)
			return !s->to_postmaster;
	}
	return false;
}

static void committed(struct commit *commit)
{
	struct shipment *s = CONTAINER(commit, struct shipment, commit);
	err e = s->ops[0].result;

	if (e.code != ERR_OK && !atomic_load(&s->out->stopping)) {
		s->timer.fire = commit_again;
		loop_timer_set(s->loop, &s->timer, STORE_AGAIN_MS);
		return;
	}
	if (e.code == ERR_OK && !s->told) {
		s->told = true;
		log_write_line(buf_str(&s->events));
		metric_add(METRIC_DSN_MADE, s->notice_count);
	}
	if (e.code == ERR_OK && notice_refused(s))
		make_for_postmaster(s);
	else
		end(s);
}

static void commit_all(struct shipment *s) { store_commit(s->out->given.store, &s->commit); }

static void drop_notices(struct shipment *s)
{
	for (size_t i = 0; i < s->notice_count; i++)
		notice_fini(&s->notices[i]);
	s->notice_count = 0;
}

/* --- the commit --- */

static void fill_commit(struct shipment *s)
{
	struct commit *c = &s->commit;
	size_t n = 1;

	s->ops[0].attempts.event = buf_str(&s->events);
	for (size_t i = 0; i < s->notice_count; i++) {
		s->ops[n] = s->notices[i].op;
		s->notice_ops[i] = &s->ops[n++];
	}
	if (s->notes.count) {
		s->notes.items = s->note;
		s->ops[n++] = (struct commit_op){ .kind = COMMIT_NOTE, .notes = s->notes };
	}
	*c = (struct commit){ .loop = s->loop,
		              .done = committed,
		              .arena = &s->arena,
		              .ops = s->ops,
		              .op_count = n,
		              /* Marketing's results wait behind mail that people send and wait for. */
		              .urgent = s->rows.lane == QUEUE_TRANSACTIONAL };
}

static void try_again(struct timer *timer);

/* Without its notice nobody is given up: the whole is tried again a little later. */
static void noticed(struct shipment *s)
{
	if (s->result.code != ERR_OK && s->result.code != ERR_LIMIT && s->result.code != ERR_CORRUPT &&
	    !atomic_load(&s->out->stopping)) {
		drop_notices(s);
		s->timer.fire = try_again;
		loop_timer_set(s->loop, &s->timer, STORE_AGAIN_MS);
		return;
	}
	if (s->result.code != ERR_OK && atomic_load(&s->out->stopping)) {
		s->commit.op_count = 0;
		end(s);
		return;
	}
	fill_commit(s);
	commit_all(s);
}

static void try_again(struct timer *timer)
{
	struct shipment *s = CONTAINER(timer, struct shipment, timer);

	shipment_submit(s, shipment_notices_run, noticed);
}

/* The attempts are durable; what is left is a notice for somebody else. */
static void fill_for_postmaster(struct shipment *s)
{
	size_t n = 1;

	s->ops[0].attempts.count = 0;
	s->ops[0].attempts.event = buf_str(&s->events);
	for (size_t i = 0; i < s->notice_count; i++) {
		s->ops[n] = s->notices[i].op;
		s->notice_ops[i] = &s->ops[n++];
	}
	s->commit.op_count = n;
	commit_all(s);
}

static void made_for_postmaster(struct shipment *s)
{
	if (s->result.code == ERR_OK && s->notice_count)
		fill_for_postmaster(s);
	else
		end(s);
}

static void make_for_postmaster(struct shipment *s)
{
	outbound_lock(s->out);
	note_times(s);
	outbound_unlock(s->out);
	for (size_t i = 0; i < s->notice_count; i++) /* those that found their mailbox are not made again */
		if (s->notice_ops[i]->result.code == ERR_OK)
			for (size_t r = 0; r < s->count; r++)
				if (s->outcomes[r].notice == s->notice_kinds[i])
					s->outcomes[r].notice = OUTCOME_TELLS_NOTHING;
	drop_notices(s);
	buf_clear(&s->events);
	s->to_postmaster = true;
	shipment_submit(s, shipment_notices_run, made_for_postmaster);
}

/* --- beginning --- */

/* What was not its turn after all goes back; the rest is attempts. False: no memory. */
static bool decide(struct shipment *s, bool *tells)
{
	struct attempts *all = &s->ops[0].attempts;

	s->outcomes = arena_new(&s->arena, struct outcome, s->count + 1);
	all->items = arena_new(&s->arena, struct attempt, s->count + 1);
	buf_init(&s->events, &s->arena, EVENTS_MOST);
	s->ops[0].kind = COMMIT_ATTEMPT;
	if (!s->outcomes || !all->items)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		struct outcome_facts facts = facts_of(s, i);
		s->outcomes[i] = outcome_decide(&facts);
		*tells |= s->outcomes[i].notice != OUTCOME_TELLS_NOTHING;
		if (s->outcomes[i].kind != OUTCOME_AGAIN)
			add_attempt(s, all, i);
	}
	if (all->count == s->count)
		return true;
	outbound_lock(s->out);
	shipment_return(s, 0, s->count, s->outcomes);
	outbound_unlock(s->out);
	return true;
}

/* A record that can't be read is a person's to look at. */
static bool hold_damaged(struct shipment *s)
{
	struct attempts *all = &s->ops[0].attempts;

	all->items = arena_new(&s->arena, struct attempt, s->rows.count);
	if (!all->items)
		return false;
	s->ops[0].kind = COMMIT_ATTEMPT;
	buf_init(&s->events, &s->arena, EVENTS_MOST);
	for (size_t i = 0; i < s->rows.count; i++)
		all->items[all->count++] =
			(struct attempt){ .queue_id = s->rows.queue_ids[i], .kind = ATTEMPT_HOLD };
	return true;
}

/* Nothing came of it: its rows are read anew, after a while. */
static void give_back(struct timer *timer)
{
	struct shipment *s = CONTAINER(timer, struct shipment, timer);

	outbound_lock(s->out);
	shipment_return_unread(s);
	shipment_unlist(s); /* else they would be passed over as under way */
	outbound_unlock(s->out);
	end(s);
}

static void put_off(struct shipment *s)
{
	s->timer.fire = give_back;
	if (atomic_load(&s->out->stopping))
		end(s);
	else
		loop_timer_set(s->loop, &s->timer, STORE_AGAIN_MS);
}

void shipment_settle(struct shipment *s)
{
	bool tells = false;

	s->commit.op_count = 0;
	if (s->others) {
		outbound_lock(s->out);
		shipment_return(s, s->count, s->count + s->others, NULL);
		outbound_unlock(s->out);
	}
	if (s->result.code == ERR_CORRUPT && !s->opened) {
		if (!hold_damaged(s)) {
			put_off(s);
			return;
		}
		fill_commit(s);
		commit_all(s);
		return;
	}
	if (!s->opened && s->result.code != ERR_OK) {
		put_off(s);
		return;
	}
	if (!decide(s, &tells)) {
		put_off(s);
		return;
	}
	if (s->ops[0].attempts.count == 0) {
		end(s);
	} else if (tells) {
		shipment_submit(s, shipment_notices_run, noticed);
	} else {
		fill_commit(s);
		commit_all(s);
	}
}
