/* base/clock.h: the only source of time. Any thread.
 *
 * Unit tests set the time with clock_test_set, so that expiry and dates are tested without waiting.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/buf.h"

/* Milliseconds since 1970 UTC: for what is stored and shown. May step. */
int64_t clock_now(void);

/* Milliseconds of a clock that only goes forward: for time-outs and intervals. */
int64_t clock_tick_ms(void);

/* Nanoseconds of the same clock: for measuring. */
int64_t clock_tick_ns(void);

/* "2026-11-23T23:41:07.123Z" (RFC 3339, UTC). */
void clock_add_rfc3339(struct buf *out, int64_t time_ms);

/* "Mon, 23 Nov 2026 23:41:07 +0000" (RFC 5322 §3.3), in UTC. */
void clock_add_rfc5322(struct buf *out, int64_t time_ms);

/* Reads "2026-11-23T12:00:00Z", strictly: UTC, maybe with a fraction of the second, of which milliseconds
 * count. ERR_SYNTAX; *out_ms is untouched then. */
err clock_parse_rfc3339(str text, int64_t *out_ms) MUST_USE;

/* From now on clock_now is `time_ms` and stands still; 0 gives the real time back. Tests only. */
void clock_test_set(int64_t time_ms);

#endif
