/* A site that can't be used: left alone, and what is ready for it is told why. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "queue/delivery_internal.h"

enum { DRAINED_ALWAYS = 2, DRAINED_IN_ALL = 256 };

static void drain_some(struct delivery *d);

static void drained_one(struct shipment *s)
{
	struct delivery *d = s->owner;

	d->draining--;
	atomic_fetch_sub(&d->out->draining, 1);
	shipment_free(s);
	drain_some(d);
}

static void drain_loaded(struct shipment *s) { shipment_settle(s); }

static struct shipment *drain_take(struct delivery *d)
{
	struct outbound *o = d->out;
	struct transaction_rows rows;
	struct shipment *s = NULL;

	outbound_lock(o);
	if (schedule_take(o->schedule, d->os->site, INT64_MAX, 0, &rows)) {
		schedule_finished(o->schedule, d->os->site, rows.lane, true);
		s = shipment_new(o, d->loop, &rows);
		if (!s)
			intake_note_changed(o, rows.queue_ids, rows.count);
	}
	outbound_unlock(o);
	return s;
}

/* Many at a time where few sites are down, and some where all are, as when the network is away. */
static bool may_drain(const struct delivery *d)
{
	return d->draining < DRAINED_ALWAYS ||
	       (d->draining < LIMIT_SETTLING && atomic_load(&d->out->draining) < DRAINED_IN_ALL);
}

/* What is ready for the site is told why it waits, or that it failed. */
static void drain_some(struct delivery *d)
{
	while (d->drains && may_drain(d) && !atomic_load(&d->out->stopping)) {
		struct shipment *s = drain_take(d);
		if (!s) {
			d->drains = false;
			break;
		}
		d->draining++;
		atomic_fetch_add(&d->out->draining, 1);
		s->fault = d->fault;
		s->remote_host = d->fault.remote_host;
		s->owner = d;
		s->finished = drained_one;
		shipment_load(s, drain_loaded);
	}
	delivery_end_if_over(d);
}

static void tell_failed(struct delivery *d, int64_t until_ms)
{
	char room[40];
	struct buf next;

	buf_init_fixed(&next, room, sizeof room);
	clock_add_rfc3339(&next, until_ms);
	if (d->way->smarthost)
		log_event(EV_ROUTE_FAILED, LOG_STR("route", d->way->route_key),
		          LOG_STR("why", str_of(d->why)), LOG_STR("next_attempt", buf_str(&next)));
	else
		log_event(EV_SITE_HELD, LOG_STR("site", site_name(d->os->site)),
		          LOG_STR("why", str_of(d->why)), LOG_STR("next_attempt", buf_str(&next)));
}

static void save_backoff(struct delivery *d)
{
	struct outbound *o = d->out;
	struct arena arena;
	struct note note;

	arena_init(&arena, NULL, 4 * LIMIT_NOTE_VALUE);
	outbound_lock(o);
	err e = site_note_backoff(d->os, &arena, &note);
	outbound_unlock(o);
	if (e.code == ERR_OK)
		standing_save(o, &note);
	arena_reset(&arena);
}

/* None of its hosts can be used, while no other connection says otherwise. */
void delivery_site_down(struct delivery *d)
{
	struct outbound *o = d->out;
	int64_t until_ms = 0;

	outbound_lock(o);
	/* Another one of its connections may work, or has said so before. */
	bool alone = d->os->ready == 0 && site_held_until(d->os->site) <= clock_now();
	if (alone)
		until_ms = site_fail(d->os, clock_now());
	else
		schedule_narrow(o->schedule, d->os->site);
	outbound_unlock(o);
	if (alone && !atomic_load(&o->stopping)) {
		tell_failed(d, until_ms);
		save_backoff(d);
		d->drains = true;
		d->fault.fate = d->refused_for_good ? CLIENT_FATE_NEVER : CLIENT_FATE_LATER;
		d->fault.retry_at_ms = until_ms;
	}
	drain_some(d);
}
