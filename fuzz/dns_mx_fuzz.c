/* What is taken for an MX record has a name that is a host's, in lower case, and fits; nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	char room[LIMIT_DOMAIN + 1];
	str name = { 0 }, in = { (const char *)octets, size };
	uint16_t preference;
	ip address;

	if (dns_parse_mx(in, &preference, room, &name)) {
		must(name.len <= LIMIT_DOMAIN && name.len + 1 <= size);
		for (size_t i = 0; i < name.len; i++)
			must(name.ptr[i] > ' ' && name.ptr[i] < 0x7f &&
			     !(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'));
		must(name.len == 0 || (name.ptr[0] != '.' && name.ptr[name.len - 1] != '.'));
		must(preference == (octets[0] << 8 | octets[1]));
	}
	must(!dns_parse_address(DNS_A, in, &address) || size == 4);
	must(!dns_parse_address(DNS_AAAA, in, &address) || size == 16);
	return 0;
}
