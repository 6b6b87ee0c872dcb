/* base/ip.h: IP addresses and networks as values, for limits and lists of networks. Pure, any thread.
 *
 * An IPv4 address is kept as the IPv4-mapped IPv6 one (RFC 4291 §2.5.5.2), so that a socket of both families
 * and a network of either compare alike.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <sys/socket.h>

#include "base/buf.h"

typedef struct ip {
	uint8_t octets[16];
} ip;

typedef struct ip_network {
	ip address;
	uint8_t bits; /* of 128 */
} ip_network;

/* "192.0.2.1" or "2001:db8::1", without brackets. ERR_SYNTAX. */
err ip_parse(str text, ip *out) MUST_USE;

/* "192.0.2.0/24", "2001:db8::/32", or an address alone. ERR_SYNTAX, also where host bits are set. */
err ip_network_parse(str text, ip_network *out) MUST_USE;

/* "192.0.2.1:25", "[2001:db8::1]:25", "[::]:25". ERR_SYNTAX. */
err ip_endpoint_parse(str text, ip *address, uint16_t *port) MUST_USE;

bool ip_is_v4(ip a);
bool ip_is_loopback(ip a); /* 127.0.0.0/8 and ::1 */
bool ip_is_none(ip a);     /* ::, as which a Unix socket's peer counts */
bool ip_eq(ip a, ip b);

/* Is `a` one of `network`? */
bool ip_in(ip a, ip_network network);

/* The network that limits count an address by: /24 of IPv4, /64 of IPv6. */
ip ip_neighbourhood(ip a);

/* As people write it: dotted for IPv4, RFC 5952 for IPv6. */
void ip_format(struct buf *out, ip a);

/* As events name a peer: the same, and "unix" for the address that a unix socket's peer has, all zero. */
void ip_format_peer(struct buf *out, ip a);

/* As SMTP address literals and Received fields write it: "192.0.2.1", "IPv6:2001:db8::1" (RFC 5321 §4.1.3).
 */
void ip_format_literal(struct buf *out, ip a);

/* From and to the system's form. ERR_SYNTAX for a family that is neither. */
err ip_of_sockaddr(const struct sockaddr *sa, ip *out, uint16_t *port) MUST_USE;
socklen_t ip_to_sockaddr(ip a, uint16_t port, struct sockaddr_storage *out);

#endif
