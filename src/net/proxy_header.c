#include "net/proxy_header.h"

#include "base/hash.h"
#include "base/limits.h"

/* Version 1: one line of at most 107 octets. Version 2: signature, version and command, family, length. */
enum { V1_MAX = 107, V2_HEAD = 16, SIGNATURE = 12 };
static const str signature = STR_INIT("\r\n\r\n\0\r\nQUIT\n"), word = STR_INIT("PROXY ");

enum { LOCAL = 0x20, PROXIED = 0x21 };
enum { UNSPECIFIED = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX = 0x31 };
enum { TCP4_OCTETS = 12, TCP6_OCTETS = 36, UNIX_OCTETS = 216 };
enum { TLV_HEAD = 3, TLV_CRC32C = 0x03, CRC_OCTETS = 4 };

/* --- version 1 --- */

/* Decimal as a program writes it: no zeros in front. */
static bool read_port(str text, uint16_t *out)
{
	uint64_t n;

	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0') || !str_to_u64(text, UINT16_MAX, &n))
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool read_address(str text, bool v4, ip *out)
{
	/* A mapped IPv4 address is no IPv6 one here: it would have been sent as TCP4. */
	bool dotted = str_find_char(text, '.') < text.len;

	return ip_parse(text, out).code == ERR_OK && (v4 ? ip_is_v4(*out) : !(dotted && ip_is_v4(*out)));
}

static bool read_v1(str line, struct proxy_header *out)
{
	struct proxy_header h = { .has_addresses = true };
	str rest = str_from(line, word.len);
	str family = str_cut(&rest, ' ');

	if (str_eq(family, STR("UNKNOWN"))) { /* what follows says nothing */
		*out = (struct proxy_header){ .has_addresses = false };
		return true;
	}
	bool v4 = str_eq(family, STR("TCP4"));
	if (!v4 && !str_eq(family, STR("TCP6")))
		return false;
	str source = str_cut(&rest, ' '), destination = str_cut(&rest, ' '),
	    source_port = str_cut(&rest, ' ');
	if (!read_address(source, v4, &h.source) || !read_address(destination, v4, &h.destination) ||
	    !read_port(source_port, &h.source_port) || !read_port(rest, &h.destination_port))
		return false;
	*out = h;
	return true;
}

static enum proxy_found parse_v1(str in, struct proxy_header *out, size_t *used)
{
	size_t end = str_find(str_slice(in, 0, in.len < V1_MAX ? in.len : V1_MAX), STR("\r\n"));

	if (end == in.len && in.len < V1_MAX)
		return PROXY_PART;
	if (end >= V1_MAX || !read_v1(str_slice(in, 0, end), out))
		return PROXY_WRONG;
	*used = end + 2;
	return PROXY_WHOLE;
}

/* --- version 2 --- */

static unsigned be16(str in, size_t at)
{
	return (unsigned)(unsigned char)in.ptr[at] << 8 | (unsigned char)in.ptr[at + 1];
}

static uint32_t be32(str in, size_t at) { return (uint32_t)be16(in, at) << 16 | be16(in, at + 2); }

/* Of the whole header with the checksum's own octets taken as zero. */
static bool checksum_fits(str header, size_t at)
{
	uint32_t crc = crc32c(0, str_slice(header, 0, at));

	crc = crc32c(crc, (str){ "\0\0\0\0", CRC_OCTETS });
	crc = crc32c(crc, str_from(header, at + CRC_OCTETS));
	return crc == be32(header, at);
}

static bool extensions_are_sound(str header, size_t at)
{
	while (at < header.len) {
		if (header.len - at < TLV_HEAD)
			return false;
		size_t size = be16(header, at + 1);
		if (header.len - at - TLV_HEAD < size)
			return false;
		if (header.ptr[at] == TLV_CRC32C &&
		    (size != CRC_OCTETS || !checksum_fits(header, at + TLV_HEAD)))
			return false;
		at += TLV_HEAD + size;
	}
	return true;
}

static ip ip_of(str in, size_t at, bool v4)
{
	ip a = { { 0 } };

	if (v4) {
		a.octets[10] = a.octets[11] = 0xff;
		memcpy(a.octets + 12, in.ptr + at, 4);
	} else {
		memcpy(a.octets, in.ptr + at, 16);
	}
	return a;
}

static bool read_v2(str header, struct proxy_header *out)
{
	unsigned char family = (unsigned char)header.ptr[13];
	size_t octets = family == TCP4   ? TCP4_OCTETS
	                : family == TCP6 ? TCP6_OCTETS
	                : family == UNIX ? UNIX_OCTETS
	                                 : 0;
	struct proxy_header h = { 0 };

	if ((octets == 0 && family != UNSPECIFIED) || header.len - V2_HEAD < octets ||
	    !extensions_are_sound(header, V2_HEAD + octets))
		return false;
	if (family == TCP4 || family == TCP6) {
		size_t address = family == TCP4 ? 4 : 16, ports = V2_HEAD + 2 * address;
		h = (struct proxy_header){ .has_addresses = true,
			                   .source = ip_of(header, V2_HEAD, family == TCP4),
			                   .destination = ip_of(header, V2_HEAD + address, family == TCP4),
			                   .source_port = (uint16_t)be16(header, ports),
			                   .destination_port = (uint16_t)be16(header, ports + 2) };
	}
	*out = h;
	return true;
}

static enum proxy_found parse_v2(str in, struct proxy_header *out, size_t *used)
{
	if (in.len < V2_HEAD)
		return PROXY_PART;
	size_t size = V2_HEAD + be16(in, 14);
	unsigned char command = (unsigned char)in.ptr[12];
	if (size > LIMIT_PROXY_HEADER || (command != LOCAL && command != PROXIED))
		return PROXY_WRONG;
	if (in.len < size)
		return PROXY_PART;
	/* Of a LOCAL one nothing but the length counts. */
	struct proxy_header local = { 0 };
	if (command == LOCAL)
		*out = local;
	else if (!read_v2(str_slice(in, 0, size), out))
		return PROXY_WRONG;
	*used = size;
	return PROXY_WHOLE;
}

static bool begins_like(str in, str whole)
{
	size_t n = in.len < whole.len ? in.len : whole.len;

	return str_eq(str_slice(in, 0, n), str_slice(whole, 0, n));
}

enum proxy_found proxy_header_parse(str octets, struct proxy_header *out, size_t *used)
{
	static_assert(SIGNATURE + 4 == V2_HEAD, "version, family and length follow the signature");
	if (begins_like(octets, word))
		return octets.len < word.len ? PROXY_PART : parse_v1(octets, out, used);
	if (begins_like(octets, signature))
		return parse_v2(octets, out, used);
	return PROXY_WRONG;
}
