/* Transactions of a delivery: taken, read, sent, done. While a result is on its way to the disk the next one
 * is taken, read and sent but for its end. */
#include "base/clock.h"
#include "base/limits.h"
#include "queue/delivery_internal.h"

static bool can_send(const struct delivery *d)
{
	return d->client && !d->quitting && !smtp_client_is_ending(d->client);
}

/* RFC 2852 §4.1.3: what is to be returned when its time is over is not tried after that. */
static bool is_too_late(const struct shipment *s)
{
	const struct queue_envelope *e = &s->message.envelope;

	return e->by_mode == 'R' && clock_now() >= e->by_ms;
}

/* A second that has begun counts: BY=0;R says nothing (RFC 2852 §4). */
static int64_t seconds_left(const struct queue_envelope *e)
{
	return e->by_mode ? (e->by_ms - clock_now() + 999) / 1000 : 0;
}

static void fill_mail(struct shipment *s)
{
	const struct queue_message *m = &s->message;
	const struct queue_envelope *e = &m->envelope;

	s->mail = (struct client_message){
		.mail = { .reverse_path = s->recipients[0].reverse_path,
		          .size = m->size,
		          .body = e->body,
		          .smtputf8 = e->smtputf8,
		          .envid = e->envid,
		          .ret = e->ret,
		          .priority = e->priority,
		          .by_mode = e->by_mode,
		          .by_trace = e->by_trace,
		          .by_s = seconds_left(e) },
		.recipients = s->asked,
		.count = s->count,
		.fd = m->fd,
		.offset = m->offset,
		.size = m->size,
		.arena = &s->arena,
	};
}

static bool fill(struct shipment *s)
{
	s->asked = arena_new(&s->arena, struct client_recipient, s->count);
	if (!s->asked)
		return false;
	for (size_t i = 0; i < s->count; i++)
		s->asked[i] = (struct client_recipient){ .forward_path = s->recipients[i].forward_path,
			                                 .orcpt = s->recipients[i].orcpt,
			                                 .notify = s->recipients[i].notify };
	fill_mail(s);
	return true;
}

static void settle(struct delivery *d, struct shipment *s);

static void send_it(struct delivery *d, struct shipment *s)
{
	s->first = d->first;
	d->tried = true;
	smtp_client_send(d->client, &s->mail, d->settling > 0);
}

/* Nothing was sent of it: its rows wait for another connection. */
static void put_back(struct delivery *d, struct shipment *s)
{
	struct outbound *o = d->out;

	d->current = NULL;
	outbound_lock(o);
	schedule_finished(o->schedule, d->os->site, s->rows.lane, true);
	site_quota_give_back(d->os, s->granted, s->granted_ms);
	if (s->opened)
		shipment_return(s, 0, s->count + s->others, NULL);
	else
		shipment_return_unread(s);
	shipment_unlist(s);
	outbound_unlock(o);
	shipment_free(s);
}

static void loaded(struct shipment *s)
{
	struct delivery *d = s->delivery;

	if (!can_send(d) || atomic_load(&d->out->stopping)) {
		put_back(d, s);
		if (can_send(d))
			delivery_quit(d);
		delivery_end_if_over(d);
		return;
	}
	s->untried = s->opened && is_too_late(s);
	if (s->untried)
		s->fault.fate = CLIENT_FATE_LATER;
	if (s->result.code != ERR_OK || s->count == 0 || s->untried || !fill(s)) {
		d->current = NULL;
		settle(d, s);
		delivery_work(d);
		return;
	}
	send_it(d, s);
}

/* Room for a transaction: what the route's limits allow. 0: none, and the site is held until they do. */
static uint32_t room_of(struct delivery *d, int64_t now_ms)
{
	int64_t until_ms = 0;
	uint32_t room = site_quota_take(d->os, LIMIT_TRANSACTION_RECIPIENTS, now_ms, &until_ms);

	if (room == 0)
		schedule_hold(d->out->schedule, d->os->site, until_ms);
	return room;
}

/* Under the lock. */
static struct shipment *take(struct delivery *d)
{
	struct outbound *o = d->out;
	int64_t now_ms = clock_now();
	size_t ready[2], connections, limit;
	struct transaction_rows rows;

	site_get_counts(d->os->site, ready, &connections, &limit);
	if (ready[0] + ready[1] == 0 || site_held_until(d->os->site) > now_ms)
		return NULL;
	uint32_t room = room_of(d, now_ms);
	if (room == 0)
		return NULL;
	bool taken = schedule_take(o->schedule, d->os->site, now_ms, room, &rows);
	site_quota_give_back(d->os, room - (taken ? (uint32_t)rows.count : 0), now_ms);
	if (!taken)
		return NULL;
	struct shipment *s = shipment_new(o, d->loop, &rows);
	if (!s) {
		schedule_finished(o->schedule, d->os->site, rows.lane, true);
		intake_note_changed(o, rows.queue_ids, rows.count);
		return NULL;
	}
	s->granted = (uint32_t)rows.count;
	s->granted_ms = now_ms;
	return s;
}

static void quit_idle(struct timer *timer)
{
	struct delivery *d = CONTAINER(timer, struct delivery, timer);

	outbound_lock(d->out);
	link_remove(&d->idle);
	outbound_unlock(d->out);
	if (d->client && !d->current)
		delivery_quit(d);
}

/* The next transaction, or none: then it waits a little for one. */
void delivery_work(struct delivery *d)
{
	struct outbound *o = d->out;
	struct shipment *s = NULL;

	if (!can_send(d) || d->current)
		return;
	if (atomic_load(&o->frozen) || atomic_load(&o->stopping)) {
		delivery_quit(d);
		return;
	}
	outbound_lock(o);
	s = take(d);
	if (!s)
		link_append(&o->idle, &d->idle);
	outbound_unlock(o);
	if (!s) {
		d->timer.fire = quit_idle;
		loop_timer_set(d->loop, &d->timer, LIMIT_OUTBOUND_IDLE_MS);
		return;
	}
	loop_timer_set(d->loop, &d->timer, 0);
	d->current = s;
	s->delivery = d;
	shipment_load(s, loaded);
}

/* --- done --- */

static void settled(struct shipment *s)
{
	struct delivery *d = s->delivery;

	shipment_free(s);
	d->settling--;
	if (d->settling == 0 && d->client)
		smtp_client_release(d->client);
	delivery_end_if_over(d);
}

static bool any(const struct shipment *s, enum client_fate fate)
{
	for (size_t i = 0; s->asked && i < s->count; i++)
		if (s->asked[i].fate == fate)
			return true;
	return false;
}

static uint32_t count_fate(const struct shipment *s, enum client_fate fate)
{
	uint32_t n = 0;

	for (size_t i = 0; s->asked && i < s->count; i++)
		n += s->asked[i].fate == fate;
	return n;
}

/* Under the lock: what the site is worth after that. */
static void judge(struct delivery *d, struct shipment *s)
{
	struct outbound *o = d->out;
	bool answered = any(s, CLIENT_FATE_SENT) || any(s, CLIENT_FATE_LATER) || any(s, CLIENT_FATE_NEVER) ||
	                any(s, CLIENT_FATE_LACKS);
	bool well = !s->broken;
	bool has = false;

	schedule_finished(o->schedule, d->os->site, s->rows.lane, well);
	if (s->granted)
		site_quota_give_back(d->os,
		                     s->granted - (s->asked ? (uint32_t)s->count : 0) +
		                             count_fate(s, CLIENT_FATE_NONE) +
		                             count_fate(s, CLIENT_FATE_LACKS),
		                     s->granted_ms);
	s->answered = answered;
	if (answered) {
		d->worked = true;
		if (site_recover(d->os) &&
		    site_note_backoff(d->os, &s->arena, &s->note[s->notes.count]).code == ERR_OK)
			s->notes.count++;
	}
	if (s->asked && site_note_quota(d->os, &s->arena, &s->note[s->notes.count], &has).code == ERR_OK &&
	    has)
		s->notes.count++;
}

static void settle(struct delivery *d, struct shipment *s)
{
	d->settling++;
	s->finished = settled;
	outbound_lock(d->out);
	judge(d, s);
	outbound_unlock(d->out);
	shipment_settle(s);
}

/* In another form, on the same connection. */
static void send_again(struct delivery *d, struct shipment *s)
{
	for (size_t i = 0; i < s->count; i++)
		s->asked[i].fate = CLIENT_FATE_NONE;
	s->mail.lack = LACKS_NOTHING;
	send_it(d, s);
}

static void converted(struct shipment *s)
{
	struct delivery *d = s->delivery;

	if (s->result.code == ERR_OK && can_send(d) && !atomic_load(&d->out->stopping)) {
		send_again(d, s);
		return;
	}
	if (s->result.code == ERR_DENIED || s->result.code == ERR_LIMIT)
		s->lack_why = s->result.what;
	else /* it is tried again */
		for (size_t i = 0; i < s->count; i++)
			s->asked[i] = (struct client_recipient){
				.fate = s->result.code == ERR_OK ? CLIENT_FATE_NONE : CLIENT_FATE_LATER,
				.forward_path = s->asked[i].forward_path,
				.reply = s->result.what ? str_of(s->result.what) : STR("")
			};
	s->result = OK;
	d->current = NULL;
	settle(d, s);
	delivery_work(d);
}

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] & 0x80)
			return false;
	return true;
}

/* Many programs ask for SMTPUTF8 whatever they send (RFC 6531 §3.4 asks for it only where it is needed). */
static bool needs_smtputf8(const struct shipment *s)
{
	bool plain = s->ascii_header && is_ascii(s->mail.mail.reverse_path);

	for (size_t i = 0; plain && i < s->count; i++)
		plain = is_ascii(s->recipients[i].forward_path);
	return !plain;
}

/* Where what the server lacks can be done without. False: it can't. */
static bool send_otherwise(struct delivery *d, struct shipment *s)
{
	enum client_lack lack = s->mail.lack;

	if (lack == LACKS_SMTPUTF8 && s->mail.mail.smtputf8 && !needs_smtputf8(s)) {
		s->mail.mail.smtputf8 = false;
		send_again(d, s);
		return true;
	}
	if ((lack == LACKS_8BITMIME || lack == LACKS_BINARYMIME) && !s->copy &&
	    !s->message.envelope.forwarded) {
		shipment_convert(s, converted);
		return true;
	}
	return false;
}

static void describe_peer(struct delivery *d, struct shipment *s)
{
	s->remote_host = delivery_host(d)->name;
	s->remote_ip = smtp_client_peer(d->client);
	s->lmtp = d->way->lmtp;
	if (arena_copy(&s->arena, smtp_client_tls(d->client), &s->tls).code != ERR_OK)
		s->tls = STR("");
	if (arena_copy(&s->arena, s->remote_host, &s->remote_host).code != ERR_OK)
		s->remote_host = STR("");
}

void delivery_message_done(struct delivery *d)
{
	struct shipment *s = d->current;

	s->broken = smtp_client_is_ending(d->client);
	describe_peer(d, s);
	if (any(s, CLIENT_FATE_LACKS) && !s->broken && send_otherwise(d, s))
		return;
	d->current = NULL;
	d->first = false;
	settle(d, s);
	delivery_work(d);
}
