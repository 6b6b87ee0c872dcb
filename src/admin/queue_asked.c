#include "admin/queue_asked.h"

#include "admin/operation_internal.h"

static json_t *said(str text) { return text.len > 0 ? json_of_str(text) : json_null(); }

static const char *body_name(enum queue_body body)
{
	switch (body) {
	case QUEUE_BODY_7BIT:
		return "7bit";
	case QUEUE_BODY_8BIT:
		return "8bit";
	case QUEUE_BODY_BINARY:
		return "binary";
	}
	return NULL;
}

static json_t *json_of_ret(char ret)
{
	return ret ? json_string(ret == 'F' ? "full" : "headers") : json_null();
}

/* What happens when the time is over (RFC 2852 §4). */
static json_t *json_of_by(char mode)
{
	return mode ? json_string(mode == 'R' ? "return" : "notify") : json_null();
}

json_t *json_of_envelope(const struct queue_envelope *e)
{
	return json_pack("{s:s, s:b, s:b, s:o, s:o, s:i, s:o, s:o, s:o}", "body", body_name(e->body),
	                 "smtputf8", (int)e->smtputf8, "forwarded", (int)e->forwarded, "envid",
	                 said(e->envid), "ret", json_of_ret(e->ret), "priority", (int)e->priority,
	                 "hold_until", json_of_time(e->hold_until_ms), "deliver_by", json_of_time(e->by_ms),
	                 "by", json_of_by(e->by_mode));
}

static json_t *json_of_notify(uint8_t notify)
{
	static const char *const words[] = { "never", "success", "failure", "delay" };
	json_t *list = notify ? json_array() : json_null();

	static_assert(QUEUE_NOTIFY_NEVER == 1 && QUEUE_NOTIFY_DELAY == 8, "one bit a word, in their order");
	for (unsigned i = 0; i < 4; i++)
		if (notify & 1u << i)
			json_array_append_new(list, json_string(words[i]));
	return list;
}

void queue_asked_add(json_t *row, const struct queue_recipient *recipient)
{
	json_object_set_new(row, "notify", json_of_notify(recipient->notify));
	json_object_set_new(row, "orcpt", said(recipient->orcpt));
}
