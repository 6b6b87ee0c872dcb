#include "queue/outcome.h"

#include "queue/retry.h"

static bool wants(uint8_t notify, unsigned what)
{
	/* Whoever said nothing hears of failure and delay (RFC 3461 §4.1). */
	return notify ? (notify & what) != 0 : what != QUEUE_NOTIFY_SUCCESS;
}

/* When it is given up: RFC 2852 §4.1.3 returns what was not there in time. */
static int64_t end_ms(const struct queue_envelope *e)
{
	return e->by_mode == 'R' && e->by_ms < e->expires_ms ? e->by_ms : e->expires_ms;
}

/* When its sender hears that it takes long: at the time that it named, be that early or late (RFC 2852
 * §4.1.3), or after a while. */
static int64_t delayed_ms(const struct outcome_facts *f)
{
	const struct queue_envelope *e = f->envelope;
	int64_t held_ms = e->hold_until_ms; /* its sender's own wish (RFC 4865) */

	if (e->by_mode == 'N' && e->by_ms < e->expires_ms)
		return e->by_ms;
	return (held_ms > f->received_ms ? held_ms : f->received_ms) + LIMIT_DELAY_NOTICE_MS;
}

static struct smtp_status of_class(struct smtp_status status, uint8_t class)
{
	return status.class == class ? status : (struct smtp_status){ class, 0, 0 };
}

/* Does its sender hear where it went, whether or not it wants to hear of success? Where a trace was asked
 * for, and where nobody watches the time from here on (RFC 2852 §4.1.4). */
static bool is_traced(const struct outcome_facts *f)
{
	const struct queue_envelope *e = f->envelope;

	if (f->lmtp || (f->notify & QUEUE_NOTIFY_NEVER))
		return false;
	return e->by_trace || (e->by_mode == 'N' && !f->passed_by && f->now_ms < e->by_ms);
}

static struct outcome sent(const struct outcome_facts *f)
{
	bool told = (wants(f->notify, QUEUE_NOTIFY_SUCCESS) && (f->lmtp || !f->passed_dsn)) || is_traced(f);

	return (struct outcome){ .kind = OUTCOME_SENT,
		                 .status = of_class(f->status, 2),
		                 .notice = !told     ? OUTCOME_TELLS_NOTHING
		                           : f->lmtp ? OUTCOME_TELLS_DELIVERED
		                                     : OUTCOME_TELLS_RELAYED };
}

static struct outcome failed(const struct outcome_facts *f, struct smtp_status status, bool expired)
{
	return (struct outcome){ .kind = OUTCOME_FAILED,
		                 .status = of_class(status, 5),
		                 .expired = expired,
		                 .notice = wants(f->notify, QUEUE_NOTIFY_FAILURE) ? OUTCOME_TELLS_FAILED
		                                                                  : OUTCOME_TELLS_NOTHING };
}

/* The time that BY named is over: that is what the notice says, whatever was answered (RFC 2852 §4.1.3). */
static void tell_delayed(const struct outcome_facts *f, struct outcome *out)
{
	out->delay_told = true;
	out->notice = OUTCOME_TELLS_DELAYED;
	out->expired = f->envelope->by_mode == 'N' && f->now_ms >= f->envelope->by_ms;
	if (out->expired)
		out->status = (struct smtp_status){ 4, 4, 7 };
}

static struct outcome later(const struct outcome_facts *f)
{
	static const struct smtp_status too_late = { 5, 4, 7 };
	int64_t end = end_ms(f->envelope), delayed = delayed_ms(f);
	int64_t wait_ms = retry_after_ms(f->tries + 1, f->random);
	bool tells = !f->delay_told && wants(f->notify, QUEUE_NOTIFY_DELAY);

	if (f->now_ms >= end)
		return failed(f, too_late, true);
	if (f->envelope->priority > 0)
		wait_ms /= 2;
	struct outcome out = { .kind = OUTCOME_LATER,
		               .status = of_class(f->status, 4),
		               .delay_told = f->delay_told,
		               .due_ms = f->retry_at_ms ? f->retry_at_ms : f->now_ms + wait_ms };
	if (out.due_ms > end)
		out.due_ms = end; /* one last try */
	if (tells && f->now_ms >= delayed)
		tell_delayed(f, &out);
	else if (tells && out.due_ms > delayed)
		out.due_ms = delayed;
	return out;
}

struct outcome outcome_decide(const struct outcome_facts *f)
{
	struct smtp_status status;

	switch (f->fate) {
	case CLIENT_FATE_SENT:
		return sent(f);
	case CLIENT_FATE_NONE:
		return f->counts ? later(f) : (struct outcome){ .kind = OUTCOME_AGAIN };
	case CLIENT_FATE_LATER:
		return later(f);
	case CLIENT_FATE_NEVER:
		return failed(f, f->status, false);
	case CLIENT_FATE_LACKS:
		break;
	}
	(void)outcome_of_lack(f->lack, &status);
	return failed(f, status, false);
}

const char *outcome_of_lack(enum client_lack lack, struct smtp_status *status)
{
	switch (lack) {
	case LACKS_SIZE:
		*status = (struct smtp_status){ 5, 3, 4 };
		return "the message is larger than the next server takes";
	case LACKS_8BITMIME:
	case LACKS_BINARYMIME: /* RFC 6152 §3, RFC 3463 §3.7 */
		*status = (struct smtp_status){ 5, 6, 3 };
		return "the next server takes 7-bit messages only, and this one must not be changed";
	case LACKS_SMTPUTF8: /* RFC 6531 §3.5 */
		*status = (struct smtp_status){ 5, 6, 7 };
		return "the next server takes no addresses or header fields outside of ASCII";
	case LACKS_DELIVERBY:
		*status = (struct smtp_status){ 5, 3, 3 };
		return "the next server can't promise delivery within the time that was asked for";
	case LACKS_NOTHING:
		break;
	}
	*status = (struct smtp_status){ 5, 0, 0 };
	return "the next server can't take the message";
}
