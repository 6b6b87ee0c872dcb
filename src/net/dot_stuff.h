/* net/dot_stuff.h: where dots have to be doubled (RFC 5321 §4.5.2, RFC 1939 §3). Pure; any thread. */
#ifndef NET_DOT_STUFF_H
#define NET_DOT_STUFF_H

#include "base/str.h"

/* Index of the first dot at the beginning of a line at or after `from`; octets.len where there is none. Lines
 * end with LF; `at_line_start` says whether octets begin a line. */
size_t dot_find(str octets, size_t from, bool at_line_start);

/* How many octets they are with dots doubled. */
size_t dot_stuffed_size(str octets, bool at_line_start);

#endif
