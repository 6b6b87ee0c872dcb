/* Whatever a server says, every failure finds a row that has all its words, and nothing else does; the same
 * again, and where the host's name is in other letters. The octets: code, class, subject and detail, a host
 * up to "|", the reply. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "bounce/advice.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	char upper[LIMIT_DOMAIN];

	if (size < 5)
		return 0;
	unsigned code = octets[0] + 256u * (octets[1] % 4);
	struct bounce_status status = { octets[2] % 6, octets[3], octets[4] };
	str text = { (const char *)octets + 5, size - 5 }, host = str_cut(&text, '|');
	const struct advice *advice = advice_find(code, status, text, host);
	unsigned class = status.class ? status.class : code / 100;
	must((advice != NULL) == (class == 4 || class == 5));
	must(!advice || (advice->key.len && advice->means.len && advice->to_do.len));
	if (host.len > sizeof upper)
		return 0;
	for (size_t i = 0; i < host.len; i++)
		upper[i] = (char)(host.ptr[i] - (host.ptr[i] >= 'a' && host.ptr[i] <= 'z' ? 'a' - 'A' : 0));
	must(advice_find(code, status, text, (str){ upper, host.len }) == advice);
	return 0;
}
