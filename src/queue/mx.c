#include "queue/mx.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/random.h"
#include "net/dns.h"

struct mx {
	struct dns *dns;
	bool allow_private;
	size_t hostname_len;
	char hostname[LIMIT_DOMAIN];
};

/* One host's two questions. */
struct host_search {
	struct dns_question v6, v4; /* their `done` finds the search by the host */
	struct mx_search *search;
	ip found[2][LIMIT_MX_ADDRESSES]; /* IPv6, IPv4 */
	size_t count[2];
};

struct mx_search {
	struct mx *mx;
	struct mx_query *query;
	struct arena arena;
	struct dns_question question; /* for MX */
	struct mx_host *hosts;
	size_t host_count;
	struct host_search *searches; /* one a host */
	size_t pending;               /* questions without an answer */
	bool temporary, hidden;       /* some host's addresses can't be had now; are private */
	struct post post;
};

err mx_new(struct dns *dns, const struct mx_options *options, struct mx **out)
{
	struct mx *mx = calloc(1, sizeof *mx);

	if (!mx)
		return ERR_NO_MEMORY;
	if (options->hostname.len > LIMIT_DOMAIN) {
		free(mx);
		return (err){ ERR_LIMIT, LIMIT_DOMAIN, "the hostname is too long" };
	}
	mx->dns = dns;
	mx->allow_private = options->allow_private;
	mx->hostname_len = options->hostname.len;
	memcpy(mx->hostname, options->hostname.ptr, options->hostname.len);
	*out = mx;
	return OK;
}

void mx_free(struct mx *mx) { free(mx); }

static str hostname(const struct mx *mx) { return (str){ mx->hostname, mx->hostname_len }; }

/* --- the end --- */

static void finish(struct mx_search *s)
{
	struct mx_query *query = s->query;
	struct arena arena = s->arena; /* it holds the search */

	query->done(query);
	arena_reset(&arena);
}

static void fail(struct mx_search *s, enum mx_status status)
{
	s->query->result.status = status;
	finish(s);
}

/* --- addresses --- */

static void add_address(struct mx_search *s, struct mx_address *out, size_t *count, const ip *address,
                        size_t host)
{
	if (*count == LIMIT_MX_ADDRESSES)
		return;
	if (!s->mx->allow_private && !s->query->host && mx_is_private(*address)) {
		s->hidden = true;
		return;
	}
	out[(*count)++] = (struct mx_address){ *address, (uint16_t)host };
}

/* IPv6 and IPv4 of each host in turns. */
static size_t gather(struct mx_search *s, struct mx_address *out)
{
	size_t count = 0;

	for (size_t h = 0; h < s->host_count; h++) {
		const struct host_search *of = &s->searches[h];
		for (size_t i = 0; i < of->count[0] || i < of->count[1]; i++)
			for (size_t family = 0; family < 2; family++)
				if (i < of->count[family])
					add_address(s, out, &count, &of->found[family][i], h);
	}
	return count;
}

static void conclude(struct mx_search *s)
{
	struct mx_result *r = &s->query->result;
	struct mx_address *addresses = arena_new(&s->arena, struct mx_address, LIMIT_MX_ADDRESSES);
	char *room = arena_alloc(&s->arena, LIMIT_SITE_NAME);

	if (!addresses || !room) {
		fail(s, MX_TEMPORARY);
		return;
	}
	r->hosts = s->hosts;
	r->host_count = s->host_count;
	r->addresses = addresses;
	r->address_count = gather(s, addresses);
	r->site = mx_site(s->hosts, s->host_count, room, LIMIT_SITE_NAME);
	r->status = r->address_count ? MX_FOUND
	            : s->temporary   ? MX_TEMPORARY
	            : s->hidden      ? MX_PRIVATE
	                             : MX_NO_ADDRESS;
	finish(s);
}

static void note_ttl(struct mx_result *r, const struct dns_question *q)
{
	if (q->status == DNS_FOUND && q->ttl_s < r->ttl_s)
		r->ttl_s = q->ttl_s;
}

static void took_addresses(struct host_search *of, const struct dns_question *q, size_t family)
{
	struct mx_search *s = of->search;

	for (size_t i = 0; i < q->count && of->count[family] < LIMIT_MX_ADDRESSES; i++)
		of->count[family] +=
			dns_parse_address(q->type, q->rdata[i], &of->found[family][of->count[family]]);
	s->temporary |= q->status == DNS_TEMPORARY || q->status == DNS_BOGUS;
	s->hosts[of - s->searches].secure &= q->status != DNS_FOUND || q->secure;
	note_ttl(&s->query->result, q);
	if (--s->pending == 0)
		conclude(s);
}

static void v6_came(struct dns_question *q) { took_addresses(CONTAINER(q, struct host_search, v6), q, 0); }

static void v4_came(struct dns_question *q) { took_addresses(CONTAINER(q, struct host_search, v4), q, 1); }

static void ask_addresses(struct mx_search *s)
{
	s->searches = arena_new(&s->arena, struct host_search, s->host_count);
	if (!s->searches) {
		fail(s, MX_TEMPORARY);
		return;
	}
	s->pending = 2 * s->host_count;
	for (size_t i = 0; i < s->host_count; i++) {
		struct host_search *of = &s->searches[i];
		of->search = s;
		of->v6 = (struct dns_question){ .name = s->hosts[i].name, .type = DNS_AAAA, .done = v6_came };
		of->v4 = (struct dns_question){ .name = s->hosts[i].name, .type = DNS_A, .done = v4_came };
		dns_ask(s->mx->dns, &of->v6);
		dns_ask(s->mx->dns, &of->v4);
	}
}

/* --- hosts --- */

/* The domain itself (RFC 5321 §5.1), or a host that was asked for. */
static void ask_itself(struct mx_search *s, bool secure)
{
	s->hosts = arena_new(&s->arena, struct mx_host, 1);
	if (!s->hosts) {
		fail(s, MX_TEMPORARY);
		return;
	}
	s->hosts[0] = (struct mx_host){ .name = s->query->domain, .secure = secure };
	s->host_count = s->query->host ? 1 : mx_order(s->hosts, 1, hostname(s->mx), random_u64);
	if (s->host_count == 0)
		fail(s, MX_LOOP);
	else
		ask_addresses(s);
}

/* False: no memory. Of records that make no sense nothing is taken. */
static bool read_hosts(struct mx_search *s, const struct dns_question *q)
{
	s->hosts = arena_new(&s->arena, struct mx_host, LIMIT_MX_HOSTS);
	for (size_t i = 0; s->hosts && i < q->count && s->host_count < LIMIT_MX_HOSTS; i++) {
		struct mx_host *host = &s->hosts[s->host_count];
		char *room = arena_alloc(&s->arena, LIMIT_DOMAIN + 1);
		if (!room)
			return false;
		s->host_count += dns_parse_mx(q->rdata[i], &host->preference, room, &host->name) &&
		                 (host->name.len > 0 || q->count == 1);
		host->secure = q->secure;
	}
	return s->hosts != NULL;
}

static void took_hosts(struct mx_search *s, const struct dns_question *q)
{
	if (!read_hosts(s, q)) {
		fail(s, MX_TEMPORARY);
		return;
	}
	if (s->host_count == 1 && s->hosts[0].name.len == 0) {
		fail(s, MX_NULL);
		return;
	}
	size_t before = s->host_count;
	s->host_count = mx_order(s->hosts, before, hostname(s->mx), random_u64);
	if (s->host_count == 0)
		fail(s, before ? MX_LOOP : MX_NO_ADDRESS);
	else
		ask_addresses(s);
}

static void mx_came(struct dns_question *q)
{
	struct mx_search *s = CONTAINER(q, struct mx_search, question);
	struct mx_result *r = &s->query->result;

	r->secure = q->secure;
	r->why = q->why;
	note_ttl(r, q);
	switch (q->status) {
	case DNS_FOUND:
		took_hosts(s, q);
		break;
	case DNS_NO_DATA:
		ask_itself(s, q->secure);
		break;
	case DNS_NO_NAME:
		fail(s, MX_NO_DOMAIN);
		break;
	case DNS_TEMPORARY:
	case DNS_BOGUS:
		fail(s, MX_TEMPORARY);
		break;
	}
}

/* --- beginning --- */

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3); of a host also the bare address. */
static bool is_literal(const struct mx_query *query)
{
	str d = query->domain;
	ip address;

	return (d.len > 2 && d.ptr[0] == '[' && d.ptr[d.len - 1] == ']') ||
	       (query->host && ip_parse(d, &address).code == ERR_OK);
}

static void use_literal(struct mx_search *s)
{
	str text = s->query->domain;
	struct host_search *of;
	ip address;

	if (text.ptr[0] == '[')
		text = str_slice(text, 1, text.len - 1);
	if (str_starts_nocase(text, STR("IPv6:")))
		text = str_from(text, 5);
	s->hosts = arena_new(&s->arena, struct mx_host, 1);
	s->searches = of = arena_new(&s->arena, struct host_search, 1);
	if (!s->hosts || !of) {
		fail(s, MX_TEMPORARY);
		return;
	}
	if (ip_parse(text, &address).code != ERR_OK) {
		fail(s, MX_NO_DOMAIN);
		return;
	}
	s->hosts[0] = (struct mx_host){ .name = s->query->domain };
	s->host_count = 1;
	of->found[0][0] = address;
	of->count[0] = 1;
	conclude(s);
}

static void begin(struct post *post)
{
	struct mx_search *s = CONTAINER(post, struct mx_search, post);
	str domain = s->query->domain;

	if (is_literal(s->query)) {
		use_literal(s);
	} else if (s->query->host) {
		ask_itself(s, false);
	} else {
		s->question = (struct dns_question){ .name = domain, .type = DNS_MX, .done = mx_came };
		dns_ask(s->mx->dns, &s->question);
	}
}

static void give_up(struct post *post)
{
	struct mx_query *query = CONTAINER(post, struct mx_query, post);

	query->done(query);
}

void mx_resolve(struct mx *mx, struct mx_query *query)
{
	static const struct mx_result nothing = { .status = MX_TEMPORARY, .ttl_s = UINT32_MAX };
	struct arena arena;

	query->result = nothing;
	arena_init(&arena, loop_arena_pool(loop_current()), LIMIT_MX_ARENA);
	struct mx_search *s = arena_new(&arena, struct mx_search, 1);
	if (!s) {
		query->result.why = "out of memory";
		query->post.run = give_up;
		loop_post(loop_current(), &query->post);
		return;
	}
	s->arena = arena;
	s->mx = mx;
	s->query = query;
	s->post.run = begin;
	loop_post(loop_current(), &s->post);
}
