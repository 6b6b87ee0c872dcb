/* queue/way.h: how a site is spoken to: its hosts, their addresses, and the manner. A way never changes; when
 * DNS or a route says something else there is another one, and who uses the former one keeps it. Any thread.
 */
#ifndef QUEUE_WAY_H
#define QUEUE_WAY_H

#include <stdatomic.h>

#include "base/arena.h"
#include "queue/mx.h"
#include "store/route_entry.h"

struct way_host {
	str name;
	uint16_t port;
	uint32_t rank;   /* lower ones first; equal ones in any order */
	uint32_t weight; /* 0: by rank; else how large a share it gets, whatever its rank */
	bool secure;     /* its name and addresses were validated */
};

struct way_address {
	ip address;
	uint16_t host;
};

struct way {
	_Atomic unsigned references;
	struct arena arena; /* holds it */
	str route_key;      /* whose limits count and who is to blame; empty: no route's */
	bool smarthost;
	enum route_tls tls;
	bool lmtp;
	str user, secret, token_command;
	uint32_t limits[ROUTE_PERIODS];
	struct way_host *hosts;
	size_t host_count;
	struct way_address *addresses;
	size_t address_count;
};

enum { WAY_ADDRESSES = LIMIT_MX_ADDRESSES };

/* By MX: `port` is that of SMTP. `route` gives limits, or is NULL. ERR_NOSPACE. */
err way_of_mx(const struct mx_result *result, uint16_t port, const struct route_entry *route,
              struct way **out) MUST_USE;

/* To the smarthosts of `route`, without addresses as yet. ERR_NOSPACE. */
err way_of_route(const struct route_entry *route, struct way **out) MUST_USE;

/* Before anybody else has it: the addresses of its host, as long as there is room. */
void way_add_addresses(struct way *way, size_t host, const struct mx_result *result);

struct way *way_hold(struct way *way);
void way_release(struct way *way); /* NULL is legal */

/* In which order its addresses are to be tried: indices. Hosts for which `is_bad` says so come last. */
size_t way_order(const struct way *way, bool (*is_bad)(void *user, str host), void *user,
                 uint64_t (*chance)(void), uint8_t order[static WAY_ADDRESSES]);

/* The site's name: domains that lead to the same hosts in the same manner have one. A route that has limits
 * makes a site of its own. */
void way_add_site(struct buf *out, const struct mx_result *result, const struct route_entry *route);

#endif
