/* Destinations and sites: made, asked for, found, forgotten. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "queue/schedule_internal.h"

enum { FORGET_MIN = 4096, DESTINATION_KEY = 2 * LIMIT_DOMAIN + 1 };

/* --- destinations --- */

void schedule_split_by_sender(struct schedule *s, bool split)
{
	s->split = split;
	s->last = NULL;
}

str destination_domain(const struct destination *d) { return str_slice(d->key, 0, d->domain_len); }

str destination_reverse_domain(const struct destination *d)
{
	return d->domain_len < d->key.len ? str_from(d->key, d->domain_len + 1) : STR("");
}

void destination_want(struct schedule *s, struct destination *d)
{
	d->asking = DESTINATION_WANTED;
	link_append(&s->wanted, &d->wanted);
}

static struct destination *destination_new(struct schedule *s, str key, size_t domain_len)
{
	struct destination *d = calloc(1, sizeof *d + key.len);

	if (!d)
		return NULL;
	memcpy(d + 1, key.ptr, key.len);
	d->key = (str){ (const char *)(d + 1), key.len };
	d->domain_len = domain_len;
	link_init(&d->flows);
	if (table_set(&s->destinations, d->key, d).code != ERR_OK) {
		free(d);
		return NULL;
	}
	s->destination_count++;
	return d;
}

/* What the row's destination is called. */
static str key_of(const struct schedule *s, const struct queue_row *row, char room[static DESTINATION_KEY])
{
	size_t len = row->domain.len;

	assert(row->domain.len <= LIMIT_DOMAIN && row->reverse_domain.len <= LIMIT_DOMAIN);
	memcpy(room, row->domain.ptr, len);
	if (s->split) {
		room[len++] = '\n';
		if (row->reverse_domain.len)
			memcpy(room + len, row->reverse_domain.ptr, row->reverse_domain.len);
		len += row->reverse_domain.len;
	}
	return (str){ room, len };
}

struct destination *destination_of(struct schedule *s, const struct queue_row *row)
{
	char room[DESTINATION_KEY];

	if (s->last && !s->split && str_eq(s->last->key, row->domain))
		return s->last;
	str key = key_of(s, row, room);
	struct destination *d = table_get(&s->destinations, key);
	if (!d)
		d = destination_new(s, key, row->domain.len);
	s->last = d;
	return d;
}

struct site *schedule_site_of(const struct schedule *s, const struct queue_row *row)
{
	char room[DESTINATION_KEY];
	const struct destination *d = table_get(&s->destinations, key_of(s, row, room));

	return d ? d->site : NULL;
}

/* --- what they have --- */

void destination_count_run(struct schedule *s, struct destination *d, int more)
{
	d->runs = more < 0 ? d->runs - 1 : d->runs + 1;
	if (!d->site)
		return;
	d->site->runs = more < 0 ? d->site->runs - 1 : d->site->runs + 1;
	site_settle(s, d->site); /* it may be another one than that of the row that comes or goes */
}

void destination_gained(struct schedule *s, struct destination *d, enum queue_lane lane)
{
	d->ready[lane]++;
	if (!d->site) {
		if (d->asking == DESTINATION_IDLE)
			destination_want(s, d);
		return;
	}
	d->site->lanes[lane].ready++;
	site_settle(s, d->site);
}

void destination_lost(struct schedule *s, struct destination *d, enum queue_lane lane)
{
	d->ready[lane]--;
	if (!d->site)
		return;
	d->site->lanes[lane].ready--;
	site_settle(s, d->site);
}

/* --- sites --- */

str site_name(const struct site *site) { return site->name; }

void **site_user(struct site *site) { return &site->user; }

struct site *schedule_site(const struct schedule *s, str name) { return table_get(&s->sites, name); }

static struct site *site_new(struct schedule *s, str name)
{
	struct site *site = calloc(1, sizeof *site + name.len);

	if (!site)
		return NULL;
	memcpy(site + 1, name.ptr, name.len);
	site->name = (str){ (const char *)(site + 1), name.len };
	site->limit = LIMIT_SITE_CONNECTIONS_FIRST;
	for (int lane = 0; lane < LANES; lane++)
		link_init(&site->lanes[lane].senders);
	if (table_set(&s->sites, site->name, site).code != ERR_OK) {
		free(site);
		return NULL;
	}
	s->site_count++;
	return site;
}

uint32_t site_lane_limit(const struct site *site, enum queue_lane lane)
{
	return lane == QUEUE_TRANSACTIONAL ? site->limit : site->limit - site->limit / 4;
}

/* Transactions that there are at least; a message for several destinations of the site may count as several.
 */
static size_t transactions(const struct site *site)
{
	size_t ready = site->lanes[0].ready + site->lanes[1].ready;
	size_t full = (ready + LIMIT_TRANSACTION_RECIPIENTS - 1) / LIMIT_TRANSACTION_RECIPIENTS;

	return site->runs > full ? site->runs : full;
}

/* Connections that have nothing to do are counted on: the transactions ready are more than those. */
static bool wants_connection(const struct site *site, enum queue_lane lane)
{
	uint32_t idle = site->connections - site->busy[0] - site->busy[1];

	return transactions(site) > idle && site->connections < site_lane_limit(site, lane) &&
	       site->held_until_ms == 0;
}

void site_settle(struct schedule *s, struct site *site)
{
	enum queue_lane lane = site->lanes[QUEUE_TRANSACTIONAL].ready ? QUEUE_TRANSACTIONAL : QUEUE_MARKETING;
	bool wants = wants_connection(site, lane);

	if (link_is_listed(&site->wanting) && (!wants || lane != site->wanting_lane))
		link_remove(&site->wanting);
	if (wants && !link_is_listed(&site->wanting))
		link_append(&s->wanting[lane], &site->wanting);
	site->wanting_lane = lane;
}

static struct flow *flow_beside(const struct link *l) { return CONTAINER(l->next, struct flow, beside); }

/* The senders of the destination's flows at a site. False: no memory, and nothing was made. */
static bool senders_ready(struct schedule *s, struct destination *d, struct site *site)
{
	bool made = true;

	for (struct link *l = &d->flows; made && l->next != &d->flows; l = l->next)
		made = sender_of(s, site, flow_beside(l)->sender_id, flow_beside(l)->lane) != NULL;
	for (struct link *l = &d->flows; !made && l->next != &d->flows; l = l->next) {
		struct sender *sender = sender_find(s, site, flow_beside(l)->sender_id, flow_beside(l)->lane);
		if (sender)
			sender_free_if_empty(s, sender);
	}
	return made;
}

static void move_flows(struct schedule *s, struct destination *d)
{
	for (struct link *l = &d->flows; l->next != &d->flows; l = l->next) {
		struct flow *f = flow_beside(l);
		if (f->sender)
			flow_leave(s, f);
		bool joined = !d->site || flow_join(s, f);
		assert(joined); /* its sender is there */
		(void)joined;
	}
}

/* The destination's recipients count for its new site, NULL for none. False: no memory, nothing changed. */
static bool point_to(struct schedule *s, struct destination *d, struct site *site)
{
	struct site *former = d->site;

	if (former == site)
		return true;
	if (site && !senders_ready(s, d, site))
		return false;
	d->site = site;
	move_flows(s, d);
	for (int lane = 0; lane < LANES; lane++) {
		if (former)
			former->lanes[lane].ready -= d->ready[lane];
		if (site)
			site->lanes[lane].ready += d->ready[lane];
	}
	if (former) {
		former->runs -= d->runs;
		former->destinations--;
		site_settle(s, former);
	}
	if (site) {
		site->runs += d->runs;
		site->destinations++;
		site_settle(s, site);
	}
	return true;
}

static void point_nowhere(struct schedule *s, struct destination *d)
{
	bool pointed = point_to(s, d, NULL); /* which needs no memory */

	assert(pointed);
	(void)pointed;
}

/* --- being asked for --- */

struct destination *schedule_to_resolve(struct schedule *s)
{
	if (link_is_empty(&s->wanted))
		return NULL;
	struct destination *d = CONTAINER(s->wanted.next, struct destination, wanted);
	link_remove(&d->wanted);
	d->asking = DESTINATION_ASKED;
	schedule_forget_idle(s);
	return d;
}

err schedule_found(struct schedule *s, struct destination *d, str name, int64_t until_ms, struct site **out)
{
	struct site *site = schedule_site(s, name);

	if (!site)
		site = site_new(s, name);
	if (!site || !point_to(s, d, site)) {
		destination_want(s, d);
		return ERR_NO_MEMORY;
	}
	d->asking = DESTINATION_IDLE;
	d->until_ms = until_ms;
	*out = site;
	return OK;
}

void schedule_ask_again(struct schedule *s, struct destination *d) { destination_want(s, d); }

void schedule_not_found(struct schedule *s, struct destination *d)
{
	point_nowhere(s, d);
	d->asking = DESTINATION_FAILED;
}

bool schedule_take_failed(struct schedule *s, struct destination *d, struct transaction_rows *out)
{
	if (link_is_empty(&d->flows)) {
		d->asking = DESTINATION_IDLE;
		return false;
	}
	const struct flow *f = flow_beside(&d->flows);
	*out = (struct transaction_rows){ .content_id = queue_content_id(row_at(s, f->first)->queue_id),
		                          .lane = f->lane };
	for (int32_t i = f->first, next; i != NO_ROW && out->count < LIMIT_TRANSACTION_RECIPIENTS; i = next) {
		const struct row *r = row_at(s, i);
		next = r->next; /* its flow ends with its last row */
		if (queue_content_id(r->queue_id) != out->content_id)
			break;
		out->queue_ids[out->count++] = r->queue_id;
		row_remove(s, i);
	}
	return true;
}

void schedule_forget_sites(struct schedule *s)
{
	size_t at = 0;

	for (struct destination *d; (d = table_next(&s->destinations, &at));) {
		if (d->asking != DESTINATION_IDLE)
			continue;
		point_nowhere(s, d);
		if (d->ready[0] + d->ready[1] > 0)
			destination_want(s, d);
	}
}

/* --- forgetting --- */

static bool destination_is_idle(const struct destination *d)
{
	return d->asking == DESTINATION_IDLE && link_is_empty(&d->flows);
}

static bool site_is_idle(const struct site *site)
{
	return site->destinations == 0 && site->connections == 0 && site->held_until_ms == 0;
}

static void destination_free(struct schedule *s, struct destination *d)
{
	(void)table_remove(&s->destinations, d->key);
	if (d->site)
		d->site->destinations--;
	link_remove(&d->wanted);
	free(d);
	s->destination_count--;
}

static void site_free(struct schedule *s, struct site *site)
{
	(void)table_remove(&s->sites, site->name);
	link_remove(&site->wanting);
	if (site->user)
		s->forget(site->user);
	free(site);
	s->site_count--;
}

/* A walk over all, each time twice as many are there as after the last one. */
void schedule_forget_idle(struct schedule *s)
{
	size_t at = 0;

	if (s->destination_count + s->site_count < (s->forget_at ? s->forget_at : FORGET_MIN))
		return;
	s->last = NULL;
	for (struct destination *d; (d = table_next(&s->destinations, &at));)
		if (destination_is_idle(d))
			destination_free(s, d);
	at = 0;
	for (struct site *site; (site = table_next(&s->sites, &at));)
		if (site_is_idle(site))
			site_free(s, site);
	size_t left = s->destination_count + s->site_count;
	s->forget_at = 2 * left > FORGET_MIN ? 2 * left : FORGET_MIN;
}

void schedule_free_all(struct schedule *s)
{
	size_t at = 0;

	for (struct flow *f; (f = table_next(&s->flows, &at));)
		free(f);
	at = 0;
	for (struct sender *sender; (sender = table_next(&s->senders, &at));)
		free(sender);
	at = 0;
	for (struct destination *d; (d = table_next(&s->destinations, &at));)
		free(d);
	at = 0;
	for (struct site *site; (site = table_next(&s->sites, &at)); free(site))
		if (site->user)
			s->forget(site->user);
	table_fini(&s->flows);
	table_fini(&s->senders);
	table_fini(&s->destinations);
	table_fini(&s->sites);
}
