/* queue/outbound_internal.h: the queue at work as its parts see it:
 *
 *   outbound.c       the whole: beginning, pump (what is to be begun), end, what people want (and
 * outbound_ask.c) intake.c         rows out of the store into the schedule: fresh, due, changed find.c
 * destinations get their sites; those that have none are settled standing_site.c  what is remembered of sites
 * and hosts: back-off, TLS, quotas; notes delivery*.c      one connection (delivery_internal.h) shipment.c
 * one transaction: read, converted settle.c         its outcomes: decided, noticed (settle_notice.c),
 * committed
 *
 * `lock` covers what is marked so; no call that blocks is made under it.
 */
#ifndef QUEUE_OUTBOUND_INTERNAL_H
#define QUEUE_OUTBOUND_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/table.h"
#include "net/link.h"
#include "net/work.h"
#include "queue/outbound.h"
#include "queue/outcome.h"
#include "queue/quota.h"
#include "queue/schedule.h"
#include "queue/way.h"
#include "store/commit.h"
#include "store/note.h"

/* --- sites --- */

/* A route's limits, shared by all sites of its mail. Under the lock. */
struct route_quota {
	str key;
	uint32_t limits[ROUTE_PERIODS];
	struct quota quota;
};

/* What belongs to a site (site_user). Under the lock. */
struct outbound_site {
	struct outbound *out;
	struct site *site;
	struct way *way;
	struct route_quota *quota; /* NULL: no limits */
	size_t ready;              /* connections past their beginning */
	uint32_t failures;         /* in a row, that none of its hosts could be used */
	uint32_t bad_sessions;     /* connections in a row that ended without an answer to anything */
	bool failed;               /* it is held for that */
	char *token;               /* that its route logs in with; NULL: none is known */
	int64_t token_until_ms;
};

/* --- intake --- */

enum intake_step { INTAKE_NOTES, INTAKE_FRESH, INTAKE_DUE, INTAKE_CHANGED };

struct intake {
	struct job job; /* first */
	bool busy;      /* home loop */
	enum intake_step step;
	struct arena arena;
	struct queue_row *rows;
	struct note *notes;
	size_t count;
	err result;
	struct timer timer;
	bool notes_read;
	char notes_after[LIMIT_NOTE_KEY];
	size_t notes_after_len;
	/* under the lock */
	bool live;            /* new rows come by themselves; else they are read */
	uint64_t live_from;   /* the first that came so; 0: none did */
	uint64_t fresh_after; /* those up to this one were read */
	bool fresh_done;
	int64_t due_after_ms; /* those up to this time and id were read */
	uint64_t due_after_id;
	int64_t until_ms;               /* of the reading under way; 0: none is */
	int64_t next_due_ms;            /* INT64_MAX: nothing is due */
	int64_t found_next_ms;          /* what the reading says of it; the job's */
	uint64_t overdue, overdue_read; /* what came due during the stop: how many, read so far */
	int64_t started_ms;
	bool lost, anew; /* everything is to be read anew, for want of memory; it is being */
	uint64_t *changed;
	size_t changed_count, changed_room;
	uint64_t changed_now[LIMIT_READ_ROWS]; /* those at hand; the job's */
	size_t changed_now_count;
};

/* --- the whole --- */

struct outbound {
	struct outbound_options given;
	struct arena arena;
	struct loop *home; /* what is not a connection's happens there */
	_Atomic bool frozen, stopping;
	_Atomic bool pump_due;
	struct post pump_post, start_post, stop_post, check_post;
	_Atomic bool check_due;
	struct timer pump_timer, patience;
	struct intake intake;
	size_t resolving, settling; /* home loop: destinations asked for; shipments of failed ones */
	_Atomic size_t draining;    /* shipments of sites that can't be used */
	struct link failing;        /* home loop: destinations without a site, being settled */
	int64_t patience_ms;
	void (*stopped)(void *user);
	void *stopped_user;
	bool told_stopped;
	pthread_mutex_t lock;
	/* under it */
	struct schedule *schedule;
	struct link deliveries, idle, shipments;
	size_t connections, sending;
	unsigned next_loop;
	struct table hosts; /* by name: struct host_memory */
	size_t host_count;
	struct table quotas;   /* by route key */
	struct table backoffs; /* by site: struct backoff, read from notes and not needed yet */
};

static inline void outbound_lock(struct outbound *o) { pthread_mutex_lock(&o->lock); }
static inline void outbound_unlock(struct outbound *o) { pthread_mutex_unlock(&o->lock); }

/* Any thread: something may be begun. */
void outbound_pump(struct outbound *o);

/* Home loop, soon: is everything at its end? */
void outbound_check_stopped(struct outbound *o);

/* --- intake.c --- */

void intake_start(struct outbound *o);
/* Home loop. Reads what is to be read next, unless it is at it. */
void intake_next(struct outbound *o);
/* The committer's thread. */
void intake_queued(void *user, const struct queue_row *rows, size_t count);
/* Under the lock: a row has this time in the store now. True: intake_next is wanted. */
void intake_note_due(struct outbound *o, uint64_t queue_id, int64_t due_ms);
/* Under the lock: these are to be read anew. */
void intake_note_changed(struct outbound *o, const uint64_t *queue_ids, size_t count);
void intake_fini(struct outbound *o);

/* --- find.c --- */

/* Home loop. */
void find_start_some(struct outbound *o);

/* --- standing_site.c; all under the lock --- */

/* The site's, made at first; takes `way` over. NULL without memory. */
struct outbound_site *outbound_site_of(struct outbound *o, struct site *site, struct way *way);
void outbound_site_forget(void *site_user);

bool host_is_bad(struct outbound *o, str host, int64_t now_ms);
void host_set_bad(struct outbound *o, str host, int64_t until_ms);
bool host_tls_is_broken(struct outbound *o, str host, int64_t now_ms);
void host_set_tls_broken(struct outbound *o, str host, int64_t until_ms);

/* How many recipients the site's route may be given now, at most `wanted`; 0: none before *until_ms. */
uint32_t site_quota_take(struct outbound_site *os, uint32_t wanted, int64_t now_ms, int64_t *until_ms);
void site_quota_give_back(struct outbound_site *os, uint32_t count, int64_t taken_ms);

/* None of its hosts could be used: it is left alone. Until when. */
int64_t site_fail(struct outbound_site *os, int64_t now_ms);
/* It took something. True: it was failed before, and its note is to go. */
bool site_recover(struct outbound_site *os);

/* Notes of it all, in `arena`, as they are to be committed; count is 0 where nothing is. */
err site_note_backoff(struct outbound_site *os, struct arena *arena, struct note *out) MUST_USE;
err site_note_quota(struct outbound_site *os, struct arena *arena, struct note *out, bool *has) MUST_USE;
err host_note_tls(str host, int64_t until_ms, struct arena *arena, struct note *out) MUST_USE;
/* Takes one that was read at the start. */
void standing_take_note(struct outbound *o, const struct note *note);
void standing_fini(struct outbound *o);

/* Any thread, without the lock: commits notes and waits for nothing. */
void standing_save(struct outbound *o, const struct note *note);

/* --- shipments --- */

struct delivery;

/* Why recipients of a shipment without a connection did not go. */
struct shipment_fault {
	enum client_fate fate; /* LATER or NEVER */
	struct smtp_status status;
	int64_t retry_at_ms; /* 0: their own intervals */
	bool answered;       /* `reply` is a server's */
	str remote_host;
	str reply; /* or our own words */
};

struct shipment {
	struct job job;   /* first */
	struct link link; /* in outbound->shipments */
	struct outbound *out;
	struct delivery *delivery; /* NULL: none */
	struct outbound_site *os;  /* the delivery's site */
	struct loop *loop;
	struct arena arena;
	struct transaction_rows rows;
	err result; /* of the job */
	struct queue_message message;
	struct queue_recipient *recipients;
	size_t count;
	size_t others; /* recipients behind those, that are sent with another reverse-path */
	bool opened;
	bool ascii_header; /* worth looking at only where SMTPUTF8 was asked for */
	int converted;     /* a 7-bit form of it, or FILE_NONE */
	struct seven_bit_copy *copy;
	bool copied;
	bool first;    /* of its connection, */
	bool broken;   /* which is at its end */
	bool answered; /* some recipient of it was */
	bool lmtp;
	bool untried;         /* its time was over before it could be */
	const char *lack_why; /* why it could not be converted; NULL: it was not tried */
	struct client_message mail;
	struct client_recipient *asked;
	struct shipment_fault fault; /* without a delivery */
	uint32_t granted;            /* of its route's quota, */
	int64_t granted_ms;          /* and when */
	/* settling */
	str remote_host, tls;
	ip remote_ip;
	struct outcome *outcomes;
	struct attempt *attempts;
	struct notice notices[4];
	enum outcome_notice notice_kinds[4];
	struct commit_op *notice_ops[4]; /* where they stand in ops */
	size_t notice_count;
	bool to_postmaster, told;
	bool changed; /* somebody changed rows of it meanwhile: they are read anew at its end */
	struct buf events;
	struct commit commit;
	struct commit_op ops[8];
	struct note note[2];
	struct notes notes;
	struct timer timer;
	void (*after_job)(struct shipment *s);
	void (*after_convert)(struct shipment *s);
	void (*finished)(struct shipment *s); /* on its loop; frees it */
	void *owner;
};

enum { SHIPMENT_AGAIN_MS = 200 }; /* until it is tried again what the workers or the store had no room for */

/* Under the lock; its rows are taken. NULL without memory. */
struct shipment *shipment_new(struct outbound *o, struct loop *loop, const struct transaction_rows *rows);

/* Loop thread. Reads it by a worker; `loaded` on the loop. s->result: ERR_OK, with count > 0 unless all rows
 * are gone. */
void shipment_load(struct shipment *s, void (*loaded)(struct shipment *s));

/* A form that goes where 8-bit is not taken. `converted` on the loop: s->result ERR_DENIED where there is
 * none. */
void shipment_convert(struct shipment *s, void (*converted)(struct shipment *s));

/* Loop thread. Has a worker do it, soon: a full queue is waited for. `after` on the loop. */
void shipment_submit(struct shipment *s, void (*run)(struct job *job), void (*after)(struct shipment *s));

/* Under the lock: recipients from `from` on go back to the schedule, nothing having been tried; with
 * `outcomes` those alone that are to go AGAIN. */
void shipment_return(struct shipment *s, size_t from, size_t to, const struct outcome *outcomes);
/* The same for all rows, where it was not loaded; they are read anew. */
void shipment_return_unread(struct shipment *s);

/* Loop thread. Decides by s->asked or s->fault, commits, calls finished. */
void shipment_settle(struct shipment *s);

/* What was answered about its i-th recipient, or what we say about it; and which of the two. */
str shipment_reply(const struct shipment *s, size_t i);
bool shipment_is_answered(const struct shipment *s, size_t i);

/* Worker thread: makes the notices that its outcomes ask for (settle_notice.c). */
void shipment_notices_run(struct job *job);

/* Under the lock, as often as one likes: it is not under way any more. */
void shipment_unlist(struct shipment *s);

/* Under the lock: the one under way that has this row; NULL: none. */
struct shipment *shipment_find(struct outbound *o, uint64_t queue_id);

void shipment_free(struct shipment *s);

/* --- deliveries --- */

/* Under the lock, for a site that schedule_to_connect gave. NULL without memory. `begin` is posted by who
 * holds no lock. */
struct delivery *delivery_new(struct outbound *o, struct outbound_site *os);
void delivery_begin(struct delivery *d);
/* Under the lock: an idle one goes to work. */
void delivery_wake(struct delivery *d);
/* Under the lock: the server stops; `now`: without patience. */
void delivery_stop(struct delivery *d, bool now);
struct delivery *delivery_of_idle(struct link *link);
struct delivery *delivery_of_all(struct link *link);
struct outbound_site *delivery_site(const struct delivery *d);

#endif
