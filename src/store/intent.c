#include "store/intent.h"

#include "base/bytes.h"
#include "base/limits.h"

enum { FORMAT_MAILBOXES = 1, FORMAT_ENVELOPE = 2, LAYOUT_APP = 1, LAYOUT_ROUTE = 2, LAYOUT_SHIFT = 8 };

enum { FLAG_SMTPUTF8 = 1, FLAG_FORWARDED = 2, FLAG_BY_TRACE = 4 };

static const err damaged = { ERR_CORRUPT, 0, "the intent of a record is damaged" };

static void add_envelope(struct buf *out, const struct queue_envelope *e)
{
	buf_add_counted(out, e->envid);
	buf_add_counted(out, e->login);
	buf_add_varint(out, (unsigned char)e->ret);
	buf_add_varint(out, e->body);
	buf_add_varint(out, (e->smtputf8 ? FLAG_SMTPUTF8 : 0u) | (e->forwarded ? FLAG_FORWARDED : 0u) |
	                            (e->by_trace ? FLAG_BY_TRACE : 0u));
	buf_add_varint(out, (uint8_t)e->priority);
	buf_add_varint(out, e->lane);
	buf_add_varint(out, e->sender);
	buf_add_varint(out, (uint64_t)e->hold_until_ms);
	buf_add_varint(out, (uint64_t)e->expires_ms);
	buf_add_varint(out, (uint64_t)e->by_ms);
	buf_add_varint(out, (unsigned char)e->by_mode);
}

void intent_add_message(struct buf *out, const struct intent_message *m)
{
	buf_add_varint(out, m->queue_count ? FORMAT_ENVELOPE : FORMAT_MAILBOXES);
	buf_add_counted(out, m->id);
	buf_add_counted(out, m->reverse_path);
	buf_add_varint(out, (uint64_t)m->received_ms);
	buf_add_varint(out, m->target_count);
	if (m->queue_count == 0)
		return;
	buf_add_varint(out, m->queue_count);
	add_envelope(out, &m->envelope);
}

void intent_add_recipient(struct buf *out, size_t start, struct intent_recipient *r)
{
	r->at = (uint32_t)(out->len - start);
	buf_add_counted(out, r->forward_path);
	buf_add_counted(out, r->domain);
	buf_add_counted(out, r->reverse_domain);
	buf_add_counted(out, r->orcpt);
	buf_add_varint(out, r->notify);
	buf_add_varint(out, r->has_reverse_path);
	if (r->has_reverse_path)
		buf_add_counted(out, r->reverse_path);
	r->size = (uint32_t)(out->len - start) - r->at;
}

void intent_add_target(struct buf *out, size_t start, struct intent_target *t)
{
	buf_add_varint(out, t->account_id);
	buf_add_varint(out, t->mailbox_id);
	buf_add_varint(out, t->uid);
	buf_add_varint(out, t->modseq);
	buf_add_varint(out, t->flags);
	buf_add_varint(out, t->prefix.len);
	t->prefix_at = (uint32_t)(out->len - start);
	buf_add(out, t->prefix);
}

static bool small(str *in, uint64_t most, uint64_t *out) { return bytes_varint(in, out) && *out <= most; }

static bool parse_envelope(str *in, struct queue_envelope *e)
{
	uint64_t ret, body, flags, priority, lane, hold_until, expires, by, by_mode;

	if (!bytes_counted(in, &e->envid) || !bytes_counted(in, &e->login) || !small(in, 127, &ret) ||
	    !small(in, QUEUE_BODY_BINARY, &body) || !bytes_varint(in, &flags) || !small(in, 255, &priority) ||
	    !small(in, QUEUE_MARKETING, &lane) || !bytes_varint(in, &e->sender) ||
	    !bytes_varint(in, &hold_until) || !bytes_varint(in, &expires) || !bytes_varint(in, &by) ||
	    !small(in, 127, &by_mode))
		return false;
	e->ret = (char)ret;
	e->body = (enum queue_body)body;
	e->smtputf8 = flags & FLAG_SMTPUTF8;
	e->forwarded = flags & FLAG_FORWARDED;
	e->by_trace = flags & FLAG_BY_TRACE;
	e->priority = (int8_t)(uint8_t)priority;
	e->lane = (enum queue_lane)lane;
	e->hold_until_ms = (int64_t)hold_until;
	e->expires_ms = (int64_t)expires;
	e->by_ms = (int64_t)by;
	e->by_mode = (char)by_mode;
	return true;
}

err intent_parse_message(str *in, struct intent_message *out)
{
	struct intent_message m = { 0 };
	uint64_t format, received, count, queued = 0;
	str rest = *in;

	if (!bytes_varint(&rest, &format) || format < FORMAT_MAILBOXES || format > FORMAT_ENVELOPE ||
	    !bytes_counted(&rest, &m.id) || !bytes_counted(&rest, &m.reverse_path) ||
	    !bytes_varint(&rest, &received) || !small(&rest, LIMIT_TARGETS, &count))
		return damaged;
	if (format == FORMAT_ENVELOPE && (!small(&rest, LIMIT_TARGETS - count, &queued) || queued == 0 ||
	                                  !parse_envelope(&rest, &m.envelope)))
		return damaged;
	m.received_ms = (int64_t)received;
	m.target_count = (size_t)count;
	m.queue_count = (size_t)queued;
	*out = m;
	*in = rest;
	return OK;
}

err intent_next_recipient(str intent, str *in, struct intent_recipient *out)
{
	struct intent_recipient r = { .at = (uint32_t)(intent.len - in->len) };
	uint64_t notify, has_reverse_path;
	str rest = *in;

	if (!bytes_counted(&rest, &r.forward_path) || !bytes_counted(&rest, &r.domain) ||
	    r.domain.len > LIMIT_DOMAIN || !bytes_counted(&rest, &r.reverse_domain) ||
	    r.reverse_domain.len > LIMIT_DOMAIN || !bytes_counted(&rest, &r.orcpt) ||
	    !small(&rest, 255, &notify) || !small(&rest, 1, &has_reverse_path) ||
	    (has_reverse_path && !bytes_counted(&rest, &r.reverse_path)))
		return damaged;
	r.notify = (uint8_t)notify;
	r.has_reverse_path = has_reverse_path;
	r.size = (uint32_t)(in->len - rest.len);
	*out = r;
	*in = rest;
	return OK;
}

err intent_next_target(str intent, str *in, struct intent_target *out)
{
	struct intent_target t;
	uint64_t uid;
	str rest = *in;

	if (!bytes_varint(&rest, &t.account_id) || !bytes_varint(&rest, &t.mailbox_id) ||
	    !bytes_varint(&rest, &uid) || uid == 0 || uid > UINT32_MAX || !bytes_varint(&rest, &t.modseq) ||
	    !bytes_varint(&rest, &t.flags) || !bytes_counted(&rest, &t.prefix) || t.prefix.len > LIMIT_PREFIX)
		return damaged;
	t.uid = (uint32_t)uid;
	t.prefix_at = (uint32_t)(intent.len - rest.len - t.prefix.len);
	*out = t;
	*in = rest;
	return OK;
}

void intent_add_row(struct buf *out, const struct directory_row *row)
{
	uint64_t layout = row->kind >= ROW_ROUTE ? LAYOUT_ROUTE : LAYOUT_APP;

	buf_add_varint(out, layout << LAYOUT_SHIFT | row->kind);
	buf_add_varint(out, row->account_id);
	buf_add_varint(out, row->mailbox_id);
	buf_add_varint(out, row->uidvalidity);
	buf_add_counted(out, row->name);
	buf_add_counted(out, row->display_name);
	buf_add_counted(out, row->password);
	buf_add_varint(out, row->quota_octets);
	buf_add_varint(out, row->suspended);
	buf_add_varint(out, (uint64_t)row->suspended_ms);
	buf_add_varint(out, (uint64_t)row->created_ms);
	buf_add_varint(out, row->target_count);
	for (size_t i = 0; i < row->target_count; i++)
		buf_add_counted(out, row->targets[i]);
	buf_add_varint(out, row->limit_count);
	buf_add_varint(out, row->limit_period_s);
	if (layout >= LAYOUT_ROUTE)
		buf_add_counted(out, row->details);
}

static err next_targets(struct arena *arena, str *in, struct directory_row *row)
{
	uint64_t count;

	if (!bytes_varint(in, &count) || count > LIMIT_ALIAS_TARGETS)
		return damaged;
	str *targets = arena_new(arena, str, count);
	if (!targets)
		return ERR_NO_MEMORY;
	for (uint64_t i = 0; i < count; i++)
		if (!bytes_counted(in, &targets[i]))
			return damaged;
	row->targets = targets;
	row->target_count = (size_t)count;
	return OK;
}

/* What layout 1 added. */
static err next_added(str *in, struct directory_row *row)
{
	uint64_t count, period_s;

	if (!bytes_varint(in, &count) || count > UINT32_MAX || !bytes_varint(in, &period_s) ||
	    period_s > UINT32_MAX)
		return damaged;
	row->limit_count = (uint32_t)count;
	row->limit_period_s = (uint32_t)period_s;
	return OK;
}

static uint64_t last_kind_of(uint64_t layout)
{
	return layout == 0 ? ROW_MAILBOX : layout == LAYOUT_APP ? ROW_APP_GONE : ROW_ROUTE_GONE;
}

err intent_next_row(struct arena *arena, str *in, struct directory_row *out, bool *found)
{
	struct directory_row row = { 0 };
	uint64_t first, uidvalidity, suspended, suspended_ms, created_ms;
	str rest = *in;

	if (rest.len == 0) {
		*found = false;
		return OK;
	}
	if (!bytes_varint(&rest, &first))
		return damaged;
	uint64_t layout = first >> LAYOUT_SHIFT, kind = first & ((1u << LAYOUT_SHIFT) - 1);
	if (layout > LAYOUT_ROUTE || kind < ROW_DOMAIN || kind > last_kind_of(layout) ||
	    !bytes_varint(&rest, &row.account_id) || !bytes_varint(&rest, &row.mailbox_id) ||
	    !bytes_varint(&rest, &uidvalidity) || uidvalidity > UINT32_MAX ||
	    !bytes_counted(&rest, &row.name) || !bytes_counted(&rest, &row.display_name) ||
	    !bytes_counted(&rest, &row.password) || !bytes_varint(&rest, &row.quota_octets) ||
	    !bytes_varint(&rest, &suspended) || suspended > 1 || !bytes_varint(&rest, &suspended_ms) ||
	    !bytes_varint(&rest, &created_ms))
		return damaged;
	row.kind = (enum directory_row_kind)kind;
	row.uidvalidity = (uint32_t)uidvalidity;
	row.suspended = suspended != 0;
	row.suspended_ms = (int64_t)suspended_ms;
	row.created_ms = (int64_t)created_ms;
	TRY(next_targets(arena, &rest, &row));
	if (layout > 0)
		TRY(next_added(&rest, &row));
	if (layout >= LAYOUT_ROUTE && !bytes_counted(&rest, &row.details))
		return damaged;
	*out = row;
	*in = rest;
	*found = true;
	return OK;
}
