#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static ip of_v4(const void *four)
{
	ip a;

	memcpy(a.octets, mapped, sizeof mapped);
	memcpy(a.octets + sizeof mapped, four, 4);
	return a;
}

err ip_parse(str text, ip *out)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;

	if (text.len == 0 || text.len >= sizeof z || memchr(text.ptr, 0, text.len))
		return (err){ ERR_SYNTAX, 0, "not an IP address" };
	memcpy(z, text.ptr, text.len);
	z[text.len] = '\0';
	if (inet_pton(AF_INET, z, &v4) == 1)
		*out = of_v4(&v4);
	else if (inet_pton(AF_INET6, z, &v6) == 1)
		memcpy(out->octets, &v6, sizeof out->octets);
	else
		return (err){ ERR_SYNTAX, 0, "not an IP address" };
	return OK;
}

static ip masked(ip a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
		a.octets[i] &= (uint8_t)(0xff00u >> keep);
	}
	return a;
}

err ip_network_parse(str text, ip_network *out)
{
	str rest = text;
	str address = str_cut(&rest, '/');
	bool has_bits = address.len < text.len;
	uint64_t bits = 128;
	ip a;

	TRY(ip_parse(address, &a));
	uint64_t max = ip_is_v4(a) && str_find_char(address, ':') == address.len ? 32 : 128;
	if (has_bits && !str_to_u64(rest, max, &bits))
		return (err){ ERR_SYNTAX, (uint32_t)address.len + 1, "not a prefix length" };
	if (has_bits && max == 32)
		bits += 96;
	if (!ip_eq(masked(a, (unsigned)bits), a))
		return (err){ ERR_SYNTAX, 0, "the address has bits set behind the prefix length" };
	*out = (ip_network){ a, (uint8_t)bits };
	return OK;
}

err ip_endpoint_parse(str text, ip *address, uint16_t *port)
{
	size_t colon = str_rfind_char(text, ':');
	uint64_t number;
	ip a;

	if (colon == text.len || !str_to_u64(str_from(text, colon + 1), 65535, &number))
		return (err){ ERR_SYNTAX, (uint32_t)colon, "not \"address:port\"" };
	str host = str_slice(text, 0, colon);
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = str_slice(host, 1, host.len - 1);
	else if (str_find_char(host, ':') < host.len)
		return (err){ ERR_SYNTAX, 0, "an IPv6 address stands in brackets before its port" };
	TRY(ip_parse(host, &a));
	*address = a;
	*port = (uint16_t)number;
	return OK;
}

bool ip_is_v4(ip a) { return memcmp(a.octets, mapped, sizeof mapped) == 0; }

bool ip_is_loopback(ip a)
{
	static const ip one = { { [15] = 1 } };

	return ip_eq(a, one) || (ip_is_v4(a) && a.octets[12] == 127);
}

bool ip_is_none(ip a) { return ip_eq(a, (ip){ 0 }); }

bool ip_eq(ip a, ip b) { return memcmp(a.octets, b.octets, sizeof a.octets) == 0; }

bool ip_in(ip a, ip_network network) { return ip_eq(masked(a, network.bits), network.address); }

ip ip_neighbourhood(ip a) { return masked(a, ip_is_v4(a) ? 96 + 24 : 64); }

void ip_format(struct buf *out, ip a)
{
	char z[INET6_ADDRSTRLEN] = "";

	if (ip_is_v4(a))
		inet_ntop(AF_INET, a.octets + sizeof mapped, z, sizeof z);
	else
		inet_ntop(AF_INET6, a.octets, z, sizeof z);
	buf_add(out, str_of(z));
}

void ip_format_peer(struct buf *out, ip a)
{
	if (ip_is_none(a))
		buf_add(out, STR("unix"));
	else
		ip_format(out, a);
}

void ip_format_literal(struct buf *out, ip a)
{
	if (!ip_is_v4(a))
		buf_add(out, STR("IPv6:"));
	ip_format(out, a);
}

err ip_of_sockaddr(const struct sockaddr *sa, ip *out, uint16_t *port)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
		*out = of_v4(&in->sin_addr);
		*port = ntohs(in->sin_port);
		return OK;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
		memcpy(out->octets, &in6->sin6_addr, sizeof out->octets);
		*port = ntohs(in6->sin6_port);
		return OK;
	}
	return (err){ ERR_SYNTAX, 0, "neither IPv4 nor IPv6" };
}

socklen_t ip_to_sockaddr(ip a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (ip_is_v4(a)) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
		memcpy(&in.sin_addr, a.octets + sizeof mapped, 4);
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	memcpy(&in6.sin6_addr, a.octets, sizeof a.octets);
	memcpy(out, &in6, sizeof in6);
	return sizeof in6;
}
