/* One connection to a site: its addresses in turn until one answers, then transactions as long as there are
 * any, then a short wait for more.
 *
 *   begin -> [ next address -> open ] -> ready -> take -> load -> send -> done -> take -> ... -> idle -> quit
 *
 * While a result is on its way to the disk the next message is taken, read and sent but for its end. Where no
 * address answers the site is left alone, and what is ready for it is settled with the reason. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "queue/delivery_internal.h"

struct outbound_site *delivery_site(const struct delivery *d) { return d->os; }
struct delivery *delivery_of_idle(struct link *link) { return CONTAINER(link, struct delivery, idle); }
struct delivery *delivery_of_all(struct link *link) { return CONTAINER(link, struct delivery, all); }

/* --- the end --- */

void delivery_end_if_over(struct delivery *d)
{
	struct outbound *o = d->out;

	if (d->client || d->current || d->settling || d->draining || d->fetching)
		return;
	outbound_lock(o);
	bool woken = d->woken || d->stop_posted;
	if (!woken) {
		link_remove(&d->all);
		link_remove(&d->idle);
		schedule_disconnected(o->schedule, d->os->site);
		o->connections--;
	}
	outbound_unlock(o);
	if (woken)
		return; /* the post finds it at its end, and comes here again */
	loop_timer_set(d->loop, &d->timer, 0);
	way_release(d->way);
	delivery_token_free(d);
	free(d);
	outbound_pump(o);
	outbound_check_stopped(o);
}

void delivery_quit(struct delivery *d)
{
	d->quitting = true;
	smtp_client_quit(d->client);
}

/* --- the beginning --- */

static bool is_bad(void *user, str host)
{
	struct delivery *d = user;

	return host_is_bad(d->out, host, clock_now());
}

static void begin(struct post *post)
{
	struct delivery *d = CONTAINER(post, struct delivery, begin_post);

	outbound_lock(d->out);
	d->count = way_order(d->way, is_bad, d, random_u64, d->order);
	outbound_unlock(d->out);
	delivery_next_address(d);
}

/* --- waking --- */

static void wake(struct post *post)
{
	struct delivery *d = CONTAINER(post, struct delivery, wake_post);

	outbound_lock(d->out);
	d->woken = false;
	outbound_unlock(d->out);
	if (d->client)
		delivery_work(d);
	else
		delivery_end_if_over(d);
}

void delivery_wake(struct delivery *d)
{
	link_remove(&d->idle);
	if (d->woken)
		return;
	d->woken = true;
	loop_post(d->loop, &d->wake_post);
}

/* --- from outside; under the lock --- */

static void stop(struct post *post)
{
	struct delivery *d = CONTAINER(post, struct delivery, stop_post);
	struct shipment *s = d->current;

	outbound_lock(d->out);
	d->stop_posted = false;
	link_remove(&d->idle);
	bool now = d->stop_now;
	outbound_unlock(d->out);
	if (d->client && s && s->asked && s->mail.dotted && !now)
		return; /* it may have been taken: its answer is waited for */
	if (d->client && (now || !d->ready || (s && s->asked)))
		smtp_client_abort(d->client);
	else if (d->client && !s)
		delivery_quit(d);
	delivery_end_if_over(d);
}

void delivery_stop(struct delivery *d, bool now)
{
	d->stop_now = now;
	if (d->stop_posted)
		return;
	d->stop_posted = true;
	loop_post(d->loop, &d->stop_post);
}

struct delivery *delivery_new(struct outbound *o, struct outbound_site *os)
{
	struct delivery *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->out = o;
	d->os = os;
	d->way = way_hold(os->way);
	d->loop = loops_get(o->given.loops, o->next_loop++ % loops_count(o->given.loops));
	d->begin_post.run = begin;
	d->wake_post.run = wake;
	d->stop_post.run = stop;
	link_append(&o->deliveries, &d->all);
	o->connections++;
	schedule_connected(o->schedule, os->site);
	return d;
}

void delivery_begin(struct delivery *d) { loop_post(d->loop, &d->begin_post); }
