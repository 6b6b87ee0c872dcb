/* The first octet says how many lines of the body, the second in pieces of what size the message comes.
 * Whatever the size, the top is the same; it ends where a line ends or the message does; the body in it has
 * as many lines as were asked for, or all of the message is in it. */
#include <stdint.h>
#include <stdlib.h>

#include "pop3/top.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static size_t top_of(str message, uint32_t lines, size_t piece)
{
	struct pop3_top top;
	size_t at = 0;

	pop3_top_init(&top, lines);
	while (at < message.len && !pop3_top_ended(&top)) {
		size_t n = message.len - at < piece ? message.len - at : piece;
		size_t took = pop3_top_take(&top, str_slice(message, at, at + n));

		must(took <= n && (took == n || pop3_top_ended(&top)));
		at += took;
	}
	return at;
}

static uint32_t count_lines(str text)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '\n';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	if (size < 2)
		return 0;
	str message = { (const char *)octets + 2, size - 2 };
	uint32_t lines = octets[0];
	size_t whole = top_of(message, lines, SIZE_MAX), header = top_of(message, 0, SIZE_MAX);

	must(top_of(message, lines, 1u + octets[1]) == whole && top_of(message, lines, 1) == whole);
	must(header <= whole && whole <= message.len);
	must(whole == message.len || message.ptr[whole - 1] == '\n');
	must(whole == message.len || count_lines(str_slice(message, header, whole)) == lines);
	must(count_lines(str_slice(message, header, whole)) <= lines);
	return 0;
}
