#include "smtp/success.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "deliver/notice.h"
#include "smtp/session_internal.h"

struct smtp_success {
	struct arena header_arena, arena; /* of malloc's: a worker fills the second */
	struct buf header;
	struct notice notice;
	bool made;
	str event;
};

static bool is_owed(const struct smtp_forward_path *p)
{
	return !p->left_out && (p->notify & QUEUE_NOTIFY_SUCCESS) != 0 && (p->expanded || p->local);
}

err smtp_success_begin(struct smtp_tx *tx)
{
	const struct smtp_forward_path *p = tx->first_path;
	struct smtp_success *w;

	while (p && !is_owed(p))
		p = p->next;
	if (!p || tx->reverse_path.len == 0) /* nobody is told (RFC 3461 §6.1) */
		return OK;
	w = arena_new(&tx->arena, struct smtp_success, 1);
	if (!w)
		return ERR_NO_MEMORY;
	arena_init(&w->header_arena, NULL, 4 * LIMIT_HEADER_BLOCK);
	arena_init(&w->arena, NULL, LIMIT_NOTICE_ARENA);
	buf_init(&w->header, &w->header_arena, LIMIT_HEADER_BLOCK);
	tx->success = w;
	tx->content.header = &w->header;
	return OK;
}

static err fill_recipients(const struct smtp_tx *tx, struct arena *arena, struct dsn *dsn)
{
	struct dsn_recipient *list = arena_new(arena, struct dsn_recipient, tx->path_count);

	if (!list)
		return ERR_NO_MEMORY;
	for (const struct smtp_forward_path *p = tx->first_path; p; p = p->next)
		if (is_owed(p))
			list[dsn->count++] = (struct dsn_recipient){ .forward_path = p->text,
				                                     .orcpt = p->orcpt,
				                                     .action = p->expanded ? DSN_EXPANDED
				                                                           : DSN_DELIVERED };
	dsn->recipients = list;
	return OK;
}

static err make(struct smtp_tx *tx, struct smtp_success *w)
{
	const struct notice_options options = { .store = tx->server->store,
		                                .hostname = tx->server->hostname,
		                                .srs_key = digest_str(&tx->server->srs_key),
		                                .lifetime_ms = LIMIT_QUEUE_LIFETIME_MS };
	const struct original_source from = { .held = buf_str(&w->header) };
	char id[DELIVER_ID_LEN];
	struct dsn dsn = { .id = { id, sizeof id },
		           .hostname = tx->server->hostname,
		           .to = tx->reverse_path,
		           .envid = tx->asked.envid,
		           .original_id = tx->id,
		           .now_ms = clock_now(),
		           .arrival_ms = tx->received_ms,
		           .deliver_by_ms = tx->asked.by_mode ? tx->asked.by_ms : 0,
		           .ret = tx->asked.ret,
		           .smtputf8 = tx->smtputf8 };
	struct buf event;

	TRY(fill_recipients(tx, &w->arena, &dsn));
	if (dsn.count == 0)
		return OK;
	deliver_id_make(dsn.now_ms, random_u64(), id);
	notice_name_original(&w->arena, tx->ops[0].deliver.summary, &dsn);
	TRY(notice_make(&options, &w->arena, &dsn, &from, &w->notice, &w->made));
	if (!w->made)
		return OK;
	buf_init(&event, &w->arena, LIMIT_LOG_LINE);
	notice_report(&event, &dsn, &w->notice);
	w->event = buf_str(&event);
	return buf_err(&event);
}

static void forget(struct smtp_success *w)
{
	notice_fini(&w->notice);
	w->made = false;
	arena_reset(&w->arena);
}

err smtp_success_make(struct smtp_tx *tx)
{
	struct smtp_success *w = tx->success;
	err e;

	forget(w);
	e = make(tx, w);
	if (e.code == ERR_OK)
		return OK;
	forget(w);
	return e.code == ERR_LIMIT || e.code == ERR_CORRUPT ? OK : e;
}

void smtp_success_prepare(struct smtp_tx *tx)
{
	const struct smtp_success *w = tx->success;

	if (!w || !w->made)
		return;
	tx->ops[1] = w->notice.op;
	tx->ops[1].with_former = true;
	tx->ops[1].deliver.event = w->event;
	tx->commit.op_count = 2;
}

void smtp_success_report(const struct smtp_tx *tx)
{
	if (tx->commit.op_count < 2 || tx->ops[1].result.code != ERR_OK)
		return;
	log_write_line(tx->success->event);
	metric_add(METRIC_DSN_MADE, 1);
}

void smtp_success_fini(struct smtp_success *w)
{
	if (!w)
		return;
	forget(w);
	arena_reset(&w->header_arena);
}
