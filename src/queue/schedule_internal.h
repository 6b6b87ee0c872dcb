/* queue/schedule_internal.h: the schedule as schedule.c (rows come and go), schedule_site.c (destinations and
 * sites), schedule_sender.c (senders at sites) and schedule_turn.c (whose turn it is) see it.
 *
 * A round is a ring of what has recipients ready; the first in it has the turn until its credit is used up.
 * Credit is counted in recipients and may go below zero by one transaction: who took more waits longer. */
#ifndef QUEUE_SCHEDULE_INTERNAL_H
#define QUEUE_SCHEDULE_INTERNAL_H

#include "base/table.h"
#include "net/link.h"
#include "queue/schedule.h"

enum { LANES = 2, ROW_BLOCK = 1 << 14, NO_ROW = -1 };

struct share {            /* one place in a round */
	struct link link; /* first */
	int32_t credit;
};

/* A sender who has recipients ready at a site, in one lane. Gone when there are none. */
struct sender {
	struct share share; /* in site->lanes[lane].senders */
	struct site *site;  /* its key: these three */
	uint64_t id;
	enum queue_lane lane;
	struct link flows; /* never empty */
};

/* Mail of one sender to one destination in one lane. Gone when it has no rows. */
struct flow {
	struct share share;              /* in sender->flows */
	struct sender *sender;           /* NULL: its destination has no site */
	struct destination *destination; /* its key: these three */
	uint64_t sender_id;
	enum queue_lane lane;
	int32_t first, last; /* rows */
	struct link beside;  /* in destination->flows */
};

struct destination {
	str key; /* domain, or domain LF reverse-path domain */
	size_t domain_len;
	struct site *site; /* NULL: not known */
	int64_t until_ms;  /* what is known is believed */
	enum { DESTINATION_IDLE, DESTINATION_WANTED, DESTINATION_ASKED, DESTINATION_FAILED } asking;
	struct link wanted; /* in schedule->wanted */
	struct link flows;
	size_t ready[LANES];
	size_t runs; /* rows of one message after another: a transaction or a part of one */
};

struct site {
	str name;
	void *user;
	int64_t held_until_ms;
	size_t destinations; /* that point here */
	size_t runs;         /* theirs */
	uint32_t connections, busy[LANES], limit;
	struct link wanting; /* in one of schedule->wanting */
	enum queue_lane wanting_lane;
	int32_t credit[LANES]; /* of its lanes */
	struct site_lane {
		struct link senders;
		size_t ready;
	} lanes[LANES];
};

/* One recipient. Rows of one message form a ring by `sibling`. */
struct row {
	uint64_t queue_id;
	struct flow *flow;      /* NULL: free, `next` is the next free one */
	int32_t next, previous; /* in its flow */
	int32_t sibling, sibling_before;
};

struct schedule {
	struct row **blocks; /* ROW_BLOCK rows each */
	size_t block_count, block_room;
	int32_t free_row;
	size_t ready[LANES], connections;
	bool split;
	void (*forget)(void *site_user);
	struct table destinations, sites, flows, senders; /* by their keys, sites by name */
	size_t destination_count, site_count, forget_at;
	struct link wanted;         /* destinations to be asked for */
	struct link wanting[LANES]; /* sites that may have one connection more, by the best lane they have */
	int64_t next_hold_ms;       /* the earliest end of a hold; INT64_MAX */
	struct destination *last;   /* that a row was added to: the next one often goes there too */
};

static inline struct row *row_at(const struct schedule *s, int32_t i)
{
	return &s->blocks[i / ROW_BLOCK][i % ROW_BLOCK];
}

/* Takes a row out of its flow, of all that counts it, and of its message's ring. */
void row_remove(struct schedule *s, int32_t i);

/* The destination of a row, made unless it is there; NULL without memory. */
struct destination *destination_of(struct schedule *s, const struct queue_row *row);

/* The sender at a site, made unless it is there; NULL without memory. It is given a flow, or freed. */
struct sender *sender_of(struct schedule *s, struct site *site, uint64_t id, enum queue_lane lane);
struct sender *sender_find(const struct schedule *s, struct site *site, uint64_t id, enum queue_lane lane);
void sender_free_if_empty(struct schedule *s, struct sender *sender);

/* Puts a flow into its sender's round, and that one into its site's; takes it out. False: no memory. */
bool flow_join(struct schedule *s, struct flow *f);
void flow_leave(struct schedule *s, struct flow *f);

/* A destination has so many runs more; negative: less. */
void destination_count_run(struct schedule *s, struct destination *d, int more);

/* A destination has one ready row more in `lane`, or one less. */
void destination_gained(struct schedule *s, struct destination *d, enum queue_lane lane);
void destination_lost(struct schedule *s, struct destination *d, enum queue_lane lane);

/* How many connections of it may work for that lane: marketing never has the last quarter. */
uint32_t site_lane_limit(const struct site *site, enum queue_lane lane);

/* Puts the site among those that may have a connection more, or takes it out. */
void site_settle(struct schedule *s, struct site *site);

/* Asks for the destination's site again. */
void destination_want(struct schedule *s, struct destination *d);

/* Frees destinations and sites that nothing refers to, when there are many. */
void schedule_forget_idle(struct schedule *s);
void schedule_free_all(struct schedule *s);

#endif
