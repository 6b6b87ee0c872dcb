/* base/log.h: one line, one event, one JSON object, on stderr.
 *
 * Events come from log_events.def and nowhere else. Values are escaped here: any octets may be given; what is
 * not UTF-8 is shown as U+FFFD. No secrets, no message text. The layer that decides what happens next logs;
 * those below return an err.
 *
 * Lines are collected and written by a thread of the log's own once log_start_writer was called; before that,
 * and in commands, each is written at once. A reader too slow costs lines, never time: they are counted and
 * the count is logged. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum log_event {
#define LOG_EVENT(name, event, meaning) EV_##name,
#include "base/log_events.def"
#undef LOG_EVENT
	LOG_EVENT_COUNT
};

struct log_field {
	const char *name; /* NULL: end of the fields */
	enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_JSON } kind;
	str text;
	int64_t number;
};

#define LOG_STR(field, value) ((struct log_field){ (field), LOG_FIELD_STR, (value), 0 })
#define LOG_Z(field, value) ((struct log_field){ (field), LOG_FIELD_STR, str_of(value), 0 })
#define LOG_INT(field, value) ((struct log_field){ (field), LOG_FIELD_INT, { 0 }, (int64_t)(value) })
#define LOG_MS(field, value) LOG_INT(field, value)
/* `value` is JSON already, made by us. */
#define LOG_JSON(field, value) ((struct log_field){ (field), LOG_FIELD_JSON, (value), 0 })

#define log_event(event, ...) \
	log_write((event), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })

/* The event's name as it is written ("message.accepted"), and what it means. */
const char *log_event_name(enum log_event event);
const char *log_event_meaning(enum log_event event);

/* Writes one line. `fields` ends with a name of NULL. */
void log_write(enum log_event event, const struct log_field *fields);

/* The same line, newline included, appended to `out`: for the store's event files. Always valid JSON; over
 * LIMIT_LOG_LINE the longest values are cut. */
void log_format(struct buf *out, int64_t time_ms, enum log_event event, const struct log_field *fields);

/* `s` as a JSON string with its quotes. */
void log_add_json_string(struct buf *out, str s);

/* A line that log_format made already (with its newline). */
void log_write_line(str line);

/* From here on nothing is written: for a command whose person is told by the command itself. Before threads.
 */
void log_silence(void);

/* Begins the writer thread (once a process; the server's), and ends it with everything written. */
err log_start_writer(void) MUST_USE;
void log_stop_writer(void);

#endif
