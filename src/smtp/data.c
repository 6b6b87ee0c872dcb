#include "smtp/data.h"

#include <assert.h>

#include "base/limits.h"

static void note(struct smtp_data *d, enum smtp_data_fault fault)
{
	if (d->body)
		d->unlined = true;
	else if (d->fault == SMTP_DATA_CLEAN)
		d->fault = fault;
}

/* What no line has, by its first octet. */
static void note_octets(struct smtp_data *d, const char *octets, size_t size)
{
	const char *lf = memchr(octets, '\n', size), *nul = memchr(octets, 0, size);

	if (nul && (!lf || nul < lf))
		note(d, SMTP_DATA_NUL);
	else if (lf)
		note(d, SMTP_DATA_BARE_LF);
}

/* A line is complete. The empty one ends the header. */
static void end_line(struct smtp_data *d)
{
	d->body = d->body || (d->binary && d->line_len == 0);
	d->line_len = 0;
}

/* Content at the front of `in`, which begins within a line: up to a line that begins with a dot, or all. */
static size_t take_lines(struct smtp_data *d, str in)
{
	size_t at = 0;

	for (;;) {
		const char *from = in.ptr + at;
		const char *cr = memchr(from, '\r', in.len - at);
		size_t len = cr ? (size_t)(cr - from) : in.len - at;

		note_octets(d, from, len);
		d->line_len += len;
		if (d->line_len > (d->body ? LIMIT_SENT_LINE : LIMIT_MESSAGE_LINE))
			note(d, SMTP_DATA_LONG_LINE);
		at += len;
		if (!cr) {
			d->state = SMTP_DATA_IN_LINE;
			return at;
		}
		if (++at == in.len) {
			d->state = SMTP_DATA_AFTER_CR;
			return at;
		}
		if (in.ptr[at] != '\n') {
			note(d, SMTP_DATA_BARE_CR);
			d->line_len++;
			continue;
		}
		end_line(d);
		if (++at == in.len || (in.ptr[at] == '.' && !d->counted)) {
			d->state = SMTP_DATA_LINE_START;
			return at;
		}
	}
}

static void skip(str *in, enum smtp_data_state next, struct smtp_data *d)
{
	*in = str_from(*in, 1);
	d->state = next;
}

/* The octets on which a line's beginning turns. True: *run is content. */
static bool take_edge(struct smtp_data *d, str *in, str *run)
{
	char c = in->ptr[0];

	switch (d->state) {
	case SMTP_DATA_LINE_START:
		if (c == '.' && !d->counted)
			skip(in, SMTP_DATA_DOT, d);
		else
			d->state = SMTP_DATA_IN_LINE;
		return false;
	case SMTP_DATA_DOT:
		if (c == '\r')
			skip(in, SMTP_DATA_DOT_CR, d);
		else
			d->state = SMTP_DATA_IN_LINE;
		return false;
	case SMTP_DATA_DOT_CR:
		if (c == '\n') {
			skip(in, SMTP_DATA_ENDED, d);
			return false;
		}
		note(d, SMTP_DATA_BARE_CR);
		d->state = SMTP_DATA_IN_LINE;
		return false;
	case SMTP_DATA_AFTER_CR:
		if (c != '\n') {
			note(d, SMTP_DATA_BARE_CR);
			d->line_len++;
			d->state = SMTP_DATA_IN_LINE;
			return false;
		}
		*run = str_slice(*in, 0, 1);
		end_line(d);
		skip(in, SMTP_DATA_LINE_START, d);
		return true;
	case SMTP_DATA_IN_LINE:
	case SMTP_DATA_ENDED:
		return false;
	}
	return false;
}

bool smtp_data_next(struct smtp_data *d, str *in, str *run)
{
	while (in->len > 0 && d->state != SMTP_DATA_ENDED) {
		size_t size;

		if (d->state != SMTP_DATA_IN_LINE) {
			if (take_edge(d, in, run))
				return true;
			continue;
		}
		size = take_lines(d, *in);
		*run = str_slice(*in, 0, size);
		*in = str_from(*in, size);
		return true;
	}
	return false;
}

bool smtp_data_ended(const struct smtp_data *d) { return d->state == SMTP_DATA_ENDED; }

str smtp_data_finish(struct smtp_data *d)
{
	enum smtp_data_state last = d->state;

	assert(d->counted);
	if (last == SMTP_DATA_AFTER_CR)
		note(d, SMTP_DATA_BARE_CR);
	d->state = SMTP_DATA_LINE_START;
	if (last == SMTP_DATA_LINE_START)
		return STR("");
	d->unlined = d->unlined || d->body;
	return d->body ? STR("") : STR("\r\n");
}
