/* Records as they are on the wire. */
#include <netinet/in.h>
#include <string.h>

#include "base/limits.h"
#include "net/dns.h"

bool dns_parse_address(enum dns_type type, str rdata, ip *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	uint16_t port;

	if (type == DNS_A && rdata.len == sizeof v4.sin_addr) {
		memcpy(&v4.sin_addr, rdata.ptr, rdata.len);
		return ip_of_sockaddr((const struct sockaddr *)&v4, out, &port).code == ERR_OK;
	}
	if (type == DNS_AAAA && rdata.len == sizeof v6.sin6_addr) {
		memcpy(&v6.sin6_addr, rdata.ptr, rdata.len);
		return ip_of_sockaddr((const struct sockaddr *)&v6, out, &port).code == ERR_OK;
	}
	return false;
}

/* Letters, digits, hyphens, and the underscore that real names have. */
static bool is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* Labels, each with its length in front, up to the root's empty one, which ends the octets too. */
static bool parse_name(str in, char *room, str *name)
{
	size_t len = 0;

	for (;;) {
		if (in.len == 0)
			return false;
		size_t label = (unsigned char)in.ptr[0];
		in = str_from(in, 1);
		if (label == 0)
			break;
		if (label > 63 || label > in.len || len + label + 1 > LIMIT_DOMAIN)
			return false;
		if (len > 0)
			room[len++] = '.';
		for (size_t i = 0; i < label; i++) {
			if (!is_host_octet(in.ptr[i]))
				return false;
			room[len++] = lower(in.ptr[i]);
		}
		in = str_from(in, label);
	}
	*name = (str){ room, len };
	return in.len == 0;
}

bool dns_parse_mx(str rdata, uint16_t *preference, char *room, str *name)
{
	if (rdata.len < 3)
		return false;
	*preference = (uint16_t)((unsigned char)rdata.ptr[0] << 8 | (unsigned char)rdata.ptr[1]);
	return parse_name(str_from(rdata, 2), room, name);
}
