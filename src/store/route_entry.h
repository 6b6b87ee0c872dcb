/* store/route_entry.h: one route of outbound mail: whose mail it is for, and where that goes. Pure.
 *
 * A route is a row of the directory. Its key says for whom it is: the recipient's domain, "*.shop.example"
 * for everything below a domain, or "*"; behind a space the domain of the reverse-path, where it is for that
 * one alone. Which of several counts is deliver/routes.h's. The secret has to be known in clear to log in
 * elsewhere: it stands as it is in the database and the segments, whose mode is 0600, and nothing prints it.
 */
#ifndef STORE_ROUTE_ENTRY_H
#define STORE_ROUTE_ENTRY_H

#include "base/buf.h"
#include "base/limits.h"

/* In the order of what they ask for. */
enum route_tls {
	ROUTE_TLS_NONE,    /* never */
	ROUTE_TLS_MAY,     /* where the host offers it, whatever its certificate */
	ROUTE_TLS_REQUIRE, /* always, whatever its certificate */
	ROUTE_TLS_VERIFY,  /* always, with a trusted certificate for the host's name */
};

/* A smarthost. Port 465 means TLS from the first octet (RFC 8314 §3.3). */
struct route_host {
	str name; /* normalised domain, "192.0.2.1" or "[2001:db8::1]" */
	uint16_t port;
	uint32_t weight; /* 0: hosts are tried in their order; else how large a share this one gets */
};

enum { ROUTE_MINUTE, ROUTE_HOUR, ROUTE_DAY, ROUTE_PERIODS };

struct route_entry {
	str key;
	str recipient; /* "shop.example", "*.shop.example" or "*" */
	str sender;    /* domain of the reverse-path; empty: any */
	const struct route_host *hosts;
	size_t host_count;  /* 0: by MX */
	str user;           /* empty: no login */
	str secret;         /* its password; never shown */
	str token_command;  /* prints the token for XOAUTH2 in place of a password; or empty */
	enum route_tls tls; /* of smarthosts */
	bool lmtp;
	uint32_t limits[ROUTE_PERIODS]; /* recipients in any minute, hour, day; 0: no limit */
	int64_t created_ms;
};

enum { ROUTE_KEY = 2 * LIMIT_DOMAIN + 3 };

/* The key of a route into `octets`; both <= LIMIT_DOMAIN, the first 2 more. */
str route_key(char octets[static ROUTE_KEY], str recipient, str sender);

/* All but key and created_ms, as its row holds it. */
void route_encode(struct buf *out, const struct route_entry *route);

/* The other way; texts are slices of `key` and `details`. ERR_CORRUPT. */
err route_decode(str key, str details, struct route_host hosts[static LIMIT_ROUTE_HOSTS],
                 struct route_entry *out) MUST_USE;

#endif
