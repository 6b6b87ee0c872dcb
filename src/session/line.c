#include "session/line.h"

/* Index behind the line's end, 0 where there is none in `octets`. */
static size_t find_end(const struct line_cutter *c, str octets)
{
	size_t from = c->looked;

	while (from < octets.len) {
		const char *lf = memchr(octets.ptr + from, '\n', octets.len - from);
		if (!lf)
			break;
		size_t at = (size_t)(lf - octets.ptr);
		if (!c->strict || (at > 0 && octets.ptr[at - 1] == '\r'))
			return at + 1;
		from = at + 1;
	}
	return 0;
}

static str without_end(str line)
{
	assert(line.len > 0);
	size_t len = line.len - 1;
	return str_slice(line, 0, len > 0 && line.ptr[len - 1] == '\r' ? len - 1 : len);
}

enum line_found line_cut(struct line_cutter *cutter, str octets, str *line, size_t *used)
{
	size_t end = find_end(cutter, octets);
	bool dropping = cutter->dropping;

	cutter->looked = 0;
	if (end > 0) {
		*used = end;
		cutter->dropping = false;
		if (dropping || end > cutter->line_max)
			return LINE_TOO_LONG;
		*line = without_end(str_slice(octets, 0, end));
		return LINE_WHOLE;
	}
	if (!dropping && octets.len < cutter->line_max) {
		cutter->looked = octets.len;
		*used = 0;
		return LINE_PART;
	}
	/* A CR at the end may be half of the line's end: it stays until its LF came. */
	cutter->dropping = true;
	*used = octets.len && octets.ptr[octets.len - 1] == '\r' ? octets.len - 1 : octets.len;
	return LINE_PART;
}
