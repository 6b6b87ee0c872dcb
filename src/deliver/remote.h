/* deliver/remote.h: those recipients of one transaction that are at other servers, each once.
 *
 * What a forward-path leads to is gathered beside what was there and becomes part of it as a whole or not at
 * all, since a forward-path is taken or refused. One thread; everything lives in the arena.
 */
#ifndef DELIVER_REMOTE_H
#define DELIVER_REMOTE_H

#include "base/arena.h"

struct remote {
	str forward_path; /* as RCPT takes it, quoted as little as can be (RFC 5321 §4.1.2), its domain in
	                     A-labels */
	str domain;       /* of it: normalised, or "[192.0.2.1]" */
	str via;          /* the domain of ours whose alias leads there; empty: the client named it itself */
	str orcpt;        /* decoded (RFC 3461 §4.2); empty: none */
	uint8_t notify;   /* QUEUE_NOTIFY_... */
};

struct remotes {
	struct arena *arena;
	struct remote *items;
	size_t count;   /* taken */
	size_t pending; /* behind them: of the forward-path at hand */
	size_t room;
};

void remotes_init(struct remotes *r, struct arena *arena);

/* One more of the forward-path at hand: `local_part` without quotes, `domain` in A-labels or a literal, both
 * copied in their own form; texts of `remote` are borrowed for the arena's life. ERR_NOSPACE. */
err remotes_add(struct remotes *r, str local_part, str domain, const struct remote *remote) MUST_USE;

/* How many of the pending ones are not there yet. */
size_t remotes_fresh(const struct remotes *r);

/* The forward-path is taken: the fresh ones are. Who was named before is not sent it again, and hears of what
 * either asked for. */
void remotes_keep(struct remotes *r);

/* It was refused. */
void remotes_drop(struct remotes *r);

/* Forgets all, keeps the room. */
void remotes_clear(struct remotes *r);

#endif
