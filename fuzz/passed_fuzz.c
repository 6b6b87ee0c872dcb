/* The first octet says how the rest is cut: what is counted does not depend on it, is no more than there are
 * lines, and stays what it was when a body follows. */
#include <stdlib.h>

#include "deliver/passed.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = size > 0 ? (str){ (const char *)octets + 1, size - 1 } : STR("");
	size_t step = size > 0 ? octets[0] % 64u + 1 : 1, lines = 1;
	struct passed whole, cut;

	passed_init(&whole, STR("mail.shop.example"));
	passed_push(&whole, in);
	passed_init(&cut, STR("mail.shop.example"));
	for (size_t at = 0; at < in.len; at += step)
		passed_push(&cut, str_slice(in, at, at + step < in.len ? at + step : in.len));
	must(passed_count(&whole) == passed_count(&cut));
	for (size_t i = 0; i < in.len; i++)
		lines += in.ptr[i] == '\n';
	must(passed_count(&whole) <= lines);
	passed_push(&whole, STR("\r\n\r\n"));
	uint32_t header = passed_count(&whole);
	must(header <= passed_count(&cut) + 1);
	passed_push(&whole, STR("Received: by mail.shop.example\r\n"));
	must(passed_count(&whole) == header);
	return 0;
}
