#include "sending.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "admin/config.h"
#include "admin/frozen.h"
#include "auth/key.h"
#include "net/client.h"
#include "net/dns.h"
#include "queue/mx.h"
#include "queue/outbound.h"

struct sending {
	struct dns *dns;
	struct mx *mx;
	struct net_client *net;
	struct outbound *queue;
	struct outbound_control control;
	_Atomic int running; /* of dns and queue, while they stop */
	void (*stopped)(void *user);
	void *user;
};

/* --- what management sees --- */

static void routes_changed(void *user) { outbound_routes_changed(((struct sending *)user)->queue); }

static void rows_changed(void *user, const uint64_t *queue_ids, size_t count)
{
	outbound_rows_changed(((struct sending *)user)->queue, queue_ids, count);
}

static void freeze(void *user, bool frozen) { outbound_freeze(((struct sending *)user)->queue, frozen); }

static bool is_sending(void *user, uint64_t queue_id)
{
	return outbound_is_sending(((struct sending *)user)->queue, queue_id);
}

static void get_state(void *user, struct outbound_state *out)
{
	struct outbound_counts counts;

	outbound_get_counts(((struct sending *)user)->queue, &counts);
	*out = (struct outbound_state){ .frozen = counts.frozen,
		                        .ready = counts.ready,
		                        .sending = counts.sending,
		                        .sites = counts.sites,
		                        .sites_held = counts.sites_held,
		                        .routes_failed = counts.routes_failed };
}

struct looking {
	struct outbound_question question;
	struct outbound_lookup *lookup;
};

static void looked(struct outbound_question *question)
{
	struct looking *l = (struct looking *)question;

	l->lookup->sentences = question->sentences;
	l->lookup->count = question->count;
	l->lookup->done(l->lookup);
	free(l);
}

static void lookup(void *user, struct outbound_lookup *asked)
{
	struct looking *l = calloc(1, sizeof *l);

	if (!l) {
		asked->done(asked);
		return;
	}
	l->lookup = asked;
	l->question =
		(struct outbound_question){ .name = asked->name, .is_host = asked->is_host, .done = looked };
	outbound_ask(((struct sending *)user)->queue, &l->question);
}

const struct outbound_control *sending_control(struct sending *s) { return &s->control; }

/* --- opening --- */

static err open_dns(struct arena *arena, struct loops *loops, const struct config *config, struct dns **out)
{
	size_t count = config->dns.servers.count;
	struct dns_server *servers = arena_new(arena, struct dns_server, count + 1);

	if (!servers)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		servers[i] = (struct dns_server){ config->dns.servers.item[i].address,
			                          config->dns.servers.item[i].port };
	return dns_new(arena, loops_get(loops, 0),
	               &(struct dns_options){ servers, count, config->dns.trust_anchor_file }, out);
}

static err open_queue(struct sending *s, struct arena *arena, struct outbound_options *options,
                      const struct config *config)
{
	const struct config_sources *from = &config->outbound.source_addresses;
	struct outbound_source *sources = arena_new(arena, struct outbound_source, from->count + 1);

	if (!sources)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < from->count; i++)
		sources[i] = (struct outbound_source){ from->item[i].address, from->item[i].hostname };
	options->sources = sources;
	options->source_count = from->count;
	options->frozen = frozen_get(arena, config->data_dir);
	return outbound_new(options, &s->queue);
}

static err open_parts(struct sending *s, struct arena *arena, struct store *store, struct work *work,
                      struct loops *loops, struct flight *flight, const struct config *config)
{
	struct outbound_options options = {
		.store = store,
		.loops = loops,
		.work = work,
		.flight = flight,
		.hostname = config->hostname,
		.port = config->outbound.port,
		.notices = { .store = store,
		             .hostname = config->hostname,
		             .lifetime_ms = LIMIT_QUEUE_LIFETIME_MS },
	};

	struct digest srs_key;

	TRY(key_load(arena, config->data_dir, KEY_SRS, &srs_key));
	options.notices.srs_key = digest_str(&srs_key);
	TRY(open_dns(arena, loops, config, &s->dns));
	TRY(mx_new(s->dns, &(struct mx_options){ config->hostname, config->outbound.allow_private }, &s->mx));
	TRY(net_client_new(work, &s->net));
	options.mx = s->mx;
	options.net = s->net;
	return open_queue(s, arena, &options, config);
}

err sending_open(struct arena *arena, struct store *store, struct work *work, struct loops *loops,
                 struct flight *flight, const struct config *config, struct sending **out)
{
	struct sending *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NO_MEMORY;
	s->control = (struct outbound_control){ .user = s,
		                                .routes_changed = routes_changed,
		                                .rows_changed = rows_changed,
		                                .freeze = freeze,
		                                .is_sending = is_sending,
		                                .get_state = get_state,
		                                .lookup = lookup };
	err e = open_parts(s, arena, store, work, loops, flight, config);
	if (e.code == ERR_OK)
		*out = s;
	else
		sending_close(s);
	return e;
}

void sending_start(struct sending *s) { outbound_start(s->queue); }

/* --- closing --- */

static void one_stopped(void *user)
{
	struct sending *s = user;

	if (atomic_fetch_sub(&s->running, 1) == 1)
		s->stopped(s->user);
}

void sending_stop(struct sending *s, int64_t patience_ms, void (*stopped)(void *user), void *user)
{
	s->stopped = stopped;
	s->user = user;
	s->running = 2;
	outbound_stop(s->queue, patience_ms, one_stopped, s);
	dns_stop(s->dns, one_stopped, s);
}

void sending_close(struct sending *s)
{
	if (!s)
		return;
	outbound_free(s->queue);
	mx_free(s->mx);
	net_client_free(s->net);
	dns_free(s->dns);
	free(s);
}
