#include "admin/queue_walk.h"

#include <stdlib.h>

#include "admin/operation_internal.h"
#include "queue/queue_id.h"
#include "base/limits.h"
#include "deliver/address.h"
#include "deliver/id.h"
#include "mime/summary.h"

/* Pages that nothing was wanted of, before the call answers with what it has: none. */
enum { EMPTY_PAGES = 50 };

/* A message is received, its content whole, within so long of the time in its id; or before, where the clock
 * was set back meanwhile. */
static const int64_t receiving_most_ms = 24 * 3600 * 1000ll;

/* --- the filter --- */

static err named_argument(struct operation_call *call, struct queue_filter *out)
{
	const json_t *list = json_object_get(call->arguments, "ids");
	size_t count = json_array_size(list);
	struct queue_named *named = arena_new(call->arena, struct queue_named, count);

	if (!named)
		return ERR_NO_MEMORY;
	if (count > LIMIT_BATCH_ROWS)
		return err_new(call->arena, ERR_LIMIT, "at most %u ids at once", LIMIT_BATCH_ROWS);
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_array_get(list, i);
		str text = { json_string_value(value), json_string_length(value) };
		err e = queue_id_parse(json_is_string(value) ? text : STR(""), &named[i].message_id,
		                       &named[i].queue_id);
		if (e.code != ERR_OK)
			return err_wrap(call->arena, e, "\"" STR_FMT "\"", STR_ARG(text));
	}
	out->named = named;
	out->named_count = count;
	return OK;
}

static err sender_argument(struct operation_call *call, struct queue_filter *out)
{
	str text = { 0 };

	TRY(argument_optional(call, "sender", &text));
	if (text.len == 0)
		return OK;
	if (str_find_char(text, '@') == text.len)
		return argument_domain(call, "sender", &out->sender_domain);
	TRY(argument_address(call, "sender", &out->sender));
	out->sender_domain = address_domain(out->sender);
	return OK;
}

static err lane_argument(struct operation_call *call, struct queue_filter *out)
{
	str text = { 0 };

	TRY(argument_optional(call, "lane", &text));
	out->by_lane = text.len > 0;
	out->lane = str_eq(text, STR("marketing")) ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL;
	if (!out->by_lane || str_eq(text, STR("marketing")) || str_eq(text, STR("transactional")))
		return OK;
	call->usage = true;
	return (err){ ERR_SYNTAX, 0, "--lane is transactional or marketing" };
}

err queue_filter_read(struct operation_call *call, struct queue_filter *out)
{
	struct queue_filter filter = { 0 };
	str domain = { 0 };

	TRY(named_argument(call, &filter));
	TRY(argument_optional(call, "domain", &domain));
	if (str_starts(domain, STR("["))) /* an address literal */
		filter.domain = domain;
	else if (domain.len)
		TRY(argument_domain(call, "domain", &filter.domain));
	TRY(sender_argument(call, &filter));
	TRY(lane_argument(call, &filter));
	*out = filter;
	return OK;
}

static bool may_be_named(const struct queue_named *n, const struct queue_row *row)
{
	int64_t made_ms;

	if (n->queue_id)
		return n->queue_id == row->queue_id;
	return !deliver_id_time(n->message_id, &made_ms) ||
	       llabs((long long)(row->received_ms - made_ms)) <= receiving_most_ms;
}

/* As far as the row itself can say. */
static bool may_be_wanted(const struct queue_filter *f, const struct queue_row *row)
{
	bool named = f->named_count == 0;

	for (size_t i = 0; i < f->named_count && !named; i++)
		named = may_be_named(&f->named[i], row);
	return named && (f->domain.len == 0 || str_eq(f->domain, row->domain)) &&
	       (f->sender_domain.len == 0 || str_eq(f->sender_domain, row->reverse_domain)) &&
	       (!f->by_lane || f->lane == row->lane);
}

static bool is_sender(struct arena *arena, const struct queue_filter *f, str reverse_path)
{
	str address = { 0 };

	return f->sender.len == 0 || (address_normalise(arena, reverse_path, &address).code == ERR_OK &&
	                              str_eq(address, f->sender));
}

static bool is_wanted(struct arena *arena, const struct queue_filter *f, const struct queue_message *m,
                      const struct queue_recipient *r)
{
	bool named = f->named_count == 0;

	for (size_t i = 0; i < f->named_count && !named; i++)
		named = (f->named[i].queue_id == 0 || f->named[i].queue_id == r->queue_id) &&
		        str_eq(f->named[i].message_id, m->id);
	return named && !r->gone && is_sender(arena, f, r->reverse_path);
}

/* --- the walk --- */

struct walk {
	struct operation_call *call;
	const struct queue_filter *filter;
	err (*visit)(void *user, const struct queue_group *group);
	void *user;
	struct arena arena; /* of the group at hand */
	size_t visited;     /* rows */
};

static void read_names(struct walk *w, uint64_t queue_id, struct queue_group *group)
{
	struct mime_summary summary;
	str encoded = { 0 };

	if (queue_read_summary(w->call->store, &w->arena, queue_id, &encoded).code != ERR_OK ||
	    mime_summary_decode(&w->arena, encoded, &summary).code != ERR_OK || !summary.root ||
	    !summary.root->envelope)
		return;
	group->header_id = summary.root->envelope->message_id;
	group->subject = summary.root->envelope->subject;
}

static err visit_damaged(struct walk *w, struct queue_row *rows, size_t count)
{
	struct queue_recipient *recipients = arena_new(&w->arena, struct queue_recipient, count);
	struct queue_message message = { .id = STR("damaged"), .fd = -1, .received_ms = rows[0].received_ms };
	struct queue_group group = { .message = &message, .rows = rows, .recipients = recipients };

	if (!recipients)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		struct queue_recipient r = { .queue_id = rows[i].queue_id,
			                     .domain = rows[i].domain,
			                     .tries = rows[i].tries };
		if (!is_wanted(&w->arena, w->filter, &message, &r))
			continue;
		rows[group.count] = rows[i];
		recipients[group.count++] = r;
	}
	w->visited += group.count;
	return group.count ? w->visit(w->user, &group) : OK;
}

/* Rows of one content. */
static err open_and_visit(struct walk *w, struct queue_row *rows, size_t count)
{
	struct queue_recipient *recipients = arena_new(&w->arena, struct queue_recipient, count);
	uint64_t *ids = arena_new(&w->arena, uint64_t, count);
	struct queue_message message;
	struct queue_group group = { .message = &message, .rows = rows, .recipients = recipients };

	if (!recipients || !ids)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		ids[i] = rows[i].queue_id;
	err e = queue_open(w->call->store, &w->arena, ids, count, &message, recipients);
	if (e.code == ERR_MISSING) /* delivered meanwhile */
		return OK;
	if (e.code == ERR_CORRUPT)
		return visit_damaged(w, rows, count);
	TRY(e);
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(&w->arena, w->filter, &message, &recipients[i]))
			continue;
		rows[group.count] = rows[i];
		recipients[group.count++] = recipients[i];
	}
	w->visited += group.count;
	if (group.count) {
		read_names(w, ids[0], &group);
		e = w->visit(w->user, &group);
	}
	queue_close(&message);
	return e;
}

static err visit_group(struct walk *w, struct queue_row *rows, size_t count)
{
	arena_init(&w->arena, NULL, LIMIT_INTENT + LIMIT_ADMIN_ARENA);
	err e = open_and_visit(w, rows, count);
	arena_reset(&w->arena);
	return e;
}

/* Visits what is wanted of these rows, message by message. */
static err visit_rows(struct walk *w, struct queue_row *rows, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (may_be_wanted(w->filter, &rows[i]))
			rows[kept++] = rows[i];
	for (size_t from = 0, to; from < kept; from = to) {
		for (to = from + 1; to < kept && queue_content_id(rows[to].queue_id) ==
		                                         queue_content_id(rows[from].queue_id);)
			to++;
		TRY(visit_group(w, rows + from, to - from));
	}
	return OK;
}

static err walk_pages(struct walk *w, uint64_t *after)
{
	struct queue_row *rows = arena_new(w->call->arena, struct queue_row, LIMIT_BATCH_ROWS);
	struct arena texts;
	size_t count = 1;
	err e = OK;

	if (!rows)
		return ERR_NO_MEMORY;
	for (int page = 0; page < EMPTY_PAGES && count && w->visited == 0 && e.code == ERR_OK; page++) {
		arena_init(&texts, NULL, LIMIT_ADMIN_ARENA);
		e = queue_read_all(w->call->store, &texts, *after, rows, LIMIT_BATCH_ROWS, &count);
		if (e.code == ERR_OK)
			*after = count ? rows[count - 1].queue_id : 0;
		if (e.code == ERR_OK)
			e = visit_rows(w, rows, count);
		arena_reset(&texts);
	}
	return e;
}

static err walk_named(struct walk *w, uint64_t *after)
{
	*after = 0;
	for (size_t i = 0; i < w->filter->named_count; i++) {
		const struct queue_named *n = &w->filter->named[i];
		struct queue_row row;
		size_t count, visited = w->visited;
		TRY(queue_read_all(w->call->store, w->call->arena, n->queue_id - 1, &row, 1, &count));
		if (count && row.queue_id == n->queue_id)
			TRY(visit_rows(w, &row, 1));
		if (w->visited > visited)
			continue;
		return err_new(w->call->arena, ERR_MISSING,
		               "nothing in the queue is called " STR_FMT
		               "-… any more; what became of it: postrider trace " STR_FMT,
		               STR_ARG(n->message_id), STR_ARG(n->message_id));
	}
	return OK;
}

err queue_walk(struct operation_call *call, const struct queue_filter *filter, uint64_t *after,
               err (*visit)(void *user, const struct queue_group *group), void *user)
{
	struct walk w = { .call = call, .filter = filter, .visit = visit, .user = user };
	bool rows_named = filter->named_count > 0;

	for (size_t i = 0; i < filter->named_count; i++)
		rows_named = rows_named && filter->named[i].queue_id;
	return rows_named ? walk_named(&w, after) : walk_pages(&w, after);
}
