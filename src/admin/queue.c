/* Operations on the queue: what waits, and what a person wants with it. */
#include "admin/config.h"
#include "admin/frozen.h"
#include "admin/operation_internal.h"
#include "admin/outbound.h"
#include "queue/queue_id.h"
#include "admin/queue_asked.h"
#include "admin/queue_walk.h"
#include "admin/standing.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "store/event.h"

enum { CONTENT_SHOWN = 64 * LIMIT_KB };

static json_t *text_or_null(str s) { return s.len ? json_of_str(s) : json_null(); }

static json_t *json_of_id(str message_id, uint64_t queue_id)
{
	char octets[64];
	struct buf text;

	buf_init_fixed(&text, octets, sizeof octets);
	queue_id_add(&text, message_id, queue_id);
	return json_of_str(buf_str(&text));
}

static const char *lane_name(enum queue_lane lane)
{
	return lane == QUEUE_MARKETING ? "marketing" : "transactional";
}

static const char *state_of(const struct operation_call *call, const struct queue_row *row, int64_t now_ms)
{
	const struct outbound_control *o = call->outbound;

	if (o && o->is_sending && o->is_sending(o->user, row->queue_id))
		return "sending";
	return row->held ? "held" : row->due_ms > now_ms ? "waiting" : "ready";
}

static json_t *json_of_row(const struct operation_call *call, const struct queue_group *g, size_t i)
{
	const struct queue_row *row = &g->rows[i];
	const struct queue_recipient *r = &g->recipients[i];
	int64_t now_ms = clock_now();

	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:o, s:o}", "id",
	                 json_of_id(g->message->id, row->queue_id), "message_id", text_or_null(g->header_id),
	                 "reverse_path", json_of_str(r->reverse_path), "forward_path",
	                 text_or_null(r->forward_path), "lane", lane_name(row->lane), "state",
	                 state_of(call, row, now_ms), "attempts", (json_int_t)row->tries, "next_attempt",
	                 row->held ? json_null() : json_of_time(row->due_ms), "last_reply",
	                 text_or_null(r->last_reply));
}

static json_t *json_of_next(uint64_t after) { return after ? json_of_u64(after) : json_null(); }

static uint64_t after_argument(const struct operation_call *call)
{
	json_int_t after = json_integer_value(json_object_get(call->arguments, "after"));

	return after > 0 ? (uint64_t)after : 0;
}

/* --- looking --- */

struct listing {
	struct operation_call *call;
	json_t *rows;
};

static err list_group(void *user, const struct queue_group *g)
{
	struct listing *l = user;

	for (size_t i = 0; i < g->count; i++)
		if (json_array_append_new(l->rows, json_of_row(l->call, g, i)) != 0)
			return ERR_NO_MEMORY;
	return OK;
}

/* One page; the caller asks again with `after` = `next` until that is null. */
err queue_list_prepare(struct operation_call *call)
{
	struct listing listing = { call, json_array() };
	uint64_t after = after_argument(call);
	struct queue_filter filter;

	err e = queue_filter_read(call, &filter);
	if (e.code == ERR_OK)
		e = queue_walk(call, &filter, &after, list_group, &listing);
	if (e.code != ERR_OK) {
		json_decref(listing.rows);
		return e;
	}
	return answer_set(call, json_pack("{s:o, s:o}", "rows", listing.rows, "next", json_of_next(after)));
}

struct showing {
	struct listing listing;
	json_t *message;
};

/* As a terminal and JSON can show it: what is no UTF-8 or would steer a terminal is a '?'. */
static str shown(struct arena *arena, str text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t at = 0;

	if (!out)
		return STR("");
	while (at < text.len) {
		size_t size = utf8_length(str_from(text, at));
		char c = text.ptr[at];
		bool steers = size == 1 && (unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n';
		bool is_c1 = size == 2 && text.ptr[at] == '\xc2' && (unsigned char)text.ptr[at + 1] < 0xa0;
		memcpy(out + at, text.ptr + at, size ? size : 1);
		if (size == 0 || steers || c == '\x7f')
			out[at] = '?';
		if (is_c1)
			out[at] = out[at + 1] = '?';
		at += size ? size : 1;
	}
	return (str){ out, text.len };
}

/* The message's first CONTENT_SHOWN octets: its header, and what stands behind the empty line. */
struct shown_content {
	json_t *header, *body;
	bool cut;
};

static struct shown_content content_of(struct arena *arena, const struct queue_message *m)
{
	size_t size = m->size < CONTENT_SHOWN ? (size_t)m->size : CONTENT_SHOWN;
	char *octets = m->fd >= 0 ? arena_alloc(arena, size + 1) : NULL;

	if (!octets || file_read_at(m->fd, octets, size, m->offset).code != ERR_OK)
		return (struct shown_content){ json_null(), json_null(), false };
	str text = { octets, size };
	size_t end = str_find(text, STR("\r\n\r\n"));
	return (struct shown_content){
		.header = json_of_str(shown(arena, str_slice(text, 0, end < size ? end + 2 : size))),
		.body = json_of_str(shown(arena, str_from(text, end < size ? end + 4 : size))),
		.cut = size < m->size,
	};
}

static err show_group(void *user, const struct queue_group *g)
{
	struct showing *s = user;
	const struct queue_message *m = g->message;
	size_t before = json_array_size(s->listing.rows);

	if (!s->message) {
		struct shown_content content = content_of(s->listing.call->arena, m);
		s->message = json_pack(
			"{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "queue_id",
			json_of_str(m->id), "message_id", text_or_null(g->header_id), "reverse_path",
			json_of_str(m->reverse_path), "subject", text_or_null(g->subject), "received",
			json_of_time(m->received_ms), "expires", json_of_time(g->rows[0].expires_ms), "lane",
			lane_name(g->rows[0].lane), "login", text_or_null(m->envelope.login), "size",
			json_of_u64(m->size), "envelope", json_of_envelope(&m->envelope), "header",
			content.header, "body", content.body, "body_cut", (int)content.cut);
	}
	TRY(list_group(&s->listing, g));
	for (size_t i = 0; i < g->count; i++)
		queue_asked_add(json_array_get(s->listing.rows, before + i), &g->recipients[i]);
	return OK;
}

static err note_first(void *user, const struct queue_group *g)
{
	*(uint64_t *)user = g->rows[0].queue_id;
	return OK;
}

/* A row of the message that the filter names; *queue_id stays 0 where there is none. */
static err find_message(struct operation_call *call, const struct queue_filter *filter, uint64_t *queue_id)
{
	uint64_t after = 0;

	do
		TRY(queue_walk(call, filter, &after, note_first, queue_id));
	while (after && *queue_id == 0);
	return OK;
}

/* All recipients of the message that the id names, whichever of them it is of. */
err queue_show_prepare(struct operation_call *call)
{
	struct showing s = { .listing = { call, json_array() } };
	struct queue_named named = { 0 };
	struct queue_filter filter = { .named = &named, .named_count = 1 };
	uint64_t queue_id = 0, after = 0;
	str text = { 0 };

	err e = argument_text(call, "id", &text);
	if (e.code == ERR_OK)
		e = queue_id_parse(text, &named.message_id, &queue_id);
	if (e.code == ERR_OK && queue_id == 0)
		e = find_message(call, &filter, &queue_id);
	after = (queue_content_id(queue_id) << QUEUE_ID_BITS) - 1;
	if (e.code == ERR_OK && queue_id)
		e = queue_walk(call, &filter, &after, show_group, &s);
	if (e.code == ERR_OK && !s.message)
		e = err_new(call->arena, ERR_MISSING,
		            "nothing of " STR_FMT
		            " is in the queue; what became of it: postrider trace " STR_FMT,
		            STR_ARG(text), STR_ARG(named.message_id));
	if (e.code != ERR_OK) {
		json_decref(s.listing.rows);
		json_decref(s.message);
		return e;
	}
	json_object_set_new(s.message, "recipients", s.listing.rows);
	return answer_set(call, s.message);
}

/* --- changing --- */

enum queue_wish { WISH_RETRY, WISH_HOLD, WISH_RELEASE, WISH_REMOVE };

static const enum log_event wish_events[] = {
	[WISH_RETRY] = EV_QUEUE_RETRIED,
	[WISH_HOLD] = EV_QUEUE_HELD,
	[WISH_RELEASE] = EV_QUEUE_RELEASED,
	[WISH_REMOVE] = EV_QUEUE_REMOVED,
};

/* What one call changes. */
struct queue_changes {
	struct attempts attempts; /* first: it is the call's */
	struct operation_call *call;
	enum queue_wish wish;
	int64_t now_ms;
	struct buf events;
	uint64_t ids[LIMIT_BATCH_ROWS]; /* all that were wanted, for the queue at work */
	size_t matched;
	uint64_t next;
};

/* Rows that were never tried are due as it is: a time would only cost them a place in the index. */
static bool wish_applies(const struct queue_changes *c, const struct queue_row *row, struct attempt *out)
{
	*out = (struct attempt){ .queue_id = row->queue_id, .due_ms = c->now_ms };
	switch (c->wish) {
	case WISH_RETRY:
		out->kind = ATTEMPT_RELEASE; /* it keeps the last reply and counts nothing */
		return !row->held && row->due_ms > c->now_ms;
	case WISH_HOLD:
		out->kind = ATTEMPT_HOLD;
		return !row->held;
	case WISH_RELEASE:
		out->kind = ATTEMPT_RELEASE;
		return row->held;
	case WISH_REMOVE:
		out->kind = ATTEMPT_DONE;
		return true;
	}
	return false;
}

static void tell(struct queue_changes *c, const struct queue_group *g, const struct queue_recipient *only,
                 size_t count)
{
	struct log_field path = only ? LOG_STR("forward_path", only->forward_path) : (struct log_field){ 0 };

	log_format(&c->events, c->now_ms, wish_events[c->wish],
	           (const struct log_field[]){ LOG_STR("queue_id", g->message->id),
	                                       LOG_STR("message_id", g->header_id),
	                                       LOG_INT("count", count),
	                                       path,
	                                       { 0 } });
}

static err change_group(void *user, const struct queue_group *g)
{
	struct queue_changes *c = user;
	const struct queue_recipient *last = NULL;
	size_t before = c->attempts.count;

	for (size_t i = 0; i < g->count; i++) {
		struct attempt attempt;
		c->ids[c->matched++] = g->rows[i].queue_id;
		if (!wish_applies(c, &g->rows[i], &attempt))
			continue;
		c->attempts.items[c->attempts.count++] = attempt;
		last = &g->recipients[i];
	}
	size_t changed = c->attempts.count - before;
	if (changed)
		tell(c, g, changed == 1 ? last : NULL, changed);
	return buf_err(&c->events);
}

static json_t *json_of_changes(const struct queue_changes *c)
{
	size_t changed = 0;

	for (size_t i = 0; i < c->attempts.count; i++)
		changed += c->attempts.items[i].result.code == ERR_OK;
	return json_pack("{s:I, s:I, s:o}", "changed", (json_int_t)changed, "matched", (json_int_t)c->matched,
	                 "next", json_of_next(c->next));
}

static void tell_queue(const struct queue_changes *c)
{
	const struct outbound_control *o = c->call->outbound;

	if (o && o->rows_changed && c->matched)
		o->rows_changed(o->user, c->ids, c->matched);
}

static err check_filtered(struct operation_call *call, const struct queue_filter *f)
{
	bool all = json_is_true(json_object_get(call->arguments, "all"));
	bool filtered = f->named_count || f->domain.len || f->sender_domain.len || f->by_lane;

	if (filtered != all)
		return OK;
	call->usage = true;
	return all ? (err){ ERR_SYNTAX, 0, "--all stands alone, without ids or filters" }
	           : (err){ ERR_SYNTAX, 0, "which ones? name ids, a filter, or --all" };
}

/* One page, as queue_list_prepare. */
static err change(struct operation_call *call, enum queue_wish wish)
{
	struct queue_changes *c = arena_new(call->arena, struct queue_changes, 1);
	struct attempt *items = arena_new(call->arena, struct attempt, LIMIT_BATCH_ROWS);
	struct queue_filter filter;

	if (!c || !items)
		return ERR_NO_MEMORY;
	*c = (struct queue_changes){ .call = call,
		                     .wish = wish,
		                     .now_ms = clock_now(),
		                     .next = after_argument(call),
		                     .attempts = { .items = items } };
	buf_init(&c->events, call->arena, LIMIT_BATCH_ROWS * LIMIT_LOG_LINE);
	TRY(queue_filter_read(call, &filter));
	TRY(wish == WISH_RETRY ? OK : check_filtered(call, &filter));
	TRY(queue_walk(call, &filter, &c->next, change_group, c));
	c->attempts.event = buf_str(&c->events);
	if (c->attempts.count) {
		call->attempts = &c->attempts;
		return OK;
	}
	tell_queue(c); /* sites that are held back get their attempt all the same */
	return answer_set(call, json_of_changes(c));
}

err queue_retry_prepare(struct operation_call *call) { return change(call, WISH_RETRY); }

err queue_hold_prepare(struct operation_call *call) { return change(call, WISH_HOLD); }

err queue_release_prepare(struct operation_call *call) { return change(call, WISH_RELEASE); }

err queue_remove_prepare(struct operation_call *call) { return change(call, WISH_REMOVE); }

err queue_change_finish(struct operation_call *call)
{
	struct queue_changes *c = (struct queue_changes *)call->attempts;

	tell_queue(c);
	return answer_set(call, json_of_changes(c));
}

/* --- all sending --- */

static err set_frozen(struct operation_call *call, bool frozen)
{
	const struct outbound_control *o = call->outbound;
	bool before = frozen_get(call->arena, call->config->data_dir);
	struct buf line;

	TRY(frozen_set(call->arena, call->config->data_dir, frozen));
	if (o && o->freeze)
		o->freeze(o->user, frozen);
	buf_init(&line, call->arena, LIMIT_LOG_LINE);
	log_format(&line, clock_now(), frozen ? EV_QUEUE_FROZEN : EV_QUEUE_THAWED,
	           (const struct log_field[]){ { 0 } });
	if (before != frozen && buf_err(&line).code == ERR_OK)
		event_append(call->store, buf_str(&line));
	return answer_set(call, json_pack("{s:b}", "frozen", (int)frozen));
}

err queue_freeze_prepare(struct operation_call *call) { return set_frozen(call, true); }

err queue_thaw_prepare(struct operation_call *call) { return set_frozen(call, false); }

/* --- how it stands --- */

err queue_status_prepare(struct operation_call *call)
{
	struct outbound_state at_work = { 0 };
	struct standing s;

	TRY(standing_read(call->store, call->arena, &s));
	if (call->outbound && call->outbound->get_state)
		call->outbound->get_state(call->outbound->user, &at_work);
	return answer_set(call, json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "frozen",
	                                  (int)frozen_get(call->arena, call->config->data_dir), "recipients",
	                                  json_of_u64(s.recipients), "held", json_of_u64(s.held), "waiting",
	                                  json_of_u64(s.waiting), "oldest", json_of_time(s.oldest_ms),
	                                  "sending", json_of_u64(at_work.sending), "sites_held",
	                                  json_of_u64(at_work.sites_held), "routes_failed",
	                                  json_of_u64(at_work.routes_failed)));
}
