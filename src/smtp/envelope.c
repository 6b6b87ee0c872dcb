#include "smtp/envelope.h"

#include "deliver/forward.h"
#include "smtp/session_internal.h"
#include "store/directory.h"

static struct queue_target target_of(const struct remote *remote, const struct forward_path *path)
{
	return (struct queue_target){ .forward_path = remote->forward_path,
		                      .domain = remote->domain,
		                      .has_reverse_path = path->has_own,
		                      .reverse_path = path->has_own ? path->text : STR(""),
		                      .reverse_domain = path->domain,
		                      .orcpt = remote->orcpt,
		                      .notify = remote->notify };
}

/* Those that one alias leads to stand together and share their reverse-path. */
static err fill_all(struct smtp_tx *tx, const struct directory *directory, struct queue_target *targets)
{
	struct forward from = { tx->reverse_path, tx->reverse_local_part, tx->reverse_domain };
	struct forward_path path = { 0 };

	for (size_t i = 0; i < tx->route.remotes.count; i++) {
		const struct remote *remote = &tx->route.remotes.items[i];

		if (i == 0 || !str_eq(remote->via, remote[-1].via))
			TRY(forward_reverse_path(&tx->arena, directory, digest_str(&tx->server->srs_key),
			                         tx->received_ms, &from, remote->via, &path));
		targets[i] = target_of(remote, &path);
	}
	return OK;
}

static err fill_targets(struct smtp_tx *tx, struct deliver *deliver)
{
	struct queue_target *targets = arena_new(&tx->arena, struct queue_target, tx->route.remotes.count);
	const struct directory *directory;
	err e;

	if (!targets)
		return ERR_NO_MEMORY;
	directory = directory_acquire(tx->server->store);
	e = fill_all(tx, directory, targets);
	directory_release(directory);
	deliver->queue = targets;
	return e;
}

/* Whose share of a site a message takes: a login's, or a domain's where nobody logged in. FNV-1a: two that
 * meet in one number share one share, which harms neither much and is nobody's gain. */
static uint64_t share_of(str name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(1099511628211);
	return hash;
}

err smtp_envelope_prepare(struct smtp_session *s, struct smtp_tx *tx, struct deliver *deliver)
{
	struct queue_envelope *e = &deliver->envelope;

	deliver->queue_count = tx->route.remotes.count;
	if (deliver->queue_count == 0)
		return OK;
	*e = tx->asked;
	e->login = tx->login;
	e->body = smtp_content_body(&tx->content);
	e->smtputf8 = tx->smtputf8;
	/* What people and programs of ours hand in is ours to complete. */
	e->forwarded = !s->role->submission && !s->trusted;
	e->lane = e->priority < 0 ? QUEUE_MARKETING : QUEUE_TRANSACTIONAL;
	e->sender = share_of(tx->login.len > 0 ? tx->login : tx->reverse_domain);
	/* Who waits for a message that was held counts from its release (RFC 4865 §4.2). */
	e->expires_ms = (e->hold_until_ms > tx->received_ms ? e->hold_until_ms : tx->received_ms) +
	                LIMIT_QUEUE_LIFETIME_MS;
	return fill_targets(tx, deliver);
}
