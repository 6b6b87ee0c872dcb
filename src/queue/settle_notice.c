/* Notices to the sender of a shipment: which recipients each is about, what it knows of the original. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "deliver/id.h"
#include "queue/outbound_internal.h"

static enum dsn_action action_of(enum outcome_notice notice)
{
	switch (notice) {
	case OUTCOME_TELLS_DELAYED:
		return DSN_DELAYED;
	case OUTCOME_TELLS_RELAYED:
		return DSN_RELAYED;
	case OUTCOME_TELLS_DELIVERED:
		return DSN_DELIVERED;
	case OUTCOME_TELLS_FAILED:
	case OUTCOME_TELLS_NOTHING:
		break;
	}
	return DSN_FAILED;
}

static size_t fill_recipients(const struct shipment *s, enum outcome_notice notice, struct dsn_recipient *out)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct outcome *o = &s->outcomes[i];
		const struct queue_recipient *r = &s->recipients[i];
		if (o->notice != notice)
			continue;
		out[count++] = (struct dsn_recipient){
			.forward_path = r->forward_path,
			.orcpt = r->orcpt,
			.action = action_of(notice),
			.status = { o->status.class, o->status.subject, o->status.detail },
			.remote_host = s->remote_host,
			.reply = shipment_reply(s, i),
			.answered = shipment_is_answered(s, i),
			.expired = o->expired,
			.end_untold = r->notify && !(r->notify & QUEUE_NOTIFY_FAILURE),
			.last_attempt_ms = s->untried ? 0 : clock_now(),
			.will_retry_until_ms =
				notice == OUTCOME_TELLS_DELAYED ? s->message.envelope.expires_ms : 0,
		};
	}
	return count;
}

/* Message-ID and subject of the original; empty where they can't be had. */
static void read_original(struct shipment *s, struct dsn *dsn)
{
	str encoded;

	if (queue_read_summary(s->out->given.store, &s->arena, s->recipients[0].queue_id, &encoded).code ==
	    ERR_OK)
		notice_name_original(&s->arena, encoded, dsn);
}

static struct dsn dsn_of(struct shipment *s)
{
	const struct queue_envelope *e = &s->message.envelope;
	struct dsn dsn = { .hostname = s->out->given.hostname,
		           .to = s->recipients[0].reverse_path,
		           .envid = e->envid,
		           .original_id = s->message.id,
		           .now_ms = clock_now(),
		           .arrival_ms = s->message.received_ms,
		           .deliver_by_ms = e->by_mode ? e->by_ms : 0,
		           .ret = e->ret,
		           .smtputf8 = e->smtputf8 };

	read_original(s, &dsn);
	return dsn;
}

static err make_one(struct shipment *s, struct dsn *dsn, enum outcome_notice notice)
{
	struct dsn_recipient *list = arena_new(&s->arena, struct dsn_recipient, s->count);
	char *id = arena_alloc(&s->arena, DELIVER_ID_LEN);
	struct notice_options options = s->out->given.notices;
	struct notice *made = &s->notices[s->notice_count];
	struct original_source from = { s->message.fd, s->message.offset, s->message.size, STR("") };
	bool is_made = false;

	if (!list || !id)
		return ERR_NO_MEMORY;
	dsn->count = fill_recipients(s, notice, list);
	dsn->recipients = list;
	if (dsn->count == 0)
		return OK;
	deliver_id_make(dsn->now_ms, random_u64(), id);
	dsn->id = (str){ id, DELIVER_ID_LEN };
	options.to_postmaster = s->to_postmaster;
	TRY(notice_make(&options, &s->arena, dsn, &from, made, &is_made));
	if (!is_made)
		return OK;
	notice_report(&s->events, dsn, made);
	s->notice_kinds[s->notice_count++] = notice;
	return OK;
}

void shipment_notices_run(struct job *job)
{
	static const enum outcome_notice kinds[] = { OUTCOME_TELLS_FAILED, OUTCOME_TELLS_DELAYED,
		                                     OUTCOME_TELLS_RELAYED, OUTCOME_TELLS_DELIVERED };
	struct shipment *s = (struct shipment *)(void *)job;
	struct dsn dsn = dsn_of(s);

	s->result = OK;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && s->result.code == ERR_OK; i++)
		s->result = make_one(s, &dsn, kinds[i]);
}
