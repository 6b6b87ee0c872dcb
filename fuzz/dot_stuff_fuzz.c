/* A text with its dots doubled has the size that was said, no line of it is a dot alone, and taking one dot
 * from the beginning of each line gives the text back. */
#include <stdlib.h>

#include "net/dot_stuff.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static size_t stuff(str in, char *out)
{
	size_t len = 0, from = 0;

	for (size_t dot; from < in.len; from = dot) {
		dot = dot_find(in, from, true);
		if (dot == from) {
			out[len++] = '.';
			dot = dot_find(in, from + 1, true);
		}
		memcpy(out + len, in.ptr + from, dot - from);
		len += dot - from;
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };
	char *out = malloc(2 * size + 1);
	bool at_line_start = true;
	size_t at = 0;

	if (!out || size == 0) {
		free(out);
		return 0;
	}
	size_t len = stuff(in, out);
	must(len == dot_stuffed_size(in, true));
	for (size_t i = 0; i < len; i++) {
		if (at_line_start && out[i] == '.') {
			must(i + 1 < len && out[i + 1] == '.');
			i++;
		}
		must(at < in.len && out[i] == in.ptr[at]);
		at_line_start = in.ptr[at++] == '\n';
	}
	must(at == in.len);
	free(out);
	return 0;
}
