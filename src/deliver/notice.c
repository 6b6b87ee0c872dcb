#include "deliver/notice.h"

#include "base/log.h"
#include "bounce/srs.h"
#include "deliver/address.h"
#include "deliver/prefix.h"
#include "deliver/route.h"
#include "mime/encoded_word.h"
#include "mime/summary.h"
#include "store/directory.h"
#include "store/draft.h"
#include "store/mailbox.h"

/* Where a notice goes: into mailboxes, by the queue, or nowhere. */
struct destination {
	struct route route;
	str path; /* who is told: without brackets; of postmaster empty */
};

/* --- who is told --- */

static err find_postmaster(struct destination *d, const struct directory *directory, int64_t now_ms)
{
	enum route_answer answer =
		route_add(&d->route, directory,
	                  &(struct route_query){
				  .local_part = STR("postmaster"), .domain = STR(""), .now_ms = now_ms });

	/* A failed notice to postmaster at another server would be told to postmaster. */
	remotes_clear(&d->route.remotes);
	d->path = STR("");
	return answer == ROUTE_BUSY ? (err){ ERR_BUSY, 0, "the directory can't say now" } : OK;
}

/* Mail to an address at our own name that is no domain of ours would come back to us. */
static bool is_hostname(const struct destination *d, str domain)
{
	return str_eq_nocase(d->route.hostname, domain);
}

/* One address; what has no mailbox here and is no address elsewhere gets no targets. */
static err find_path(struct destination *d, const struct directory *directory, int64_t now_ms, str path)
{
	struct arena *arena = d->route.arena;
	str local_part, domain;
	enum route_answer answer;

	TRY(address_split(arena, path, &local_part, &domain));
	answer = route_add(&d->route, directory,
	                   &(struct route_query){ .local_part = local_part,
	                                          .domain = domain,
	                                          .now_ms = now_ms,
	                                          .may_relay = domain.len > 0 && !is_hostname(d, domain),
	                                          .notify = QUEUE_NOTIFY_NEVER }); /* RFC 3461 §6.1 */
	d->path = path;
	return answer == ROUTE_BUSY ? (err){ ERR_BUSY, 0, "the directory can't say now" } : OK;
}

/* The address behind one that we forwarded with; *path stays where it is none, or of somebody else's server.
 */
static err undo_srs(const struct notice_options *options, struct arena *arena,
                    const struct directory *directory, int64_t now_ms, str *path)
{
	const struct domain *ours;
	str local_part = address_local_part(*path), domain;
	struct buf back;

	if (options->srs_key.len == 0 || !srs_is(local_part) ||
	    domain_normalise(arena, address_domain(*path), &domain).code != ERR_OK)
		return OK;
	if (directory_find_domain(directory, domain, &ours) != DIRECTORY_FOUND)
		return OK;
	buf_init(&back, arena, LIMIT_PATH);
	if (srs_reverse(&back, options->srs_key, now_ms, local_part).code == ERR_OK)
		*path = buf_str(&back);
	return buf_err(&back);
}

static err find_with(struct destination *d, const struct notice_options *options,
                     const struct directory *directory, const struct dsn *dsn)
{
	str path = dsn->to;

	if (path.len > 0 && !options->to_postmaster) {
		TRY(undo_srs(options, d->route.arena, directory, dsn->now_ms, &path));
		TRY(find_path(d, directory, dsn->now_ms, path));
	}
	if (route_target_count(&d->route) > 0)
		return OK;
	return dsn_worst(dsn) == DSN_FAILED ? find_postmaster(d, directory, dsn->now_ms) : OK;
}

static err find_destination(const struct notice_options *options, struct arena *arena, const struct dsn *dsn,
                            struct destination *out)
{
	const struct directory *directory = directory_acquire(options->store);
	err e;

	*out = (struct destination){ .path = STR("") };
	route_init(&out->route, arena, options->hostname);
	e = find_with(out, options, directory, dsn);
	directory_release(directory);
	return e;
}

/* --- the message --- */

/* What is written is kept, and read along for the summary. */
struct sink {
	struct draft *draft;
	struct mime_summary_parser *summary;
};

static err put(void *user, str octets)
{
	struct sink *sink = user;

	mime_summary_push(sink->summary, octets);
	while (octets.len > 0) {
		size_t size = octets.len < LIMIT_BLOCK ? octets.len : LIMIT_BLOCK;

		TRY(draft_add(sink->draft, str_slice(octets, 0, size)));
		if (draft_must_write(sink->draft))
			TRY(draft_write(sink->draft));
		octets = str_from(octets, size);
	}
	return OK;
}

static err write_message(struct sink *sink, struct arena *arena, const struct dsn *dsn,
                         const struct original *original)
{
	struct buf before, after;

	buf_init(&before, arena, LIMIT_DSN);
	buf_init(&after, arena, LIMIT_BOUNDARY);
	TRY(dsn_compose(dsn, original->as, arena, &before, &after));
	TRY(mime_summary_new(arena, &sink->summary));
	TRY(put(sink, buf_str(&before)));
	TRY(original_read(original, arena, put, sink));
	TRY(put(sink, buf_str(&after)));
	return draft_finish(sink->draft) ? draft_sync(sink->draft) : OK;
}

/* An opaque one where none can be made. */
static err finish_summary(struct sink *sink, struct arena *arena, str *out)
{
	struct buf summary;

	buf_init(&summary, arena, LIMIT_SUMMARY);
	if (mime_summary_finish(sink->summary, &summary).code != ERR_OK) {
		buf_clear(&summary);
		mime_summary_opaque(&summary, draft_size(sink->draft));
	}
	TRY(buf_err(&summary));
	*out = buf_str(&summary);
	return OK;
}

/* --- the operation --- */

static err add_mailboxes(const struct route *route, struct arena *arena, bool wide, struct deliver *deliver)
{
	struct deliver_target *targets = arena_new(arena, struct deliver_target, route->count);

	if (!targets)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < route->count; i++) {
		struct buf prefix;

		buf_init(&prefix, arena, LIMIT_PREFIX);
		prefix_add(&prefix, STR(""), route->targets[i].delivered_to);
		TRY(buf_err(&prefix));
		targets[i] = (struct deliver_target){ .account_id = route->targets[i].account_id,
			                              .mailbox_id = MAILBOX_INBOX,
			                              .flags = wide ? MESSAGE_SMTPUTF8 : 0,
			                              .prefix = buf_str(&prefix) };
	}
	deliver->targets = targets;
	deliver->target_count = route->count;
	return OK;
}

/* The null reverse-path, NOTIFY=NEVER, no RET (RFC 3461 §6.1). */
static err add_queue(const struct notice_options *options, const struct remotes *remotes, struct arena *arena,
                     const struct dsn *dsn, const struct original *original, struct deliver *deliver)
{
	struct queue_target *targets = arena_new(arena, struct queue_target, remotes->count);

	if (!targets)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < remotes->count; i++) {
		const struct remote *to = &remotes->items[i];

		targets[i] = (struct queue_target){ .forward_path = to->forward_path,
			                            .domain = to->domain,
			                            .orcpt = to->orcpt,
			                            .notify = to->notify };
	}
	deliver->queue = targets;
	deliver->queue_count = remotes->count;
	deliver->envelope = (struct queue_envelope){
		.body = original->as.encoding == DSN_8BIT ? QUEUE_BODY_8BIT : QUEUE_BODY_7BIT,
		.smtputf8 = dsn_is_wide(dsn),
		.lane = QUEUE_TRANSACTIONAL,
		.sender = NOTICE_SENDER,
		.expires_ms = dsn->now_ms + options->lifetime_ms,
	};
	return OK;
}

/* The draft is in *out from its beginning, so that it is freed whatever comes. `scratch` is for the time of
 * the call. */
static err make(const struct notice_options *options, struct arena *arena, struct arena *scratch,
                const struct dsn *dsn, const struct destination *d, struct original *original,
                struct notice *out)
{
	struct deliver *deliver = &out->op.deliver;
	struct sink sink = { 0 };

	if (d->route.remotes.count > 0)
		TRY(add_queue(options, &d->route.remotes, arena, dsn, original, deliver));
	if (d->route.count > 0)
		TRY(add_mailboxes(&d->route, arena, dsn_is_wide(dsn), deliver));
	TRY(arena_copy(arena, dsn->id, &deliver->id));
	TRY(arena_copy(arena, d->path.len > 0 ? d->path : d->route.targets[0].delivered_to, &out->to));
	TRY(draft_new(options->store, &out->draft));
	sink.draft = out->draft;
	TRY(write_message(&sink, scratch, dsn, original));
	deliver->draft = out->draft;
	deliver->received_ms = dsn->now_ms;
	return finish_summary(&sink, arena, &deliver->summary);
}

/* `told` is what the one who is found hears. */
static err make_in(const struct notice_options *options, struct arena *arena, struct arena *scratch,
                   const struct destination *d, const struct dsn *told, const struct original_source *from,
                   struct notice *out)
{
	struct notice notice = { .op = { .kind = COMMIT_DELIVER } };
	struct original original;
	err e;

	TRY(original_open(&original, scratch, told, from));
	e = make(options, arena, scratch, told, d, &original, &notice);
	if (e.code == ERR_OK)
		*out = notice;
	else
		notice_fini(&notice);
	return e;
}

err notice_make(const struct notice_options *options, struct arena *arena, const struct dsn *dsn,
                const struct original_source *original, struct notice *out, bool *made)
{
	struct destination d;
	struct dsn told = *dsn;
	struct arena scratch;
	err e;

	TRY(find_destination(options, arena, dsn, &d));
	if (route_target_count(&d.route) == 0) {
		*made = false;
		return OK;
	}
	told.for_postmaster = d.path.len == 0;
	if (!told.for_postmaster)
		told.to = d.path;
	arena_init(&scratch, NULL, LIMIT_NOTICE_ARENA);
	e = make_in(options, arena, &scratch, &d, &told, original, out);
	arena_reset(&scratch);
	if (e.code == ERR_OK)
		*made = true;
	return e;
}

void notice_name_original(struct arena *arena, str encoded, struct dsn *dsn)
{
	struct mime_summary summary;
	unsigned conversions = 0;
	struct buf subject;

	if (mime_summary_decode(arena, encoded, &summary).code != ERR_OK || !summary.root ||
	    !summary.root->envelope)
		return;
	dsn->original_message_id = summary.root->envelope->message_id;
	buf_init(&subject, arena, LIMIT_SUMMARY_VALUE);
	mime_words_decode(summary.root->envelope->subject, &subject, &conversions);
	if (buf_err(&subject).code == ERR_OK)
		dsn->original_subject = buf_str(&subject);
}

/* What is not known is not named. */
void notice_report(struct buf *out, const struct dsn *dsn, const struct notice *notice)
{
	struct log_field fields[7];
	size_t n = 0;

	fields[n++] = LOG_STR("queue_id", dsn->original_id);
	if (dsn->original_message_id.len > 0)
		fields[n++] = LOG_STR("message_id", dsn->original_message_id);
	fields[n++] = LOG_STR("dsn_id", dsn->id);
	fields[n++] = LOG_Z("action", dsn_action_name(dsn_worst(dsn)));
	fields[n++] = LOG_STR("forward_path", notice->to);
	fields[n++] = LOG_INT("count", dsn->count);
	fields[n] = (struct log_field){ 0 };
	log_format(out, dsn->now_ms, EV_DSN_MADE, fields);
}

void notice_fini(struct notice *notice)
{
	draft_free(notice->draft);
	notice->draft = NULL;
}
