/* deliver/route.h: who gets a message: from forward-paths to mailboxes, and to other servers.
 *
 * One struct route gathers the targets of one transaction, each account and each address elsewhere once
 * however many of its forward-paths lead there. Who stands behind an address is deliver/lookup.h's. An alias
 * leads to all its targets, through at most LIMIT_ALIAS_DEPTH aliases; one met twice is passed over. Targets
 * of an alias that are gone or suspended are passed over where another one takes the message; where one is
 * full the message waits at the sender's, since nobody could tell that one copy is missing. Whoever may not
 * relay reaches other servers by an alias alone, and by the addresses that forwarded mail is given
 * (bounce/srs.h), which lead back to those they were made of.
 *
 * Of what a sender wants to be told (RFC 3461 §5.2.7): an alias with one target hands it on as it is; behind
 * one with several nobody tells of success any more, since the alias itself is where the message was
 * expanded.
 *
 * Loop thread, or any with the snapshot it holds; no I/O.
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/arena.h"
#include "deliver/remote.h"
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
	struct remotes remotes;
	struct seen accounts; /* ids among targets */
	struct seen met;      /* accounts and aliases of the forward-path at hand */
	struct seen refused;  /* ids of accounts that the store had no room in */
	/* of the last forward-path that was added */
	bool expanded; /* an alias with several targets is on its way */
	bool local;    /* it leads to a mailbox here */
};

enum route_answer {
	ROUTE_TAKEN,
	ROUTE_UNKNOWN,       /* nobody has this address: permanent */
	ROUTE_FOREIGN,       /* not our domain, and who sends may not relay */
	ROUTE_NOT_FORWARDED, /* looks like the reverse-path of a forward, and is none of ours, or too old */
	ROUTE_SUSPENDED,     /* account is suspended, for less than LIMIT_SUSPENDED_DAYS: may come back */
	ROUTE_SUSPENDED_OLD, /* for longer */
	ROUTE_FULL,          /* mailbox over quota */
	ROUTE_NOBODY,        /* postmaster or abuse of a domain without accounts */
	ROUTE_LOOP,          /* aliases lead to nobody but themselves, or too far */
	ROUTE_NOT_LATER,     /* leads to a mailbox, and the message is to wait first */
	ROUTE_TOO_MANY, /* more than LIMIT_TARGETS mailboxes and recipients elsewhere in this transaction */
	ROUTE_BUSY,     /* directory or memory: try again */
};

struct route_query {
	str local_part; /* without quotes */
	str domain;     /* empty: <postmaster> */
	uint64_t size;  /* octets the sender declared, 0: unknown */
	int64_t now_ms;
	bool may_relay; /* to any domain */
	bool later;     /* it is held for a time (RFC 4865), which no mailbox can do */
	str srs_key;    /* empty: no address is one of a forward */
	str orcpt;      /* decoded; empty: none was given; borrowed for the arena's life */
	uint8_t notify; /* QUEUE_NOTIFY_... */
};

/* `hostname` is borrowed; everything the route gathers lives in `arena`. */
void route_init(struct route *route, struct arena *arena, str hostname);

/* Forgets the targets: all forward-paths are to be added anew. */
void route_clear(struct route *route);

/* From here on this account counts as full: the store said so, when the message was there. ERR_NOSPACE. */
err route_refuse(struct route *route, uint64_t account_id) MUST_USE;

static inline size_t route_target_count(const struct route *route)
{
	return route->count + route->remotes.count;
}

/* Adds the targets of one forward-path. Any answer but ROUTE_TAKEN leaves the targets as they were. The
 * snapshot is used during the call only. */
enum route_answer route_add(struct route *route, const struct directory *directory,
                            const struct route_query *query);

#endif
