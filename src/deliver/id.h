/* deliver/id.h: the name of one message in logs, replies, Received fields and `trace`.
 *
 * DELIVER_ID_LEN octets of [0-9A-Z]: time, then sequence, so that ids sort by time. Ids of one server differ
 * as long as its sequence goes on; it begins at random, so that a restart within the same millisecond, or a
 * clock set back, repeats none but by a chance of one in 36^6. Pure.
 */
#ifndef DELIVER_ID_H
#define DELIVER_ID_H

#include "base/str.h"

enum { DELIVER_ID_LEN = 15 };

/* `time_ms` since the epoch; out is not NUL-terminated. */
void deliver_id_make(int64_t time_ms, uint64_t sequence, char out[static DELIVER_ID_LEN]);

/* The time that an id was made with; false: it is none of ours. */
bool deliver_id_time(str id, int64_t *time_ms);

#endif
