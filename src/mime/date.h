/* mime/date.h: the date-time of header fields, both ways.
 *
 * Lenient: order, commas, comments, day names, hyphens ("2-Jan-99"), asctime's form and missing seconds do
 * not matter as long as day, month, year can be told. As RFC 5256 §2.2 has it, a time that makes no sense is
 * midnight and a zone that makes none is UTC. Pure; any thread.
 *
 * RFC 5322 §3.3, §4.3 (obsolete years and zones: unknown names and single letters say nothing, so -0000).
 */
#ifndef MIME_DATE_H
#define MIME_DATE_H

#include "base/buf.h"
#include "base/err.h"

struct mime_date {
	int64_t ms;   /* since the epoch, UTC */
	int16_t zone; /* minutes east of UTC */
};

/* ERR_SYNTAX: no valid day, month and year; *out is untouched. */
err mime_date_parse(str text, struct mime_date *out) MUST_USE;

/* Appends "Tue, 1 Jul 2003 10:52:37 +0200". Years 1900 to 9999. */
void mime_date_format(struct mime_date date, struct buf *out);

#endif
