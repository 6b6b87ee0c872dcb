/* queue/delivery_internal.h: a delivery as its parts see it:
 *
 *   delivery.c        made, begun, stopped, ended
 *   delivery_open.c   its addresses in turn, until one answers; how a conversation ended
 *   delivery_token.c  what a login needs that a command prints
 *   delivery_work.c   transactions: taken, read, sent, done
 *   delivery_down.c   a site that can't be used
 *
 * Loop thread of the delivery, but for what is marked. */
#ifndef QUEUE_DELIVERY_INTERNAL_H
#define QUEUE_DELIVERY_INTERNAL_H

#include "queue/outbound_internal.h"

struct delivery {
	struct link all, idle; /* under the lock */
	bool woken;            /* under the lock: the post is on its way */
	struct post begin_post, wake_post, stop_post;
	bool stop_now, stop_posted;
	struct timer timer; /* idle */
	struct outbound *out;
	struct loop *loop;
	struct outbound_site *os;
	struct way *way;
	uint8_t order[WAY_ADDRESSES];
	size_t at, count;
	struct smtp_client *client; /* NULL: none now */
	bool ready, quitting, in_clear, tried, worked, first, refused_for_good;
	struct shipment *current; /* being read or sent */
	size_t settling;          /* whose results are on their way to the disk */
	size_t draining;          /* of a site that can't be used */
	bool drains;
	struct shipment_fault fault; /* why it can't; its texts are in `why` and `host` */
	char why[LIMIT_QUEUE_REPLY], host[LIMIT_DOMAIN];
	char *token; /* of a route that logs in with one; NULL: none, or not fetched yet */
	bool token_is_fresh, fetching;
};

static inline const struct way_address *delivery_address(const struct delivery *d)
{
	return &d->way->addresses[d->order[d->at]];
}

static inline const struct way_host *delivery_host(const struct delivery *d)
{
	return &d->way->hosts[delivery_address(d)->host];
}

/* Says goodbye; nothing more is taken. */
void delivery_quit(struct delivery *d);

/* Ends it if nothing of it is under way. */
void delivery_end_if_over(struct delivery *d);

/* Opens the next address that can be; where there is none the site is down. */
void delivery_next_address(struct delivery *d);

/* Why the address at hand could not be used: what is told where no other can be. `words` is copied. */
void delivery_note_fault(struct delivery *d, bool answered, struct smtp_status status, str words);

/* Fetches the token that the login needs, by a worker: true, and delivery_next_address is called after it.
 * False: none is needed, or it is there. */
bool delivery_token_fetch(struct delivery *d);
/* It was refused: neither this nor another connection uses it again. */
void delivery_token_forget(struct delivery *d);
void delivery_token_free(struct delivery *d);

/* The next transaction, or none: then it waits a little for one. */
void delivery_work(struct delivery *d);

/* The message that was given has its answers. */
void delivery_message_done(struct delivery *d);

/* None of its site's hosts can be used, while no other connection says otherwise: the site is left alone, and
 * what is ready for it is settled with d->fault. */
void delivery_site_down(struct delivery *d);

#endif
