/* queue/mx.h: where a domain's mail goes: its MX hosts, or itself, and their addresses in the order to try.
 *
 * RFC 5321 §5.1: MX by preference, equal ones shuffled; no MX: the domain itself; our own host among them
 * cuts off itself and all that are less preferred. RFC 7505: null MX. Addresses of one host alternate between
 * IPv6 and IPv4, IPv6 first (RFC 3974 §3). A host whose addresses can't be had for now is passed over where
 * another one can be; where none can, the answer is temporary.
 *
 * Loop threads; done comes on the loop that asked, always, once, never from within mx_resolve.
 */
#ifndef QUEUE_MX_H
#define QUEUE_MX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/ip.h"
#include "net/loop.h"

struct dns;
struct mx;

struct mx_options {
	str hostname;       /* ours: a host of that name is us */
	bool allow_private; /* hosts may have loopback and private addresses (RFC 6890) */
};

enum mx_status {
	MX_FOUND,
	MX_NULL,       /* the domain says that it takes no mail: 5.1.10 */
	MX_NO_DOMAIN,  /* 5.1.2 */
	MX_NO_ADDRESS, /* its hosts have none: 5.4.4 */
	MX_LOOP,       /* it is us, and we do not keep its mail: 5.4.6 */
	MX_PRIVATE,    /* private addresses only: 5.4.4 */
	MX_TEMPORARY,  /* 4.4.3 */
};

struct mx_address {
	ip address;
	uint16_t host; /* index of its host */
};

struct mx_host {
	str name;
	uint16_t preference;
	bool secure; /* its name and addresses were validated */
};

struct mx_result {
	enum mx_status status;
	bool secure; /* the set of hosts was validated */
	uint32_t ttl_s;
	const char *why; /* TEMPORARY: what the library says; NULL: nothing */
	const struct mx_host *hosts;
	size_t host_count;
	const struct mx_address *addresses; /* in the order to try; <= LIMIT_MX_ADDRESSES */
	size_t address_count;
	str site; /* names of the hosts, sorted: one site for all domains that share them */
};

struct mx_query {
	str domain; /* normalised, or an address literal; borrowed until done */
	bool host;  /* it is the name or the address of a host that an owner chose: its addresses, without MX,
	               private ones too */
	void (*done)(struct mx_query *query);
	void *user;
	struct mx_result result; /* lives until done returns */
	struct post post;        /* private */
};

/* `options` is copied. ERR_NOSPACE. */
err mx_new(struct dns *dns, const struct mx_options *options, struct mx **out) MUST_USE;
void mx_resolve(struct mx *mx, struct mx_query *query);
/* Nothing is under way any more. NULL is legal. */
void mx_free(struct mx *mx);

/* --- pure --- */

/* Is it an address of RFC 6890 that nobody on the internet has: loopback, private, link-local, reserved? */
bool mx_is_private(ip address);

/* Sorts by preference, equal ones in the order that `chance` gives; then cuts off `hostname` and what is not
 * preferred to it. How many are left. */
size_t mx_order(struct mx_host *hosts, size_t count, str hostname, uint64_t (*chance)(void));

/* Names sorted, ',' between them, into `room`; cut at its end with a hash of all in place of the rest. */
str mx_site(const struct mx_host *hosts, size_t count, char *room, size_t size);

#endif
