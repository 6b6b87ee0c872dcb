#include "pop3/top.h"

void pop3_top_init(struct pop3_top *top, uint32_t lines) { *top = (struct pop3_top){ .lines = lines }; }

bool pop3_top_ended(const struct pop3_top *top) { return top->in_body && top->lines == 0; }

/* Some octets of a header line, without its LF. */
static void take_header(struct pop3_top *top, str part)
{
	if (part.len == 0)
		return;
	top->line = top->line == POP3_TOP_EMPTY && str_eq(part, STR("\r")) ? POP3_TOP_CR : POP3_TOP_TEXT;
}

static void end_line(struct pop3_top *top)
{
	if (top->in_body) {
		top->lines--;
		return;
	}
	top->in_body = top->line != POP3_TOP_TEXT;
	top->line = POP3_TOP_EMPTY;
}

size_t pop3_top_take(struct pop3_top *top, str octets)
{
	size_t at = 0;

	while (at < octets.len && !pop3_top_ended(top)) {
		str rest = str_from(octets, at);
		size_t end = str_find_char(rest, '\n');

		if (!top->in_body)
			take_header(top, str_slice(rest, 0, end));
		at += end;
		if (end < rest.len) {
			at++;
			end_line(top);
		}
	}
	return at;
}
