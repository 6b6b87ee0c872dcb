/* net/proxy_header.h: the header with which a proxy says whose connection it passes on (HAProxy's PROXY
 * protocol, versions 1 and 2). Pure.
 *
 * Who may say so is the caller's matter. Strict: this decides whom limits and logs count. A header over
 * LIMIT_PROXY_HEADER, an unknown command or family, datagrams, extensions (TLV) that do not fill their room
 * exactly, a checksum that does not fit: all are wrong. Known extensions but the checksum are not looked at.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "base/ip.h"

struct proxy_header {
	/* False: the proxy speaks for itself (LOCAL: a health check) or names no IP address (UNKNOWN, a Unix
	 * socket): the connection's own addresses hold. */
	bool has_addresses;
	ip source, destination;
	uint16_t source_port, destination_port;
};

enum proxy_found {
	PROXY_PART,  /* come back with more octets */
	PROXY_WHOLE, /* *out is it, *used its length */
	PROXY_WRONG, /* no PROXY header: close */
};

/* Looks at all that came of the connection so far. *out and *used are set for PROXY_WHOLE only. */
enum proxy_found proxy_header_parse(str octets, struct proxy_header *out, size_t *used);

#endif
