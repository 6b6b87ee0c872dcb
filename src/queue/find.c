/* Destinations get their sites: which route counts, what DNS says of its hosts. Those that have none are
 * settled, recipient by recipient. Home loop.
 *
 * Failures of DNS that pass and those that stay are kept apart: RFC 5321 §5.1, RFC 7505, RFC 3463 §3.5. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "deliver/routes.h"
#include "queue/outbound_internal.h"

/* One destination being asked for; or, once it has failed, being settled. It lives in its arena. */
struct finding {
	struct arena arena;
	struct outbound *out;
	struct destination *destination;
	str name;
	struct way *way;          /* to smarthosts; NULL: by MX */
	str site;                 /* of those */
	struct route_entry route; /* its key and limits, where it goes by MX; no key: none */
	struct mx_query *queries; /* one, or one a smarthost */
	size_t pending;
	/* failed */
	struct link link;
	enum mx_status status;
	struct smtp_status code;
	char why[LIMIT_QUEUE_REPLY];
	int64_t until_ms; /* this is believed */
	size_t settling;
};

static void finding_free(struct finding *f)
{
	struct arena arena = f->arena;

	way_release(f->way);
	arena_reset(&arena);
}

/* --- none: its recipients are settled --- */

static bool is_permanent(enum mx_status status) { return status != MX_TEMPORARY && status != MX_FOUND; }

static void describe(struct finding *f, const char *what, const char *why, struct smtp_status code)
{
	f->code = code;
	snprintf(f->why, sizeof f->why, "%.*s%s%s%s", (int)f->name.len, f->name.ptr, what, why ? ": " : "",
	         why ? why : "");
}

/* RFC 3463 §3.2 and §3.5, RFC 7505 §4.1. */
static void say_why(struct finding *f, const char *why)
{
	switch (f->status) {
	case MX_NULL:
		describe(f, " takes no mail, as it says itself (null MX)", NULL,
		         (struct smtp_status){ 5, 1, 10 });
		return;
	case MX_NO_DOMAIN:
		describe(f, " does not exist", NULL, (struct smtp_status){ 5, 1, 2 });
		return;
	case MX_NO_ADDRESS:
		describe(f, " has no mail server with an address", NULL, (struct smtp_status){ 5, 4, 4 });
		return;
	case MX_LOOP:
		describe(f, " has this server as its mail server, which does not keep its mail", NULL,
		         (struct smtp_status){ 5, 4, 6 });
		return;
	case MX_PRIVATE:
		describe(f, " has mail servers with private addresses only", NULL,
		         (struct smtp_status){ 5, 4, 4 });
		return;
	case MX_TEMPORARY:
	case MX_FOUND:
		break;
	}
	describe(f, " could not be looked up in the DNS", why, (struct smtp_status){ 4, 4, 3 });
}

static void settle_some(struct outbound *o);

static void end_if_settled(struct finding *f)
{
	if (link_is_listed(&f->link) || f->settling > 0)
		return;
	finding_free(f);
}

static void one_settled(struct shipment *s)
{
	struct finding *f = s->owner;
	struct outbound *o = f->out;

	f->settling--;
	o->settling--;
	shipment_free(s);
	end_if_settled(f);
	settle_some(o);
	outbound_check_stopped(o);
}

static void loaded(struct shipment *s) { shipment_settle(s); }

/* False: none is left, or what is known of the destination is old: then it is asked for again. *out is NULL
 * without memory; its rows are read anew then. */
static bool take_one(struct finding *f, struct shipment **out)
{
	struct outbound *o = f->out;
	struct transaction_rows rows;
	bool old = clock_now() > f->until_ms, taken = false;

	*out = NULL;
	outbound_lock(o);
	if (old)
		schedule_ask_again(o->schedule, f->destination);
	else
		taken = schedule_take_failed(o->schedule, f->destination, &rows);
	if (taken)
		*out = shipment_new(o, o->home, &rows);
	if (taken && !*out)
		intake_note_changed(o, rows.queue_ids, rows.count);
	outbound_unlock(o);
	return taken;
}

static void settle_one(struct finding *f, struct shipment *s)
{
	f->settling++;
	f->out->settling++;
	s->fault = (struct shipment_fault){ .fate = is_permanent(f->status) ? CLIENT_FATE_NEVER
		                                                            : CLIENT_FATE_LATER,
		                            .status = f->code,
		                            .reply = str_of(f->why) };
	s->owner = f;
	s->finished = one_settled;
	shipment_load(s, loaded);
}

/* The next of those that failed, in turns, and so many at a time: a DNS that is away fails all of them. */
static void settle_some(struct outbound *o)
{
	while (o->settling < LIMIT_SETTLING && !link_is_empty(&o->failing)) {
		struct finding *f = CONTAINER(o->failing.next, struct finding, link);
		struct shipment *s;

		link_remove(&f->link);
		if (!atomic_load(&o->stopping) && take_one(f, &s)) {
			link_append(&o->failing, &f->link);
			if (s)
				settle_one(f, s);
			continue;
		}
		end_if_settled(f);
		outbound_pump(o);
	}
}

static void fail(struct finding *f, const char *why)
{
	struct outbound *o = f->out;

	say_why(f, why);
	way_release(f->way);
	f->way = NULL;
	outbound_lock(o);
	schedule_not_found(o->schedule, f->destination);
	outbound_unlock(o);
	f->until_ms = clock_now() + 1000 * (int64_t)LIMIT_ROUTE_TTL_MIN_S;
	link_append(&o->failing, &f->link);
	settle_some(o);
}

/* --- found --- */

static int64_t until_ms(uint32_t ttl_s)
{
	uint32_t s = ttl_s < LIMIT_ROUTE_TTL_MIN_S    ? LIMIT_ROUTE_TTL_MIN_S
	             : ttl_s > LIMIT_ROUTE_TTL_MOST_S ? LIMIT_ROUTE_TTL_MOST_S
	                                              : ttl_s;

	return clock_now() + 1000 * (int64_t)s;
}

static err set_site(struct finding *f, str name, uint32_t ttl_s)
{
	struct outbound *o = f->out;
	struct site *site;

	outbound_lock(o);
	err e = schedule_found(o->schedule, f->destination, name, until_ms(ttl_s), &site);
	if (e.code == ERR_OK && outbound_site_of(o, site, f->way))
		f->way = NULL; /* it is the site's */
	else if (e.code == ERR_OK)
		e = ERR_NO_MEMORY;
	outbound_unlock(o);
	return e;
}

static err found_site(struct finding *f, const struct mx_result *result, uint32_t ttl_s)
{
	const struct route_entry *route = f->route.key.len ? &f->route : NULL;
	struct buf name;

	if (!result)
		return set_site(f, f->site, ttl_s);
	buf_init(&name, &f->arena, LIMIT_SITE_NAME + ROUTE_KEY + 8);
	way_add_site(&name, result, route);
	TRY(buf_err(&name));
	TRY(way_of_mx(result, f->out->given.port, route, &f->way));
	return set_site(f, buf_str(&name), ttl_s);
}

static void found(struct finding *f, const struct mx_result *result, uint32_t ttl_s)
{
	struct outbound *o = f->out;
	err e = found_site(f, result, ttl_s);

	if (e.code != ERR_OK) {
		f->status = MX_TEMPORARY;
		fail(f, "out of memory");
		return;
	}
	finding_free(f);
	outbound_pump(o);
}

/* --- asking --- */

static void asked_mx(struct mx_query *query)
{
	struct finding *f = query->user;
	struct outbound *o = f->out;

	o->resolving--;
	f->status = query->result.status;
	if (f->status == MX_FOUND)
		found(f, &query->result, query->result.ttl_s);
	else
		fail(f, query->result.why);
	outbound_check_stopped(o);
}

/* The last of a route's hosts: what could be had has been put into the way. */
static void asked_all(struct finding *f)
{
	struct outbound *o = f->out;
	uint32_t ttl_s = UINT32_MAX;
	bool temporary = false;

	o->resolving--;
	for (size_t i = 0; i < f->way->host_count; i++) {
		temporary |= f->queries[i].result.status == MX_TEMPORARY;
		ttl_s = f->queries[i].result.ttl_s < ttl_s ? f->queries[i].result.ttl_s : ttl_s;
	}
	if (f->way->address_count > 0) {
		found(f, NULL, temporary ? LIMIT_ROUTE_TTL_MIN_S : ttl_s);
	} else {
		/* A smarthost that is not in the DNS is the owner's mistake, or his provider's: mail waits.
		 */
		f->status = MX_TEMPORARY;
		fail(f, "no smarthost of its route has an address");
	}
	outbound_check_stopped(o);
}

static void asked_host(struct mx_query *query)
{
	struct finding *f = query->user;

	if (query->result.status == MX_FOUND)
		way_add_addresses(f->way, (size_t)(query - f->queries), &query->result);
	if (--f->pending == 0)
		asked_all(f);
}

/* The smarthosts' names, or the domain's. */
static void ask(struct finding *f)
{
	struct outbound *o = f->out;

	o->resolving++;
	if (!f->way) {
		f->queries[0] = (struct mx_query){ .domain = f->name, .done = asked_mx, .user = f };
		mx_resolve(o->given.mx, &f->queries[0]);
		return;
	}
	f->pending = f->way->host_count;
	for (size_t i = 0; i < f->way->host_count; i++) {
		f->queries[i] = (struct mx_query){
			.domain = f->way->hosts[i].name, .host = true, .done = asked_host, .user = f
		};
		mx_resolve(o->given.mx, &f->queries[i]);
	}
}

/* What of the route is needed beyond the snapshot of the directory. */
static err keep_route(struct finding *f, const struct route_entry *route)
{
	struct buf site;

	if (!route)
		return OK;
	memcpy(f->route.limits, route->limits, sizeof route->limits);
	TRY(arena_copy(&f->arena, route->key, &f->route.key));
	if (route->host_count == 0)
		return OK;
	TRY(way_of_route(route, &f->way));
	buf_init(&site, &f->arena,
	         LIMIT_ROUTE_HOSTS * (LIMIT_DOMAIN + 32) + LIMIT_ROUTE_TEXT + ROUTE_KEY + 64);
	way_add_site(&site, NULL, route);
	f->site = buf_str(&site);
	return buf_err(&site);
}

static err prepare(struct finding *f)
{
	const struct directory *directory = directory_acquire(f->out->given.store);
	err e = keep_route(f, routes_choose(directory, f->name, destination_reverse_domain(f->destination)));

	directory_release(directory);
	TRY(e);
	f->queries = arena_new(&f->arena, struct mx_query, f->way ? f->way->host_count : 1);
	return f->queries ? OK : ERR_NO_MEMORY;
}

/* False: no memory. */
static bool start(struct outbound *o, struct destination *d)
{
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_FINDING_ARENA);
	struct finding *f = arena_new(&arena, struct finding, 1);
	if (!f) {
		outbound_lock(o);
		schedule_ask_again(o->schedule, d);
		outbound_unlock(o);
		return false;
	}
	f->arena = arena;
	f->out = o;
	f->destination = d;
	f->name = destination_domain(d); /* it lives as long as it is asked for */
	err e = prepare(f);
	if (e.code == ERR_OK) {
		ask(f);
		return true;
	}
	f->status = MX_TEMPORARY;
	fail(f, e.what);
	return true;
}

void find_start_some(struct outbound *o)
{
	while (o->resolving < LIMIT_RESOLVING && !atomic_load(&o->stopping)) {
		outbound_lock(o);
		struct destination *d = schedule_to_resolve(o->schedule);
		outbound_unlock(o);
		if (!d || !start(o, d))
			return;
	}
}
