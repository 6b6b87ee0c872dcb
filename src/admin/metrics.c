#include "admin/metrics.h"

#include "admin/outbound.h"
#include "admin/standing.h"
#include "base/metric.h"
#include "store/store.h"

static void write_store(struct buf *out, struct store *store)
{
	struct store_status s = { 0 };

	store_get_status(store, &s);
	metric_add_text(out, "postrider_store_accepting", "gauge",
	                "1: the store takes mail, 0: the disk failed", s.accepting);
	metric_add_text(out, "postrider_store_messages", "gauge", "Messages in all mailboxes", s.messages);
	metric_add_text(out, "postrider_store_segments", "gauge", "Files that hold records", s.segments);
	metric_add_text(out, "postrider_store_wal_octets", "gauge", "Octets of the log of writes",
	                s.wal_octets);
	metric_add_text(out, "postrider_store_batches_total", "counter", "Batches made durable", s.batches);
	metric_add_text(out, "postrider_store_commits_total", "counter", "Commits made durable", s.commits);
	metric_add_text(out, "postrider_store_damaged_total", "counter", "Records found damaged", s.damaged);
}

static void write_outbound(struct buf *out, const struct outbound_control *outbound)
{
	struct outbound_state s = { 0 };

	if (outbound && outbound->get_state)
		outbound->get_state(outbound->user, &s);
	metric_add_text(out, "postrider_queue_frozen", "gauge", "1: sending was stopped by queue freeze",
	                s.frozen);
	metric_add_text(out, "postrider_queue_ready", "gauge", "Recipients whose turn may come now", s.ready);
	metric_add_text(out, "postrider_queue_sending", "gauge", "Recipients whose transaction is under way",
	                s.sending);
	metric_add_text(out, "postrider_sites", "gauge", "Sites that mail waits for or goes to", s.sites);
	metric_add_text(out, "postrider_sites_held", "gauge", "Of these, those not tried again for now",
	                s.sites_held);
	metric_add_text(out, "postrider_routes_failed", "gauge",
	                "Routes none of whose smarthosts can be used now", s.routes_failed);
}

/* Left out where it can't be read: the store says so itself. */
static void write_standing(struct buf *out, struct store *store, struct standing_cache *cache)
{
	struct standing s;

	if (standing_get(cache, store, out->arena, &s).code != ERR_OK)
		return;
	metric_add_text(out, "postrider_queue_recipients", "gauge",
	                "Recipients in the queue, counted once a minute", s.recipients);
	metric_add_text(out, "postrider_queue_waiting", "gauge", "Of these, those that wait for another try",
	                s.waiting);
	metric_add_text(out, "postrider_queue_held", "gauge", "Of these, those that are held back", s.held);
	metric_add_text(out, "postrider_queue_oldest_seconds", "gauge",
	                "When the first of them was received, since 1970", (uint64_t)s.oldest_ms / 1000);
}

void metrics_write(struct buf *out, struct store *store, struct standing_cache *standing,
                   const struct outbound_control *outbound)
{
	metrics_add_text(out);
	write_store(out, store);
	write_standing(out, store, standing);
	write_outbound(out, outbound);
}
