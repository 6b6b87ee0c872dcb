/* A header is found at the same place however much follows it; no beginning of one is taken for wrong, nor
 * for a whole one; and none is longer than the limit. */
#include <stdlib.h>

#include "base/limits.h"
#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };
	struct proxy_header header, again;
	size_t used, same;

	enum proxy_found found = proxy_header_parse(in, &header, &used);
	if (found == PROXY_PART)
		must(size < LIMIT_PROXY_HEADER);
	if (found != PROXY_WHOLE)
		return 0;
	must(used > 0 && used <= size && used <= LIMIT_PROXY_HEADER);
	must(proxy_header_parse(str_slice(in, 0, used), &again, &same) == PROXY_WHOLE && same == used);
	must(again.has_addresses == header.has_addresses && ip_eq(again.source, header.source) &&
	     ip_eq(again.destination, header.destination) && again.source_port == header.source_port &&
	     again.destination_port == header.destination_port);
	for (size_t i = 0; i < used; i++)
		must(proxy_header_parse(str_slice(in, 0, i), &again, &same) == PROXY_PART);
	return 0;
}
