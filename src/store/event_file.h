/* store/event_file.h: the writing side of the event files. Private to store/; one appender (the committer).
 */
#ifndef STORE_EVENT_FILE_H
#define STORE_EVENT_FILE_H

#include "store/event.h"

struct events;

err events_open(struct arena *arena, str directory, uint32_t keep_days, struct events **out) MUST_USE;
void events_close(struct events *events);

/* Any thread. A line of nobody's commit; written by the next events_flush. */
void events_add(struct events *events, str line);

/* Committer thread. Gathers a line of the batch; then writes all. Failures cost lines, not mail: counted. */
void events_gather(struct events *events, str line);
void events_flush(struct events *events);

/* Removes day files older than they are kept. */
void events_expire(struct events *events);

#endif
