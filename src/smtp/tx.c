#include "smtp/tx.h"

#include <assert.h>

#include "base/clock.h"
#include "deliver/address.h"
#include "deliver/prefix.h"
#include "smtp/envelope.h"
#include "smtp/report.h"
#include "smtp/session_internal.h"
#include "smtp/success.h"
#include "store/directory.h"
#include "store/draft.h"
#include "store/mailbox.h"

/* The domain is ASCII by now (smtp/path.h). */
static err copy_reverse_path(struct smtp_tx *tx, const struct smtp_path *path)
{
	str address;

	TRY(arena_copy(&tx->arena, path->text, &tx->reverse_path));
	TRY(arena_copy(&tx->arena, path->local_part, &tx->reverse_local_part));
	TRY(address_join(&tx->arena, STR(""), path->domain, &address));
	tx->reverse_domain = address_domain(address);
	return OK;
}

static err copy_login(struct smtp_tx *tx, const struct smtp_session *s)
{
	if (s->identity)
		return arena_copy(&tx->arena, s->identity->login, &tx->login);
	return s->local ? arena_copy(&tx->arena, s->local->login.name, &tx->login) : OK;
}

err smtp_tx_new(struct smtp_session *s, const struct smtp_path *reverse_path, uint64_t declared_size,
                struct smtp_tx **out)
{
	struct smtp_server *server = s->server;
	struct arena arena;
	struct smtp_tx *tx;
	err e;

	arena_init(&arena, loop_arena_pool(conn_loop(s->session.conn)), LIMIT_TRANSACTION_ARENA);
	tx = arena_new(&arena, struct smtp_tx, 1);
	if (!tx)
		return ERR_NO_MEMORY;
	tx->arena = arena; /* from here on it lives in itself */
	tx->server = server;
	e = copy_reverse_path(tx, reverse_path);
	if (e.code == ERR_OK)
		e = copy_login(tx, s);
	if (e.code != ERR_OK) {
		smtp_tx_free(tx);
		return e;
	}
	deliver_id_make(clock_now(), atomic_fetch_add(&server->sequence, 1), tx->id_octets);
	tx->id = (str){ tx->id_octets, DELIVER_ID_LEN };
	tx->declared_size = declared_size;
	tx->size_limit = atomic_load(&server->message_size_octets);
	route_init(&tx->route, &tx->arena, server->hostname);
	*out = tx;
	return OK;
}

/* Who may send to any domain: who logged in, programs of this machine, and peers of network.relay_from. */
static bool may_relay(const struct smtp_session *s)
{
	return s->role->submission || (s->trusted && !s->role->lmtp);
}

static enum route_answer add_to_route(struct smtp_session *s, struct smtp_tx *tx,
                                      const struct directory *directory, struct smtp_forward_path *path,
                                      uint64_t size)
{
	enum route_answer answer =
		route_add(&tx->route, directory,
	                  &(struct route_query){ .local_part = path->local_part,
	                                         .domain = path->domain,
	                                         .size = size,
	                                         .now_ms = clock_now(),
	                                         .may_relay = may_relay(s),
	                                         .later = tx->asked.hold_until_ms != 0,
	                                         .srs_key = digest_str(&tx->server->srs_key),
	                                         .orcpt = path->orcpt,
	                                         .notify = path->notify });

	path->expanded = tx->route.expanded;
	path->local = tx->route.local;
	return answer;
}

static err copy_path(struct arena *arena, const struct smtp_path *path,
                     const struct smtp_rcpt_parameters *parameters, struct smtp_forward_path *out)
{
	out->notify = parameters->notify;
	TRY(arena_copy(arena, parameters->orcpt, &out->orcpt));
	TRY(arena_copy(arena, path->text, &out->text));
	TRY(arena_copy(arena, path->local_part, &out->local_part));
	return arena_copy(arena, path->domain, &out->domain);
}

enum route_answer smtp_tx_add_path(struct smtp_session *s, const struct smtp_path *path,
                                   const struct smtp_rcpt_parameters *parameters)
{
	struct smtp_tx *tx = s->tx;
	struct smtp_forward_path *taken = arena_new(&tx->arena, struct smtp_forward_path, 1);
	const struct directory *directory;
	enum route_answer answer;

	if (!taken || copy_path(&tx->arena, path, parameters, taken).code != ERR_OK)
		return ROUTE_BUSY;
	directory = directory_acquire(tx->server->store);
	answer = add_to_route(s, tx, directory, taken, tx->declared_size);
	directory_release(directory);
	if (answer != ROUTE_TAKEN)
		return answer;
	if (tx->last_path)
		tx->last_path->next = taken;
	else
		tx->first_path = taken;
	tx->last_path = taken;
	tx->path_count++;
	return ROUTE_TAKEN;
}

static err prepare_targets(struct smtp_tx *tx, struct deliver *deliver)
{
	struct deliver_target *targets = arena_new(&tx->arena, struct deliver_target, tx->route.count);
	char room[LIMIT_PREFIX];
	struct buf prefix;

	if (!targets && tx->route.count > 0)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < tx->route.count; i++) {
		const struct route_target *to = &tx->route.targets[i];

		buf_init_fixed(&prefix, room, sizeof room);
		prefix_add(&prefix, tx->reverse_path, to->delivered_to);
		TRY(buf_err(&prefix));
		targets[i].account_id = to->account_id;
		targets[i].mailbox_id = MAILBOX_INBOX;
		targets[i].flags = tx->smtputf8 ? MESSAGE_SMTPUTF8 : 0;
		TRY(arena_copy(&tx->arena, buf_str(&prefix), &targets[i].prefix));
	}
	deliver->targets = targets;
	deliver->target_count = tx->route.count;
	return OK;
}

static void committed(struct commit *commit)
{
	struct smtp_tx *tx = (struct smtp_tx *)(void *)((char *)commit - offsetof(struct smtp_tx, commit));

	session_wake(&tx->commit_wait);
}

/* Once: the parser is gone after it. */
err smtp_tx_prepare_summary(struct smtp_tx *tx)
{
	struct deliver *deliver = &tx->ops[0].deliver;
	struct buf summary;

	if (deliver->summary.len > 0)
		return OK;
	buf_init(&summary, &tx->arena, LIMIT_SUMMARY);
	TRY(smtp_content_summary(&tx->content, &summary));
	deliver->summary = buf_str(&summary);
	return OK;
}

err smtp_tx_prepare_commit(struct smtp_session *s, struct smtp_tx *tx)
{
	struct deliver *deliver = &tx->ops[0].deliver;

	assert(route_target_count(&tx->route) > 0);
	tx->ops[0].kind = COMMIT_DELIVER;
	deliver->draft = tx->content.draft;
	deliver->id = tx->id;
	deliver->reverse_path = tx->reverse_path;
	deliver->received_ms = tx->received_ms;
	TRY(smtp_tx_prepare_summary(tx));
	TRY(prepare_targets(tx, deliver));
	TRY(smtp_envelope_prepare(s, tx, deliver));
	TRY(smtp_report_prepare_accepted(s, tx));
	deliver->event = tx->event;
	tx->commit = (struct commit){ .loop = conn_loop(s->session.conn),
		                      .done = committed,
		                      .ops = tx->ops,
		                      .op_count = 1,
		                      .urgent = true };
	smtp_success_prepare(tx);
	return OK;
}

/* The target that the store blames for a failure which is its own: no room, or gone. */
static const struct deliver_target *blamed(const struct deliver *deliver)
{
	for (size_t i = 0; i < deliver->target_count; i++) {
		err_code code = deliver->targets[i].result.code;

		if (code == ERR_QUOTA || code == ERR_MISSING || code == ERR_LIMIT)
			return &deliver->targets[i];
	}
	return NULL;
}

bool smtp_tx_leave_out(struct smtp_session *s, struct smtp_tx *tx)
{
	const struct deliver_target *target = blamed(&tx->ops[0].deliver);
	const struct directory *directory;

	if (!target || route_refuse(&tx->route, target->account_id).code != ERR_OK)
		return false;
	route_clear(&tx->route);
	directory = directory_acquire(tx->server->store);
	for (struct smtp_forward_path *p = tx->first_path; p; p = p->next) {
		enum route_answer answer;

		if (p->left_out)
			continue;
		answer = add_to_route(s, tx, directory, p, draft_size(tx->content.draft));
		p->left_out = answer != ROUTE_TAKEN;
		p->why = smtp_reply_of_route(answer);
	}
	directory_release(directory);
	return route_target_count(&tx->route) > 0;
}

void smtp_tx_lend(struct smtp_session *s)
{
	assert(s->tx);
	s->tx = NULL;
}

void smtp_tx_take_back(struct smtp_session *s, struct smtp_tx *tx)
{
	assert(!s->tx);
	s->tx = tx;
}

struct smtp_tx *smtp_tx_of_job_wait(struct session_wait *wait)
{
	static_assert(offsetof(struct smtp_tx, job) == 0, "a job is its transaction's first member");
	return (struct smtp_tx *)(void *)((char *)wait - offsetof(struct smtp_tx, job.wait));
}

struct smtp_tx *smtp_tx_of_commit_wait(struct session_wait *wait)
{
	return (struct smtp_tx *)(void *)((char *)wait - offsetof(struct smtp_tx, commit_wait));
}

void smtp_tx_free(struct smtp_tx *tx)
{
	struct arena arena;

	if (!tx)
		return;
	smtp_limit_give_back(tx, tx->limit_taken);
	smtp_content_fini(&tx->content);
	smtp_success_fini(tx->success);
	arena = tx->arena; /* it holds itself */
	arena_reset(&arena);
}
