#include "net/dot_stuff.h"

/* Looks for dots rather than for line ends: base64, the bulk of all mail, has none, and text has fewer. */
size_t dot_find(str octets, size_t from, bool at_line_start)
{
	while (from < octets.len) {
		const char *dot = memchr(octets.ptr + from, '.', octets.len - from);
		if (!dot)
			break;
		size_t at = (size_t)(dot - octets.ptr);
		if (at == 0 ? at_line_start : dot[-1] == '\n')
			return at;
		from = at + 1;
	}
	return octets.len;
}

size_t dot_stuffed_size(str octets, bool at_line_start)
{
	size_t dots = 0;

	for (size_t at = dot_find(octets, 0, at_line_start); at < octets.len;
	     at = dot_find(octets, at + 1, at_line_start))
		dots++;
	return octets.len + dots;
}
