#include "smtp/content.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "mime/eai.h"
#include "mime/summary.h"
#include "store/draft.h"

err smtp_content_begin(struct smtp_content *c, const struct smtp_content_options *options)
{
	*c = (struct smtp_content){ .flight = options->flight,
		                    .data = { .counted = options->counted,
		                              .binary = options->binary && !options->local },
		                    .sent = options->sent,
		                    .size_limit = options->size_limit,
		                    .trace_size = options->trace.len,
		                    .aside = FILE_NONE };
	passed_init(&c->passed, options->hostname);
	amend_init(&c->amend, options->hostname);
	arena_init(&c->summary_arena, options->pool, LIMIT_SUMMARY_ARENA);
	if (options->binary && options->local)
		TRY(smtp_binary_begin(&c->binary, options->pool, &options->flight));
	c->has_8bit = eai_is_wide(options->trace);
	TRY(draft_new(options->store, &c->draft));
	return draft_add(c->draft, options->trace);
}

err smtp_content_submit(struct smtp_content *c, struct arena *arena, str date, str message_id)
{
	struct origin *origin = arena_new(arena, struct origin, 1);

	if (!origin)
		return ERR_NO_MEMORY;
	TRY(origin_init(origin, arena));
	amend_fill(&c->amend, date, message_id);
	c->origin = origin;
	return OK;
}

void smtp_content_drop(struct smtp_content *c, err e)
{
	if (c->failed.code == ERR_OK)
		c->failed = e;
	draft_free(c->draft);
	c->draft = NULL;
	c->parser = NULL;
	arena_reset(&c->summary_arena);
}

/* Eight at a time: all of a message is looked at. */
static bool has_8bit(str s)
{
	uint64_t eight, seen = 0;
	size_t i = 0;

	for (; i + sizeof eight <= s.len; i += sizeof eight) {
		memcpy(&eight, s.ptr + i, sizeof eight);
		seen |= eight;
	}
	return (seen & UINT64_C(0x8080808080808080)) != 0 || eai_is_wide(str_from(s, i));
}

static void add(struct smtp_content *c, str run)
{
	err e = draft_add(c->draft, run);

	if (c->sent && !c->has_8bit)
		c->has_8bit = has_8bit(run);

	if (e.code != ERR_OK)
		smtp_content_drop(c, e);
}

/* One run of content, maybe to be dropped. */
static void take_run(struct smtp_content *c, str run)
{
	str kept;

	if (c->origin)
		origin_push(c->origin, run);
	c->size += smtp_binary_begun(&c->binary) ? 0 : run.len;
	if (c->draft && (c->size > c->size_limit || c->data.fault != SMTP_DATA_CLEAN))
		smtp_content_drop(c, OK); /* the verdict says why */
	passed_push(&c->passed, run);
	while (c->draft && amend_next(&c->amend, &run, &kept))
		add(c, kept);
}

/* No more comes. */
static void finish(struct smtp_content *c)
{
	str run;

	while (c->draft && amend_finish(&c->amend, &run))
		add(c, run);
}

/* All that comes of `part`, which the filter may point into until it has given everything. */
static void take_part(struct smtp_content *c, str part)
{
	str piece, run;

	c->size += part.len;
	while (c->draft && smtp_binary_next(&c->binary, &part, &piece)) {
		c->quarantined = c->binary.quarantined;
		if (c->quarantined)
			add(c, piece);
		while (!c->quarantined && smtp_data_next(&c->data, &piece, &run))
			take_run(c, run);
	}
}

/* The same on the wire, where the octets as they came count. True: to be written before more. */
static bool take_binary(struct smtp_content *c, str *in)
{
	err e;

	do {
		size_t size = in->len < LIMIT_BLOCK ? in->len : LIMIT_BLOCK;

		take_part(c, str_slice(*in, 0, size));
		*in = str_from(*in, size);
		e = smtp_binary_err(&c->binary);
		if (c->size > c->size_limit || e.code != ERR_OK)
			smtp_content_drop(c, e);
		if (c->draft && draft_must_write(c->draft))
			return true;
	} while (in->len > 0);
	return false;
}

enum smtp_content_want smtp_content_take(struct smtp_content *c, str in, size_t *used)
{
	str rest = in, run;

	if (smtp_binary_begun(&c->binary)) {
		bool full = take_binary(c, &rest);

		*used = in.len - rest.len;
		return full ? SMTP_CONTENT_WRITE : SMTP_CONTENT_MORE;
	}
	while (smtp_data_next(&c->data, &rest, &run)) {
		take_run(c, run);
		if (c->draft && draft_must_write(c->draft)) {
			*used = in.len - rest.len;
			return SMTP_CONTENT_WRITE;
		}
	}
	*used = in.len - rest.len;
	if (!smtp_data_ended(&c->data))
		return SMTP_CONTENT_MORE;
	finish(c);
	return SMTP_CONTENT_ENDED;
}

void smtp_content_end(struct smtp_content *c)
{
	if (smtp_binary_begun(&c->binary)) {
		str none = STR("");

		smtp_binary_end(&c->binary);
		take_binary(c, &none);
	}
	take_run(c, smtp_data_finish(&c->data));
	finish(c);
}

static enum smtp_reply reply_of_fault(enum smtp_data_fault fault)
{
	switch (fault) {
	case SMTP_DATA_CLEAN:
		return SMTP_REPLY_ACCEPTED;
	case SMTP_DATA_BARE_CR:
		return SMTP_REPLY_BARE_CR;
	case SMTP_DATA_BARE_LF:
		return SMTP_REPLY_BARE_LF;
	case SMTP_DATA_NUL:
		return SMTP_REPLY_HAS_NUL;
	case SMTP_DATA_LONG_LINE:
		return SMTP_REPLY_LONG_MESSAGE_LINE;
	}
	return SMTP_REPLY_FAILED;
}

/* Permanent reasons first: trying again can't help against them. */
enum smtp_reply smtp_content_verdict(const struct smtp_content *c)
{
	if (smtp_binary_begun(&c->binary) && (c->failed.code == ERR_SYNTAX || c->failed.code == ERR_LIMIT))
		return SMTP_REPLY_BAD_BINARY;
	if (c->data.fault != SMTP_DATA_CLEAN)
		return reply_of_fault(c->data.fault);
	if (c->size > c->size_limit)
		return SMTP_REPLY_TOO_BIG;
	if (amend_received(&c->amend) >= LIMIT_RECEIVED_FIELDS)
		return SMTP_REPLY_MAIL_LOOP;
	if (passed_count(&c->passed) >= LIMIT_PASSED)
		return SMTP_REPLY_MAIL_RETURNS;
	if (c->failed.code != ERR_OK)
		return smtp_reply_of_err(c->failed);
	return c->quarantined ? SMTP_REPLY_QUARANTINED : SMTP_REPLY_ACCEPTED;
}

/* The fingerprint of what came behind the trace field. The draft's first run holds as much of it as counts,
 * or all there is. */
static void identify(struct smtp_content *c)
{
	const void *at = NULL;
	str first;

	if (!c->flight.flight || c->fingerprint != 0 || !draft_next_run(c->draft, &at, &first))
		return;
	first = str_from(first, first.len < c->trace_size ? first.len : (size_t)c->trace_size);
	c->fingerprint = flight_fingerprint(first);
	c->quarantined = flight_is_quarantined(c->flight.flight, c->fingerprint);
}

/* Does the empty line behind the header stand in the octets from there on? */
static bool has_end(str header, size_t from)
{
	str fresh = str_from(header, from < 3 ? 0 : from - 3);

	return str_find(fresh, STR("\r\n\r\n")) < fresh.len;
}

/* Of a header that is longer than a notice looks at, its beginning. */
static void keep_header(struct smtp_content *c)
{
	const void *at = NULL;
	str run;

	while (c->header && draft_next_run(c->draft, &at, &run)) {
		size_t before = c->header->len, room = LIMIT_HEADER_BLOCK - before;

		buf_add(c->header, str_slice(run, 0, run.len < room ? run.len : room));
		if (run.len >= room || has_end(buf_str(c->header), before))
			c->header = NULL;
	}
}

void smtp_content_read(struct smtp_content *c)
{
	const void *at = NULL;
	str run;

	if (!c->draft || c->quarantined)
		return;
	identify(c);
	if (c->quarantined)
		return;
	keep_header(c);
	if (!c->parser && mime_summary_new(&c->summary_arena, &c->parser).code != ERR_OK)
		return; /* the summary is opaque then */
	if (c->flight.slot)
		flight_set(c->flight.slot, FLIGHT_INCOMING, ip_neighbourhood(c->flight.peer), 0,
		           c->fingerprint);
	while (draft_next_run(c->draft, &at, &run))
		mime_summary_push(c->parser, run);
	if (c->flight.slot)
		flight_clear(c->flight.slot);
}

/* A quarantined message is kept once, as far as the disk lets us: it was not accepted. */
static void put_aside(struct smtp_content *c, const char *path)
{
	const void *at = NULL;
	str run;

	if (c->aside == FILE_NONE)
		c->aside = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (c->aside == FILE_NONE)
		return;
	while (draft_next_run(c->draft, &at, &run))
		if (write(c->aside, run.ptr, run.len) != (ssize_t)run.len)
			return;
}

err smtp_content_write(struct smtp_content *c, const char *path)
{
	if (c->quarantined)
		put_aside(c, path);
	return draft_write(c->draft);
}

err smtp_content_summary(struct smtp_content *c, struct buf *out)
{
	err e;

	if (!c->parser) {
		mime_summary_opaque(out, draft_size(c->draft));
		return buf_err(out);
	}
	e = mime_summary_finish(c->parser, out);
	c->parser = NULL;
	arena_reset(&c->summary_arena);
	if (e.code == ERR_OK)
		return OK;
	buf_clear(out);
	mime_summary_opaque(out, draft_size(c->draft));
	return buf_err(out);
}

enum queue_body smtp_content_body(const struct smtp_content *c)
{
	if (c->data.unlined)
		return QUEUE_BODY_BINARY;
	return c->has_8bit ? QUEUE_BODY_8BIT : QUEUE_BODY_7BIT;
}

void smtp_content_fini(struct smtp_content *c)
{
	draft_free(c->draft);
	c->draft = NULL;
	if (c->aside > 0)
		file_close(&c->aside);
	smtp_binary_fini(&c->binary);
	arena_reset(&c->summary_arena);
}
