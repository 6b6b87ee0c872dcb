/* cli/dns_records.h: what a domain's zone has to say so that its mail comes here, and what goes out from here
 * is taken for the domain's. Pure. RFC 5321 §5.1, RFC 6186, RFC 7208 §3, RFC 8314 §5.1.
 */
#ifndef CLI_DNS_RECORDS_H
#define CLI_DNS_RECORDS_H

#include "admin/config.h"

struct dns_record {
	str name; /* "shop.example." */
	const char *type;
	str value; /* as a zone file has it; empty: an address that this machine does not know of itself */
	const char *why;
};

struct dns_records {
	struct dns_record *items;
	size_t count;
};

/* The records for `domain`, whose mail this server takes at `addresses`: those other machines reach it by.
 * Strings live in `arena`. ERR_NOSPACE. */
err dns_records_make(struct arena *arena, const struct config *config, str domain, const ip *addresses,
                     size_t count, struct dns_records *out) MUST_USE;

/* Could other machines reach it: neither loopback, link-local, private (RFC 1918, 4193, 6598) nor multicast?
 */
bool dns_is_public(ip address);

#endif
