/* pop3/top.h: where the answer to TOP ends: the header, the empty line behind it, and so many lines of the
 * body (RFC 1939 §7). Fed with the message piece by piece and never with more than it asks for, so that the
 * rest of a large one is not read. Pure; any thread.
 *
 * A line ends with LF. A message without an empty line is all header.
 */
#ifndef POP3_TOP_H
#define POP3_TOP_H

#include <stdint.h>

#include "base/str.h"

struct pop3_top {
	uint32_t lines; /* of the body that are still wanted */
	bool in_body;
	enum { POP3_TOP_EMPTY, POP3_TOP_CR, POP3_TOP_TEXT } line; /* of the header: what it holds so far */
};

void pop3_top_init(struct pop3_top *top, uint32_t lines);

/* Takes the next octets; how many of them belong to the answer: all of them, up to its end. */
size_t pop3_top_take(struct pop3_top *top, str octets);

/* Was the last line of the answer taken? */
bool pop3_top_ended(const struct pop3_top *top);

#endif
