/* Where a delivery speaks to: addresses in their order, in the clear or not, from which address of ours; and
 * what its end means. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/metric.h"
#include "base/random.h"
#include "queue/delivery_internal.h"

enum { BAD_SESSIONS_MOST = 3, SMTPS_PORT = 465 /* RFC 8314 §3.3 */ };

static void gone(struct delivery *d);

static void client_event(void *user, struct smtp_client *client, enum client_event event)
{
	struct delivery *d = user;

	(void)client;
	switch (event) {
	case CLIENT_READY:
		d->ready = true;
		d->first = true;
		outbound_lock(d->out);
		d->os->ready++;
		host_set_bad(d->out, delivery_host(d)->name, 0);
		if (d->os->failed) { /* another one did not get through */
			d->os->failed = false;
			schedule_hold(d->out->schedule, d->os->site, 0);
		}
		outbound_unlock(d->out);
		delivery_work(d);
		break;
	case CLIENT_DONE:
		delivery_message_done(d);
		break;
	case CLIENT_GONE:
		gone(d);
		break;
	}
}

/* An address of ours of the same family, by chance. */
static const struct outbound_source *choose_source(const struct outbound *o, ip address)
{
	const struct outbound_source *chosen = NULL;
	uint64_t seen = 0;

	for (size_t i = 0; i < o->given.source_count; i++) {
		const struct outbound_source *source = &o->given.sources[i];
		if (ip_is_v4(source->address) == ip_is_v4(address) && random_u64() % ++seen == 0)
			chosen = source;
	}
	return chosen;
}

static bool speaks_in_clear(struct delivery *d)
{
	if (d->in_clear || d->way->tls == ROUTE_TLS_NONE)
		return true;
	if (d->way->tls != ROUTE_TLS_MAY)
		return false;
	outbound_lock(d->out);
	bool broken = host_tls_is_broken(d->out, delivery_host(d)->name, clock_now());
	outbound_unlock(d->out);
	return broken;
}

static err open_address(struct delivery *d)
{
	const struct way_host *host = delivery_host(d);
	struct outbound *o = d->out;
	ip address = delivery_address(d)->address;
	const struct outbound_source *source = choose_source(o, address);
	struct smtp_client_options options = {
		.net = o->given.net,
		.loop = d->loop,
		.target = { .address = address, .port = host->port },
		.hostname = source && source->hostname.len ? source->hostname : o->given.hostname,
		.host = host->name,
		.tls = speaks_in_clear(d) ? ROUTE_TLS_NONE : d->way->tls,
		.tls_first = d->way->smarthost && host->port == SMTPS_PORT,
		.lmtp = d->way->lmtp,
		.user = d->way->user,
		.secret = d->way->secret,
		.token = d->token ? str_of(d->token) : STR(""),
		.allow_plain = ip_is_loopback(address),
		.event = client_event,
		.owner = d,
	};

	if (source) {
		options.target.source = source->address;
		options.target.has_source = true;
	}
	TRY(smtp_client_open(&options, &d->client));
	metric_add(METRIC_CONNECTIONS_OUT_TOTAL, 1);
	metric_add(METRIC_CONNECTIONS_OUT, 1);
	return OK;
}

/* Why this address could not be used: what is told where no other can be. */
void delivery_note_fault(struct delivery *d, bool answered, struct smtp_status status, str words)
{
	const struct way_host *host = delivery_host(d);
	int len = (int)(words.len < sizeof d->why ? words.len : sizeof d->why - 1);

	snprintf(d->why, sizeof d->why, "%.*s", len, words.ptr ? words.ptr : "");
	snprintf(d->host, sizeof d->host, "%.*s", (int)host->name.len, host->name.ptr);
	d->fault = (struct shipment_fault){ .status = status,
		                            .answered = answered,
		                            .remote_host = answered ? str_of(d->host) : STR(""),
		                            .reply = str_of(d->why) };
	outbound_lock(d->out);
	host_set_bad(d->out, host->name, clock_now() + LIMIT_HOST_BAD_MS);
	outbound_unlock(d->out);
}

void delivery_next_address(struct delivery *d)
{
	if (d->at < d->count && !atomic_load(&d->out->stopping) && delivery_token_fetch(d))
		return;
	for (; d->at < d->count && !atomic_load(&d->out->stopping); d->at++) {
		err e = open_address(d);
		if (e.code == ERR_OK)
			return;
		delivery_note_fault(d, false, (struct smtp_status){ 4, 3, 2 },
		                    e.what ? str_of(e.what) : STR("no connection could be made"));
	}
	if (atomic_load(&d->out->stopping))
		delivery_end_if_over(d);
	else
		delivery_site_down(d);
}

/* --- gone --- */

static bool is_for_good(uint16_t code) { return code == 521 || code == 556; /* RFC 7504 */ }

static struct smtp_status status_of_end(enum client_end end, struct smtp_status said)
{
	switch (end) {
	case CLIENT_END_UNREACHABLE:
		return (struct smtp_status){ 4, 4, 1 };
	case CLIENT_END_TLS_LACKING:
	case CLIENT_END_TLS_FAILED:
	case CLIENT_END_MISTRUSTED:
		return (struct smtp_status){ 4, 7, 5 };
	case CLIENT_END_LOGIN:
		return (struct smtp_status){ 4, 7, 8 };
	case CLIENT_END_NONE:
	case CLIENT_END_QUIT:
	case CLIENT_END_REFUSED:
	case CLIENT_END_BROKEN:
	case CLIENT_END_TIMEOUT:
	case CLIENT_END_LOST:
		break;
	}
	return said.class ? said : (struct smtp_status){ 4, 4, 2 };
}

static void remember_broken_tls(struct delivery *d)
{
	struct outbound *o = d->out;
	int64_t until_ms = clock_now() + LIMIT_TLS_BROKEN_MS;
	struct arena arena;
	struct note note;

	d->in_clear = true;
	arena_init(&arena, NULL, 4 * LIMIT_NOTE_VALUE);
	outbound_lock(o);
	host_set_tls_broken(o, delivery_host(d)->name, until_ms);
	outbound_unlock(o);
	if (host_note_tls(delivery_host(d)->name, until_ms, &arena, &note).code == ERR_OK)
		standing_save(o, &note);
	arena_reset(&arena);
}

/* It never came to a message: the next address, or this one in the clear. */
static void gone_unready(struct delivery *d)
{
	struct smtp_status status = { 0 };
	str reply, why;
	uint16_t code;
	enum client_end end = smtp_client_end(d->client, &code, &status, &reply, &why);

	d->client = NULL;
	metric_add(METRIC_CONNECTIONS_OUT_FAILED, 1);
	if (end == CLIENT_END_TLS_FAILED && d->way->tls == ROUTE_TLS_MAY && !d->in_clear) {
		remember_broken_tls(d);
	} else if (end == CLIENT_END_LOGIN && d->token && !d->token_is_fresh) {
		delivery_token_forget(d); /* it may have run out */
	} else {
		if (end == CLIENT_END_LOGIN && d->token)
			delivery_token_forget(d);
		delivery_note_fault(d, reply.len > 0, status_of_end(end, status), reply.len ? reply : why);
		d->refused_for_good = is_for_good(code) && (d->at == 0 || d->refused_for_good);
		d->in_clear = false;
		d->at++;
	}
	delivery_next_address(d);
}

static void gone_ready(struct delivery *d)
{
	struct outbound *o = d->out;
	struct smtp_status status = { 0 };
	str reply, why;
	uint16_t code;
	enum client_end end = smtp_client_end(d->client, &code, &status, &reply, &why);
	/* Whoever ends a connection that had nothing to do is in his right. */
	bool bad = end != CLIENT_END_QUIT && !d->worked && (d->tried || d->current), down = false;

	if (bad)
		delivery_note_fault(d, reply.len > 0, status_of_end(end, status), reply.len ? reply : why);
	d->client = NULL;
	d->ready = false;
	loop_timer_set(d->loop, &d->timer, 0);
	outbound_lock(o);
	link_remove(&d->idle);
	d->os->ready--;
	if (bad)
		down = ++d->os->bad_sessions >= BAD_SESSIONS_MOST && d->os->ready == 0;
	outbound_unlock(o);
	if (down)
		delivery_site_down(d);
	else
		delivery_end_if_over(d);
}

static void gone(struct delivery *d)
{
	metric_subtract(METRIC_CONNECTIONS_OUT, 1);
	if (d->ready)
		gone_ready(d);
	else
		gone_unready(d);
}
