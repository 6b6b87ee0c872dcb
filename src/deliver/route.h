/* deliver/route.h: who gets a message: from forward-paths to mailboxes.
 *
 * One struct route gathers the targets of one transaction, each account once however many of its
 * forward-paths lead there. Who stands behind an address is deliver/lookup.h's. An alias leads to all its
 * targets, through at most LIMIT_ALIAS_DEPTH aliases; one met twice is passed over. Targets of an alias that
 * are gone or suspended are passed over where another one takes the message; where one is full the message
 * waits at the sender's, since nobody could tell that one copy is missing.
 *
 * Loop thread, or any with the snapshot it holds; no I/O.
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/arena.h"
#include "deliver/seen.h"

struct directory;

struct route_target {
	uint64_t account_id;
	str account;      /* its address */
	str delivered_to; /* the last address on the way to it, with its detail */
};

struct route {
	struct arena *arena;
	str hostname;
	struct route_target *targets;
	size_t count;
	size_t room;
	struct seen accounts; /* ids among targets */
	struct seen met;      /* accounts and aliases of the forward-path at hand */
	struct seen refused;  /* ids of accounts that the store had no room in */
};

enum route_answer {
	ROUTE_TAKEN,
	ROUTE_UNKNOWN,       /* nobody has this address: permanent */
	ROUTE_FOREIGN,       /* not our domain */
	ROUTE_SUSPENDED,     /* account is suspended, for less than LIMIT_SUSPENDED_DAYS: may come back */
	ROUTE_SUSPENDED_OLD, /* for longer */
	ROUTE_FULL,          /* mailbox over quota */
	ROUTE_NOBODY,        /* postmaster or abuse of a domain without accounts */
	ROUTE_LOOP,          /* aliases lead to nobody but themselves, or too far */
	ROUTE_ELSEWHERE,     /* an alias names an address that is not ours */
	ROUTE_TOO_MANY,      /* more than LIMIT_TARGETS mailboxes in this transaction */
	ROUTE_BUSY,          /* directory or memory: try again */
};

struct route_query {
	str local_part; /* without quotes */
	str domain;     /* empty: <postmaster> */
	uint64_t size;  /* octets the sender declared, 0: unknown */
	int64_t now_ms;
};

/* `hostname` is borrowed; everything the route gathers lives in `arena`. */
void route_init(struct route *route, struct arena *arena, str hostname);

/* Forgets the targets: all forward-paths are to be added anew. */
void route_clear(struct route *route);

/* From here on this account counts as full: the store said so, when the message was there. ERR_NOSPACE. */
err route_refuse(struct route *route, uint64_t account_id) MUST_USE;

/* Adds the targets of one forward-path. Any answer but ROUTE_TAKEN leaves the targets as they were. The
 * snapshot is used during the call only. */
enum route_answer route_add(struct route *route, const struct directory *directory,
                            const struct route_query *query);

#endif
