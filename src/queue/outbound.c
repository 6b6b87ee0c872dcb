/* The queue at work as a whole: what is begun, how it ends, what people want of it. */
#include "queue/outbound_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "deliver/routes.h"
#include "queue/outbound.h"
#include "store/directory.h"

enum { BEGUN_AT_ONCE = 64, LONGEST_MS = 3600 * 1000 };

/* --- the pump: home loop --- */

/* Idle connections whose site has something for them. Under the lock. */
static void wake_idle(struct outbound *o, int64_t now_ms)
{
	for (struct link *l = o->idle.next, *next; l != &o->idle; l = next) {
		struct delivery *d = delivery_of_idle(l);
		struct site *site = delivery_site(d)->site;
		size_t ready[2], connections, limit;

		next = l->next;
		site_get_counts(site, ready, &connections, &limit);
		if (ready[0] + ready[1] > 0 && site_held_until(site) <= now_ms)
			delivery_wake(d);
	}
}

/* As many as may be begun at once; how many. */
static size_t begin_some(struct outbound *o, struct delivery *begun[static BEGUN_AT_ONCE], int64_t now_ms)
{
	size_t n = 0;

	while (n < BEGUN_AT_ONCE && o->connections < LIMIT_OUTBOUND_CONNECTIONS) {
		bool marketing_too = o->connections < LIMIT_OUTBOUND_CONNECTIONS / 4 * 3;
		struct site *site = schedule_to_connect(o->schedule, now_ms, marketing_too);
		if (!site)
			break;
		begun[n] = delivery_new(o, *site_user(site));
		if (!begun[n])
			break;
		n++;
	}
	/* Where all places are taken those that wait for nothing make room. */
	if (o->connections >= LIMIT_OUTBOUND_CONNECTIONS && !link_is_empty(&o->idle) &&
	    schedule_to_connect(o->schedule, now_ms, true))
		delivery_stop(delivery_of_idle(o->idle.next), false);
	return n;
}

static void pump(struct post *post)
{
	struct outbound *o = CONTAINER(post, struct outbound, pump_post);
	struct delivery *begun[BEGUN_AT_ONCE];
	size_t count;

	atomic_store(&o->pump_due, false);
	if (atomic_load(&o->stopping))
		return;
	find_start_some(o);
	intake_next(o);
	if (atomic_load(&o->frozen))
		return;
	int64_t now_ms = clock_now();
	outbound_lock(o);
	wake_idle(o, now_ms);
	count = begin_some(o, begun, now_ms);
	int64_t next_ms = schedule_next_ms(o->schedule);
	outbound_unlock(o);
	for (size_t i = 0; i < count; i++)
		delivery_begin(begun[i]);
	if (count == BEGUN_AT_ONCE)
		outbound_pump(o);
	if (next_ms != INT64_MAX)
		loop_timer_set(o->home, &o->pump_timer,
		               next_ms <= now_ms               ? 1
		               : next_ms - now_ms > LONGEST_MS ? LONGEST_MS
		                                               : next_ms - now_ms);
}

static void pump_due(struct timer *timer) { outbound_pump(CONTAINER(timer, struct outbound, pump_timer)); }

void outbound_pump(struct outbound *o)
{
	if (!atomic_exchange(&o->pump_due, true))
		loop_post(o->home, &o->pump_post);
}

/* --- life --- */

static err copy_given(struct outbound *o, const struct outbound_options *options)
{
	struct outbound_source *sources =
		arena_new(&o->arena, struct outbound_source, options->source_count + 1);

	o->given = *options;
	if (!sources)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < options->source_count; i++) {
		sources[i] = options->sources[i];
		TRY(arena_copy(&o->arena, options->sources[i].hostname, &sources[i].hostname));
	}
	o->given.sources = sources;
	TRY(arena_copy(&o->arena, options->hostname, &o->given.hostname));
	TRY(arena_copy(&o->arena, options->notices.hostname, &o->given.notices.hostname));
	return arena_copy(&o->arena, options->notices.srs_key, &o->given.notices.srs_key);
}

static void start(struct post *post)
{
	struct outbound *o = CONTAINER(post, struct outbound, start_post);

	outbound_routes_changed(o);
	intake_start(o);
}

err outbound_new(const struct outbound_options *options, struct outbound **out)
{
	struct outbound *o = calloc(1, sizeof *o);

	if (!o)
		return ERR_NO_MEMORY;
	arena_init(&o->arena, NULL, LIMIT_MB);
	pthread_mutex_init(&o->lock, NULL);
	link_init(&o->deliveries);
	link_init(&o->idle);
	link_init(&o->shipments);
	link_init(&o->failing);
	o->pump_post.run = pump;
	o->start_post.run = start;
	o->pump_timer.fire = pump_due;
	o->frozen = options->frozen;
	err e = copy_given(o, options);
	if (e.code == ERR_OK)
		e = schedule_new(outbound_site_forget, &o->schedule);
	if (e.code != ERR_OK) {
		outbound_free(o);
		return e;
	}
	o->home = loops_get(options->loops, 0);
	o->intake.next_due_ms = INT64_MAX;
	store_on_queued(options->store, intake_queued, o);
	*out = o;
	return OK;
}

void outbound_start(struct outbound *o) { loop_post(o->home, &o->start_post); }

void outbound_free(struct outbound *o)
{
	if (!o)
		return;
	intake_fini(o);
	schedule_free(o->schedule);
	standing_fini(o);
	pthread_mutex_destroy(&o->lock);
	arena_reset(&o->arena);
	free(o);
}

/* --- the end --- */

static void check(struct post *post)
{
	struct outbound *o = CONTAINER(post, struct outbound, check_post);

	atomic_store(&o->check_due, false);
	if (o->told_stopped)
		return;
	outbound_lock(o);
	bool over = link_is_empty(&o->deliveries) && link_is_empty(&o->shipments);
	outbound_unlock(o);
	if (!over || o->resolving || o->intake.busy || !link_is_empty(&o->failing))
		return;
	o->told_stopped = true;
	loop_timer_set(o->home, &o->patience, 0);
	loop_timer_set(o->home, &o->pump_timer, 0);
	loop_timer_set(o->home, &o->intake.timer, 0);
	o->stopped(o->stopped_user);
}

void outbound_check_stopped(struct outbound *o)
{
	if (atomic_load(&o->stopping) && !atomic_exchange(&o->check_due, true))
		loop_post(o->home, &o->check_post);
}

static void stop_all(struct outbound *o, bool now)
{
	outbound_lock(o);
	for (struct link *l = o->deliveries.next; l != &o->deliveries; l = l->next)
		delivery_stop(delivery_of_all(l), now);
	outbound_unlock(o);
}

static void out_of_patience(struct timer *timer)
{
	stop_all(CONTAINER(timer, struct outbound, patience), true);
}

static void stop(struct post *post)
{
	struct outbound *o = CONTAINER(post, struct outbound, stop_post);

	stop_all(o, false);
	o->patience.fire = out_of_patience;
	loop_timer_set(o->home, &o->patience, o->patience_ms);
	outbound_check_stopped(o);
}

void outbound_stop(struct outbound *o, int64_t patience_ms, void (*stopped)(void *user), void *user)
{
	o->patience_ms = patience_ms;
	o->stopped = stopped;
	o->stopped_user = user;
	o->check_post.run = check;
	o->stop_post.run = stop;
	atomic_store(&o->stopping, true);
	loop_post(o->home, &o->stop_post);
}

/* --- what people want --- */

/* Under the lock: what was in the way may have been mended. */
static void lift_failed(struct outbound *o)
{
	size_t at = 0;

	for (struct site *site; (site = schedule_next_site(o->schedule, &at));) {
		struct outbound_site *os = *site_user(site);
		if (!os || !os->failed)
			continue;
		os->failed = false;
		schedule_hold(o->schedule, site, 0);
	}
}

void outbound_routes_changed(struct outbound *o)
{
	const struct directory *directory = directory_acquire(o->given.store);
	bool split = routes_differ_by_sender(directory);

	directory_release(directory);
	outbound_lock(o);
	schedule_split_by_sender(o->schedule, split);
	schedule_forget_sites(o->schedule);
	lift_failed(o);
	outbound_unlock(o);
	outbound_pump(o);
}

void outbound_rows_changed(struct outbound *o, const uint64_t *queue_ids, size_t count)
{
	outbound_lock(o);
	intake_note_changed(o, queue_ids, count);
	outbound_unlock(o);
	outbound_pump(o);
}

void outbound_freeze(struct outbound *o, bool frozen)
{
	atomic_store(&o->frozen, frozen);
	outbound_pump(o);
}

bool outbound_is_sending(struct outbound *o, uint64_t queue_id)
{
	outbound_lock(o);
	bool sending = shipment_find(o, queue_id) != NULL;
	outbound_unlock(o);
	return sending;
}

/* Under the lock. */
static void count_sites(struct outbound *o, struct outbound_counts *out)
{
	int64_t now_ms = clock_now();
	size_t at = 0;

	for (struct site *site; (site = schedule_next_site(o->schedule, &at));) {
		const struct outbound_site *os = *site_user(site);
		if (!os || !os->failed || site_held_until(site) <= now_ms)
			continue;
		out->sites_held += !os->way->smarthost;
		out->routes_failed += os->way->smarthost;
	}
}

void outbound_get_counts(struct outbound *o, struct outbound_counts *out)
{
	struct schedule_counts counts;

	*out = (struct outbound_counts){ .frozen = atomic_load(&o->frozen) };
	outbound_lock(o);
	schedule_get_counts(o->schedule, &counts);
	count_sites(o, out);
	out->sending = o->sending;
	out->connections = o->connections;
	outbound_unlock(o);
	out->ready = counts.ready[0] + counts.ready[1];
	out->destinations = counts.destinations;
	out->sites = counts.sites;
	out->octets = counts.octets;
}
