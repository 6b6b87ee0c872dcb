/* Whose turn it is. */
#include <assert.h>

#include "queue/schedule_internal.h"

enum { QUANTUM = 16, TRANSACTIONAL_TURNS = 4 };

/* --- rounds --- */

static struct share *first_of(const struct link *round)
{
	static_assert(offsetof(struct share, link) == 0, "a share begins with its link");
	return (struct share *)(void *)round->next;
}

static void to_the_end(struct link *round, struct share *share)
{
	link_remove(&share->link);
	link_append(round, &share->link);
}

/* Who has the turn: the first that has credit; each that is passed over gets some. */
static struct share *turn_of(struct link *round)
{
	for (;;) {
		struct share *share = first_of(round);
		if (share->credit > 0)
			return share;
		share->credit += QUANTUM;
		if (share->credit > 0)
			return share;
		to_the_end(round, share);
	}
}

/* After its turn. Whoever has nothing left is gone, and what it owes is forgotten. */
static void end_turn(struct link *round, struct share *share)
{
	if (share->credit <= 0)
		to_the_end(round, share);
}

/* --- holding --- */

void schedule_hold(struct schedule *s, struct site *site, int64_t until_ms)
{
	site->held_until_ms = until_ms;
	if (until_ms && until_ms < s->next_hold_ms)
		s->next_hold_ms = until_ms;
	site_settle(s, site);
}

int64_t site_held_until(const struct site *site) { return site->held_until_ms; }

static void release_held(struct schedule *s, int64_t now_ms)
{
	size_t at = 0;

	s->next_hold_ms = INT64_MAX;
	for (struct site *site; (site = table_next(&s->sites, &at));) {
		if (site->held_until_ms && site->held_until_ms <= now_ms)
			schedule_hold(s, site, 0);
		else if (site->held_until_ms && site->held_until_ms < s->next_hold_ms)
			s->next_hold_ms = site->held_until_ms;
	}
}

int64_t schedule_next_ms(const struct schedule *s) { return s->next_hold_ms; }

/* --- connections --- */

struct site *schedule_to_connect(struct schedule *s, int64_t now_ms, bool marketing_too)
{
	if (s->next_hold_ms <= now_ms)
		release_held(s, now_ms);
	for (int lane = 0; lane < (marketing_too ? LANES : 1); lane++) {
		if (link_is_empty(&s->wanting[lane]))
			continue;
		struct site *site = CONTAINER(s->wanting[lane].next, struct site, wanting);
		link_remove(&site->wanting);
		link_append(&s->wanting[lane], &site->wanting);
		return site;
	}
	return NULL;
}

void schedule_connected(struct schedule *s, struct site *site)
{
	s->connections++;
	site->connections++;
	site_settle(s, site);
}

void schedule_disconnected(struct schedule *s, struct site *site)
{
	assert(site->connections > 0);
	s->connections--;
	site->connections--;
	site_settle(s, site);
}

/* --- transactions --- */

/* The lane that has the turn; LANES: none may send. */
static int lane_of(struct site *site)
{
	bool transactional = site->lanes[QUEUE_TRANSACTIONAL].ready > 0;
	bool marketing = site->lanes[QUEUE_MARKETING].ready > 0 &&
	                 site->busy[QUEUE_MARKETING] < site_lane_limit(site, QUEUE_MARKETING);

	if (!transactional || !marketing) {
		site->credit[QUEUE_TRANSACTIONAL] = site->credit[QUEUE_MARKETING] = 0;
		return transactional ? QUEUE_TRANSACTIONAL : marketing ? QUEUE_MARKETING : LANES;
	}
	while (site->credit[QUEUE_TRANSACTIONAL] <= 0 && site->credit[QUEUE_MARKETING] <= 0) {
		site->credit[QUEUE_TRANSACTIONAL] += TRANSACTIONAL_TURNS * QUANTUM;
		site->credit[QUEUE_MARKETING] += QUANTUM;
	}
	return site->credit[QUEUE_TRANSACTIONAL] > 0 ? QUEUE_TRANSACTIONAL : QUEUE_MARKETING;
}

/* Takes the message of row `first`: it, and all of the message's others that go to this site. */
static void take_message(struct schedule *s, struct site *site, int32_t first, size_t room,
                         struct transaction_rows *out)
{
	int32_t i = first, last = row_at(s, first)->sibling_before;

	for (bool more = true; more && out->count < room;) {
		const struct row *r = row_at(s, i);
		struct flow *f = r->flow;
		int32_t next = r->sibling;

		more = i != last;
		if (f->destination->site == site && f->lane == out->lane) {
			f->share.credit--;
			f->sender->share.credit--; /* of a message's rows the same one's */
			site->credit[f->lane]--;
			out->queue_ids[out->count++] = r->queue_id;
			row_remove(s, i); /* may be the end of its flow */
		}
		i = next;
	}
}

bool schedule_take(struct schedule *s, struct site *site, int64_t now_ms, size_t room,
                   struct transaction_rows *out)
{
	int lane = site->held_until_ms > now_ms ? LANES : lane_of(site);

	if (lane == LANES)
		return false;
	struct link *senders = &site->lanes[lane].senders;
	struct sender *sender = CONTAINER(turn_of(senders), struct sender, share);
	uint64_t sender_id = sender->id;
	struct share *turn = turn_of(&sender->flows);
	struct destination *d = CONTAINER(turn, struct flow, share)->destination;
	int32_t first = CONTAINER(turn, struct flow, share)->first;

	*out = (struct transaction_rows){ .content_id = queue_content_id(row_at(s, first)->queue_id),
		                          .lane = (enum queue_lane)lane };
	if (room == 0 || room > LIMIT_TRANSACTION_RECIPIENTS)
		room = LIMIT_TRANSACTION_RECIPIENTS;
	take_message(s, site, first, room, out);
	sender = sender_find(s, site, sender_id, (enum queue_lane)lane); /* it may have no more */
	if (sender && sender->flows.next == &turn->link)                 /* else its flow has ended */
		end_turn(&sender->flows, turn);
	if (sender)
		end_turn(senders, &sender->share);
	if (d->until_ms <= now_ms && d->asking == DESTINATION_IDLE)
		destination_want(s, d);
	site->busy[lane]++;
	site_settle(s, site);
	return true;
}

void schedule_narrow(struct schedule *s, struct site *site)
{
	if (site->connections <= site->limit)
		site->limit = site->connections > 2 ? site->connections - 1 : 1;
	site_settle(s, site);
}

void schedule_finished(struct schedule *s, struct site *site, enum queue_lane lane, bool well)
{
	uint32_t busy = site->busy[0] + site->busy[1];

	assert(site->busy[lane] > 0);
	site->busy[lane]--;
	if (!well)
		site->limit = site->limit > 1 ? site->limit / 2 : 1;
	else if (busy >= site->limit && site->limit < LIMIT_SITE_CONNECTIONS)
		site->limit++;
	site_settle(s, site);
}

/* --- what there is to know --- */

struct site *schedule_next_site(const struct schedule *s, size_t *at) { return table_next(&s->sites, at); }

void site_get_counts(const struct site *site, size_t ready[2], size_t *connections, size_t *limit)
{
	ready[0] = site->lanes[0].ready;
	ready[1] = site->lanes[1].ready;
	*connections = site->connections;
	*limit = site->limit;
}
