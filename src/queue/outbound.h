/* queue/outbound.h: the queue at work: what is ready is sent, by MX or through smarthosts, and what came of
 * it is committed at once.
 *
 *   accepting commit -> schedule (whose turn) -> way (which hosts) -> delivery (a connection) -> shipment (a
 *   transaction: read, sent, decided, committed with the notices it makes)
 *
 * One schedule under one lock; connections live on all loops and take their next message themselves. A
 * connection with an uncommitted result may begin its next transaction but not end it, so that a crash
 * repeats at most one transaction a connection. What outlives a restart stands in rows and notes of the
 * store.
 *
 * Any thread, unless said otherwise.
 */
#ifndef QUEUE_OUTBOUND_H
#define QUEUE_OUTBOUND_H

#include "base/ip.h"
#include "deliver/notice.h"
#include "net/loop.h"

struct flight;
struct mx;
struct net_client;
struct outbound;
struct work;

struct outbound_source {
	ip address;
	str hostname; /* said in EHLO from there; empty: the server's own */
};

/* Copied; what its pointers name must outlive the queue. */
struct outbound_options {
	struct store *store;
	struct loops *loops;
	struct work *work;
	struct net_client *net;
	struct mx *mx;
	struct flight *flight; /* NULL: no slots are set (tests) */
	struct notice_options notices;
	str hostname; /* said in EHLO */
	uint16_t port;
	const struct outbound_source *sources;
	size_t source_count;
	bool frozen;
};

/* Before anything is committed and before the loops run. ERR_NOSPACE. */
err outbound_new(const struct outbound_options *options, struct outbound **out) MUST_USE;

/* The loops run: reads what waits and begins. */
void outbound_start(struct outbound *o);

/* Nothing new is begun; a message whose end went out may take `patience_ms` for its answer; then `stopped`,
 * on a loop, when nothing is under way any more. dns_stop comes first. */
void outbound_stop(struct outbound *o, int64_t patience_ms, void (*stopped)(void *user), void *user);

/* After `stopped` or where it was never started. NULL is legal. */
void outbound_free(struct outbound *o);

/* --- what people want (admin/outbound.h says more) --- */

void outbound_routes_changed(struct outbound *o);
void outbound_rows_changed(struct outbound *o, const uint64_t *queue_ids, size_t count);
void outbound_freeze(struct outbound *o, bool frozen);
bool outbound_is_sending(struct outbound *o, uint64_t queue_id);

struct outbound_counts {
	bool frozen;
	uint64_t ready, sending;
	uint64_t connections, destinations, sites, sites_held, routes_failed;
	uint64_t octets; /* of memory for what is ready */
};
void outbound_get_counts(struct outbound *o, struct outbound_counts *out);

/* Loop thread: what DNS says of `name` just now, in sentences; `done` comes on the same loop, never from
 * within this call. */
struct outbound_question {
	str name;
	bool is_host;
	void (*done)(struct outbound_question *question);
	const char *const *sentences; /* until done returns */
	size_t count;
	struct post post; /* private */
};
void outbound_ask(struct outbound *o, struct outbound_question *question);

#endif
