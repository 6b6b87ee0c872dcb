/* What is remembered of sites, hosts and routes, and the notes by which it outlives a restart:
 *
 *   "site NAME"   failures in a row and until when it is left alone
 *   "tls HOST"    until when it is spoken to in the clear, where that may be
 *   "quota KEY"   what was sent by a route of late: slots of the wall clock, as queue/quota.h counts them
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "queue/outbound_internal.h"
#include "queue/retry.h"

enum { HOSTS_MOST = 10000 };

/* One that was read and waits for its site to be found. */
struct backoff {
	str name;
	uint32_t failures;
	int64_t until_ms;
};

struct host_memory {
	str name;
	int64_t bad_until_ms, clear_until_ms;
};

/* A struct with its name behind it. */
static void *new_named(size_t size, str name, str *out)
{
	char *octets = calloc(1, size + name.len + 1);

	if (!octets)
		return NULL;
	if (name.len)
		memcpy(octets + size, name.ptr, name.len);
	*out = (str){ octets + size, name.len };
	return octets;
}

/* --- hosts --- */

/* What can be learned again is forgotten before memory grows without end. */
static void forget_hosts(struct outbound *o)
{
	size_t at = 0;

	for (struct host_memory *h; (h = table_next(&o->hosts, &at)); free(h))
		;
	table_fini(&o->hosts);
	o->hosts = (struct table){ 0 };
	o->host_count = 0;
}

static struct host_memory *host_of(struct outbound *o, str name)
{
	struct host_memory *h = table_get(&o->hosts, name);
	str copy;

	if (h)
		return h;
	if (o->host_count >= HOSTS_MOST)
		forget_hosts(o);
	h = new_named(sizeof *h, name, &copy);
	if (!h)
		return NULL;
	h->name = copy;
	if (table_set(&o->hosts, copy, h).code != ERR_OK) {
		free(h);
		return NULL;
	}
	o->host_count++;
	return h;
}

bool host_is_bad(struct outbound *o, str host, int64_t now_ms)
{
	const struct host_memory *h = table_get(&o->hosts, host);

	return h && h->bad_until_ms > now_ms;
}

void host_set_bad(struct outbound *o, str host, int64_t until_ms)
{
	struct host_memory *h = until_ms ? host_of(o, host) : table_get(&o->hosts, host);

	if (h)
		h->bad_until_ms = until_ms;
}

bool host_tls_is_broken(struct outbound *o, str host, int64_t now_ms)
{
	const struct host_memory *h = table_get(&o->hosts, host);

	return h && h->clear_until_ms > now_ms;
}

void host_set_tls_broken(struct outbound *o, str host, int64_t until_ms)
{
	struct host_memory *h = host_of(o, host);

	if (h)
		h->clear_until_ms = until_ms;
}

/* --- quotas --- */

static struct route_quota *quota_of(struct outbound *o, str key)
{
	struct route_quota *q = table_get(&o->quotas, key);
	str copy;

	if (q)
		return q;
	q = new_named(sizeof *q, key, &copy);
	if (!q)
		return NULL;
	q->key = copy;
	if (table_set(&o->quotas, copy, q).code != ERR_OK) {
		free(q);
		return NULL;
	}
	return q;
}

static bool is_limited(const struct way *way)
{
	for (int i = 0; i < ROUTE_PERIODS; i++)
		if (way->limits[i])
			return true;
	return false;
}

/* As quota.h wants it. The wall clock is its time, since what was sent before a restart counts too. */
static struct route_entry limits_of(const struct route_quota *q)
{
	struct route_entry entry = { .key = q->key };

	memcpy(entry.limits, q->limits, sizeof entry.limits);
	return entry;
}

uint32_t site_quota_take(struct outbound_site *os, uint32_t wanted, int64_t now_ms, int64_t *until_ms)
{
	struct route_entry limits;
	int64_t wait_ms = 0;

	if (!os->quota)
		return wanted;
	limits = limits_of(os->quota);
	uint32_t granted = quota_take(&os->quota->quota, &limits, wanted, now_ms, &wait_ms);
	if (granted == 0)
		*until_ms = now_ms + (wait_ms > 0 ? wait_ms : 1);
	return granted;
}

void site_quota_give_back(struct outbound_site *os, uint32_t count, int64_t taken_ms)
{
	struct route_entry limits;

	if (!os->quota || count == 0)
		return;
	limits = limits_of(os->quota);
	quota_give_back(&os->quota->quota, &limits, count, taken_ms);
}

/* --- sites --- */

static void adopt_backoff(struct outbound *o, struct outbound_site *os)
{
	struct backoff *b = table_remove(&o->backoffs, site_name(os->site));

	if (!b)
		return;
	os->failures = b->failures;
	os->failed = b->until_ms > clock_now();
	if (os->failed)
		schedule_hold(o->schedule, os->site, b->until_ms);
	free(b);
}

struct outbound_site *outbound_site_of(struct outbound *o, struct site *site, struct way *way)
{
	struct outbound_site *os = *site_user(site);

	if (!os) {
		os = calloc(1, sizeof *os);
		if (!os)
			return NULL;
		os->out = o;
		os->site = site;
		*site_user(site) = os;
		adopt_backoff(o, os);
	}
	way_release(os->way);
	os->way = way;
	os->quota = is_limited(way) ? quota_of(o, way->route_key) : NULL;
	if (os->quota)
		memcpy(os->quota->limits, way->limits, sizeof os->quota->limits);
	return os;
}

void outbound_site_forget(void *site_user)
{
	struct outbound_site *os = site_user;

	way_release(os->way);
	if (os->token)
		explicit_bzero(os->token, strlen(os->token));
	free(os->token);
	free(os);
}

int64_t site_fail(struct outbound_site *os, int64_t now_ms)
{
	os->failures++;
	os->failed = true;
	os->bad_sessions = 0;
	int64_t until_ms = now_ms + retry_site_after_ms(os->failures, random_u64());
	schedule_hold(os->out->schedule, os->site, until_ms);
	return until_ms;
}

bool site_recover(struct outbound_site *os)
{
	bool was = os->failures > 0;

	os->failures = os->bad_sessions = 0;
	os->failed = false;
	return was;
}

/* --- notes --- */

static err make_note(struct arena *arena, const char *about, str name, const struct buf *value,
                     struct note *out)
{
	struct buf key;

	buf_init(&key, arena, LIMIT_NOTE_KEY);
	buf_add(&key, str_of(about));
	buf_add(&key, name);
	TRY(buf_err(&key)); /* a longer name is not kept: it costs an attempt after a restart */
	TRY(buf_err(value));
	*out = (struct note){ buf_str(&key), buf_str(value) };
	return OK;
}

err site_note_backoff(struct outbound_site *os, struct arena *arena, struct note *out)
{
	struct buf value;

	buf_init(&value, arena, LIMIT_NOTE_VALUE);
	if (os->failures) {
		buf_add_u64(&value, os->failures);
		buf_add_char(&value, ' ');
		buf_add_i64(&value, site_held_until(os->site));
	}
	return make_note(arena, "site ", site_name(os->site), &value, out);
}

err host_note_tls(str host, int64_t until_ms, struct arena *arena, struct note *out)
{
	struct buf value;

	buf_init(&value, arena, LIMIT_NOTE_VALUE);
	buf_add_i64(&value, until_ms);
	return make_note(arena, "tls ", host, &value, out);
}

/* Each period's newest slot, then what was taken in it and in those before it. */
err site_note_quota(struct outbound_site *os, struct arena *arena, struct note *out, bool *has)
{
	struct buf value;

	*has = os->quota != NULL;
	if (!os->quota)
		return OK;
	buf_init(&value, arena, LIMIT_NOTE_VALUE);
	for (int i = 0; i < ROUTE_PERIODS; i++) {
		const struct rate *r = &os->quota->quota.rates[i];
		buf_add_i64(&value, r->newest);
		for (size_t n = 0; n <= RATE_SLOTS; n++) {
			buf_add_char(&value, ' ');
			buf_add_u64(&value, r->taken[n]);
		}
		buf_add_char(&value, ' ');
	}
	return make_note(arena, "quota ", os->quota->key, &value, out);
}

static uint64_t next_number(str *in)
{
	uint64_t n = 0;

	return str_to_u64(str_cut(in, ' '), INT64_MAX, &n) ? n : 0;
}

static void take_backoff(struct outbound *o, str name, str value)
{
	str copy;
	struct backoff *b = new_named(sizeof *b, name, &copy);

	if (!b)
		return;
	*b = (struct backoff){ .name = copy };
	b->failures = (uint32_t)next_number(&value);
	b->until_ms = (int64_t)next_number(&value);
	if (table_get(&o->backoffs, copy) || table_set(&o->backoffs, copy, b).code != ERR_OK)
		free(b);
}

static void take_quota(struct outbound *o, str key, str value)
{
	struct route_quota *q = quota_of(o, key);

	for (int i = 0; q && i < ROUTE_PERIODS; i++) {
		struct rate *r = &q->quota.rates[i];
		r->newest = (int64_t)next_number(&value);
		for (size_t n = 0; n <= RATE_SLOTS; n++)
			r->taken[n] = (uint32_t)next_number(&value);
	}
}

void standing_take_note(struct outbound *o, const struct note *note)
{
	str value = note->value;

	if (str_starts(note->key, STR("site ")))
		take_backoff(o, str_from(note->key, 5), value);
	else if (str_starts(note->key, STR("tls ")))
		host_set_tls_broken(o, str_from(note->key, 4), (int64_t)next_number(&value));
	else if (str_starts(note->key, STR("quota ")))
		take_quota(o, str_from(note->key, 6), value);
}

/* --- saved apart from a message's commit --- */

struct saving {
	struct commit commit;
	struct commit_op op;
	struct note note;
	char octets[];
};

static void saved(struct commit *commit) { free(CONTAINER(commit, struct saving, commit)); }

void standing_save(struct outbound *o, const struct note *note)
{
	struct saving *s = calloc(1, sizeof *s + note->key.len + note->value.len);

	if (!s)
		return; /* what is lost costs an attempt */
	memcpy(s->octets, note->key.ptr, note->key.len);
	if (note->value.len)
		memcpy(s->octets + note->key.len, note->value.ptr, note->value.len);
	s->note =
		(struct note){ { s->octets, note->key.len }, { s->octets + note->key.len, note->value.len } };
	s->op = (struct commit_op){ .kind = COMMIT_NOTE, .notes = { &s->note, 1 } };
	s->commit = (struct commit){ .done = saved, .ops = &s->op, .op_count = 1 };
	store_commit(o->given.store, &s->commit);
}

void standing_fini(struct outbound *o)
{
	size_t at = 0;

	forget_hosts(o);
	for (void *q; (q = table_next(&o->quotas, &at)); free(q))
		;
	table_fini(&o->quotas);
	at = 0;
	for (void *b; (b = table_next(&o->backoffs, &at)); free(b))
		;
	table_fini(&o->backoffs);
}
