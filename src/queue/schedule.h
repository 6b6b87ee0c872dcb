/* queue/schedule.h: what is sent next: the ready recipients in memory, and whose turn it is.
 *
 *   site (the MX hosts that destinations share) > lane > sender > destination > recipients as they came
 *
 * Each level gives turns in a round, weighed by recipients: a sender with a million recipients at a site, for
 * however many domains, holds up another one's single message there by one turn of each active sender at
 * most. A site's transactional lane has four turns for each of the marketing lane, and connections that
 * marketing never gets.
 *
 * A recipient takes 32 octets here, whatever its address; the rest is read when its transaction begins. A
 * destination is known by name at once and points to its site once that is known: when its MX hosts change
 * the pointer moves, and not the rows. Recipients of one message at one site go in one transaction.
 *
 * Only the ready are here. Those that wait for another try are rows of the store alone (store/queue.h) until
 * they are due.
 *
 * Pure: no clock, no I/O, no lock; one thread at a time. Times are clock_now's milliseconds.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "base/err.h"
#include "base/limits.h"
#include "store/queue.h"

struct schedule;
struct destination; /* a domain, for all or for mail of one sender's domain */
struct site;

/* `forget` is told when a site that has an owner's pointer (site_user) goes. ERR_NOSPACE. */
err schedule_new(void (*forget)(void *site_user), struct schedule **out) MUST_USE;
void schedule_free(struct schedule *s); /* NULL is legal */

/* --- recipients come --- */

/* From here on mail of different reverse-path domains may go different ways: destinations made from now on
 * are one for each of these. */
void schedule_split_by_sender(struct schedule *s, bool split);

/* Takes rows that are due, those of one message together. Of the first *taken; the others are the store's
 * still. ERR_LIMIT: LIMIT_QUEUE_READY are here. ERR_NOSPACE. */
err schedule_add(struct schedule *s, const struct queue_row *rows, size_t count, size_t *taken) MUST_USE;

/* Takes rows out that wait here for their turn, as when a person holds them; how many did. The ids ascend.
 * Looks at all rows once. */
size_t schedule_remove(struct schedule *s, const uint64_t *queue_ids, size_t count);

/* That order, for qsort. */
int schedule_by_id(const void *a, const void *b);

/* Takes all rows out. */
void schedule_clear(struct schedule *s);

/* --- where they go --- */

/* A destination whose site has to be found, or found anew; it is being asked for from here on, until one of
 * the two answers. NULL: none. */
struct destination *schedule_to_resolve(struct schedule *s);
str destination_domain(const struct destination *d);
str destination_reverse_domain(const struct destination *d); /* empty where not split */

/* The answer: its site, by name, and until when that may be believed. ERR_NOSPACE: it is asked for again. */
err schedule_found(struct schedule *s, struct destination *d, str site, int64_t until_ms,
                   struct site **out) MUST_USE;

/* There is no answer for want of memory: it is asked for again. */
void schedule_ask_again(struct schedule *s, struct destination *d);

/* No site: its recipients are to be taken by schedule_take_failed, until that is false; then it is asked for
 * again with its next recipient. */
void schedule_not_found(struct schedule *s, struct destination *d);

/* All destinations are asked for again: routes have changed. */
void schedule_forget_sites(struct schedule *s);

/* --- turns --- */

/* Recipients of one message that go together. */
struct transaction_rows {
	uint64_t content_id;
	enum queue_lane lane;
	size_t count;
	uint64_t queue_ids[LIMIT_TRANSACTION_RECIPIENTS];
};

/* The site whose turn it is to have one more connection: it has more transactions ready than connections that
 * wait for one, it is not held, and below its limit. Without `marketing_too` only for the transactional lane.
 * NULL: none.
 */
struct site *schedule_to_connect(struct schedule *s, int64_t now_ms, bool marketing_too);

/* A connection to the site is being opened; it is gone. The site stays valid between. */
void schedule_connected(struct schedule *s, struct site *site);
void schedule_disconnected(struct schedule *s, struct site *site);

/* What a connection of the site sends next, at most `room` recipients. They are on their way from here on,
 * and no longer here; schedule_finished follows. False: nothing. */
bool schedule_take(struct schedule *s, struct site *site, int64_t now_ms, size_t room,
                   struct transaction_rows *out);

/* The site takes no more connections than it has but the one that is being given up. */
void schedule_narrow(struct schedule *s, struct site *site);

/* How it went: well; or the site itself was in the way. It may have one connection more or half as many. */
void schedule_finished(struct schedule *s, struct site *site, enum queue_lane lane, bool well);

/* The next recipients of one message of a destination that has no site. */
bool schedule_take_failed(struct schedule *s, struct destination *d, struct transaction_rows *out);

/* --- sites --- */

str site_name(const struct site *site);
void **site_user(struct site *site);                            /* the owner's; NULL at first */
struct site *schedule_site(const struct schedule *s, str name); /* NULL: not known */

/* The site that mail like `row` goes to; NULL: it is not known. */
struct site *schedule_site_of(const struct schedule *s, const struct queue_row *row);

/* Nothing is taken and no connection begun before `until_ms`; 0: at once. */
void schedule_hold(struct schedule *s, struct site *site, int64_t until_ms);
int64_t site_held_until(const struct site *site);

/* --- what there is to know --- */

struct schedule_counts {
	size_t ready[2]; /* by lane */
	size_t destinations, sites, connections;
	size_t octets; /* of memory */
};
void schedule_get_counts(const struct schedule *s, struct schedule_counts *out);

/* Every site: begin with *at = 0; NULL at the end. */
struct site *schedule_next_site(const struct schedule *s, size_t *at);
void site_get_counts(const struct site *site, size_t ready[2], size_t *connections, size_t *limit);

/* When the first site that is held and has recipients may go on; INT64_MAX: none is. */
int64_t schedule_next_ms(const struct schedule *s);

#endif
