#include "queue/report.h"

#include "base/clock.h"
#include "queue/queue_id.h"

enum { FIELDS_MOST = 13 };

struct fields {
	struct log_field list[FIELDS_MOST];
	size_t count;
};

static void add(struct fields *f, struct log_field field)
{
	assert(f->count < FIELDS_MOST - 1);
	f->list[f->count++] = field;
}

/* What is not known is not named. */
static void add_known(struct fields *f, const char *name, str value)
{
	if (value.len)
		add(f, LOG_STR(name, value));
}

static str address_text(char room[static 64], ip address)
{
	struct buf text;

	buf_init_fixed(&text, room, 64);
	if (!ip_is_none(address))
		ip_format(&text, address);
	return buf_str(&text);
}

static str time_text(char room[static 40], int64_t time_ms)
{
	struct buf text;

	buf_init_fixed(&text, room, 40);
	if (time_ms)
		clock_add_rfc3339(&text, time_ms);
	return buf_str(&text);
}

void report_add(struct buf *out, int64_t now_ms, enum log_event event, const struct report *r)
{
	char row[64], address[64], next[40];
	struct fields f = { .count = 0 };
	struct buf id;

	assert(event == EV_MESSAGE_SENT || event == EV_MESSAGE_DEFERRED || event == EV_MESSAGE_BOUNCED);
	buf_init_fixed(&id, row, sizeof row);
	queue_id_add(&id, r->message_id, r->queue_id);
	add(&f, LOG_STR("queue_id", r->message_id));
	add(&f, LOG_STR("queue_row", buf_str(&id)));
	add_known(&f, "message_id", r->header_id);
	add(&f, LOG_STR("reverse_path", r->reverse_path));
	add(&f, LOG_STR("forward_path", r->forward_path));
	add_known(&f, "remote_host", r->remote_host);
	add_known(&f, "remote_ip", address_text(address, r->remote_ip));
	add_known(&f, "tls", r->tls);
	add_known(&f, "reply", r->reply);
	add_known(&f, "why", r->why);
	add(&f, LOG_INT("attempts", r->attempts));
	add_known(&f, "next_attempt", time_text(next, r->next_attempt_ms));
	log_format(out, now_ms, event, f.list);
}
