/* admin/outbound.h: what management wants of the queue at work. The composition root fills it (src/server.c);
 * operations have NULL where no server runs: the rows themselves are the truth then.
 */
#ifndef ADMIN_OUTBOUND_H
#define ADMIN_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Which hosts mail to a domain goes to by MX just now, or which addresses a smarthost has: for people. */
struct outbound_lookup {
	str name;     /* normalised domain; or a smarthost's name */
	bool is_host; /* no MX is looked for */
	void (*done)(struct outbound_lookup *lookup);
	void *user;                   /* who asked */
	const char *const *sentences; /* the answer, until done returns */
	size_t count;
};

struct outbound_state {
	bool frozen;
	uint64_t ready;             /* recipients in memory whose turn may come */
	uint64_t sending;           /* of which a transaction is under way */
	uint64_t sites, sites_held; /* known; not tried again for now */
	uint64_t routes_failed;     /* none of whose smarthosts can be used just now */
};

/* Callbacks are for any thread where nothing else is said, quick, and may be NULL where there is nothing to
 * tell. */
struct outbound_control {
	void *user;
	/* Routes are not what they were: destinations are to be looked for anew. */
	void (*routes_changed)(void *user);
	/* Rows were held, released, made due or removed: those in memory are read anew, or dropped, and sites
	 * that are held back get one attempt. */
	void (*rows_changed)(void *user, const uint64_t *queue_ids, size_t count);
	/* Nothing is sent until thawed. Kept over restarts by frozen_set (admin/frozen.h). */
	void (*freeze)(void *user, bool frozen);
	bool (*is_sending)(void *user, uint64_t queue_id);
	void (*get_state)(void *user, struct outbound_state *out);
	/* On a loop, and done is called once on the same one, also where nothing was found: that is a
	 * sentence too. `lookup` stays there until then. */
	void (*lookup)(void *user, struct outbound_lookup *lookup);
};

#endif
