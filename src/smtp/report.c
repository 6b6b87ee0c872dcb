#include "smtp/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "mime/summary.h"
#include "smtp/session_internal.h"
#include "smtp/success.h"
#include "store/draft.h"
#include "store/event.h"

enum { LIST_OCTETS = 4 * LIMIT_KB }; /* of one list in one line */

static_assert(3 * LIST_OCTETS + 4 * LIMIT_PATH <= LIMIT_LOG_LINE, "no line is cut");
static_assert(LIST_OCTETS >= 6 * LIMIT_PATH + 4, "a list has room for the longest path, escaped");

/* A JSON list in a fixed room; false where `item` has none. */
static bool list_add(struct buf *list, str item)
{
	if (list->len + 6 * item.len + 4 > LIST_OCTETS)
		return false;
	buf_add_char(list, list->len == 0 ? '[' : ',');
	log_add_json_string(list, item);
	return true;
}

static str list_end(struct buf *list)
{
	if (list->len == 0)
		buf_add_char(list, '[');
	buf_add_char(list, ']');
	return buf_str(list);
}

/* Message-ID as the header has it; empty where there is none. */
static str message_id(struct arena *arena, str encoded)
{
	struct mime_summary summary;

	if (mime_summary_decode(arena, encoded, &summary).code != ERR_OK || !summary.root ||
	    !summary.root->envelope)
		return STR("");
	return summary.root->envelope->message_id;
}

/* Unknown is null. */
static struct log_field message_id_field(str id)
{
	return id.len > 0 ? LOG_STR("message_id", id) : LOG_JSON("message_id", STR("null"));
}

/* The last one of its line, since it may end it. */
static struct log_field login_field(const struct smtp_tx *tx)
{
	return tx->login.len > 0 ? LOG_STR("login", tx->login) : (struct log_field){ 0 };
}

static str peer_text(const struct smtp_session *s, char room[static 64])
{
	struct buf out;

	buf_init_fixed(&out, room, 64);
	ip_format_peer(&out, s->session.peer);
	return buf_str(&out);
}

/* How far the lists of a message have been told: forward-paths, who has it in a mailbox, to whom it is sent.
 */
struct lists {
	const struct smtp_forward_path *path;
	size_t target, remote;
};

static void fill_lists(const struct smtp_tx *tx, struct lists *at, struct buf *paths, struct buf *accounts,
                       struct buf *queued)
{
	const struct remotes *remotes = &tx->route.remotes;

	while (at->path && (at->path->left_out || list_add(paths, at->path->text)))
		at->path = at->path->next;
	while (at->target < tx->route.count && list_add(accounts, tx->route.targets[at->target].account))
		at->target++;
	while (at->remote < remotes->count && list_add(queued, remotes->items[at->remote].forward_path))
		at->remote++;
}

static bool is_told(const struct smtp_tx *tx, const struct lists *at)
{
	return !at->path && at->target == tx->route.count && at->remote == tx->route.remotes.count;
}

err smtp_report_prepare_accepted(struct smtp_session *s, struct smtp_tx *tx)
{
	struct lists at = { .path = tx->first_path };
	char peer_room[64], paths_room[LIST_OCTETS + 2], accounts_room[LIST_OCTETS + 2],
		queued_room[LIST_OCTETS + 2], line_room[LIMIT_LOG_LINE];
	str peer = peer_text(s, peer_room),
	    id = message_id(&s->session.command_arena, tx->ops[0].deliver.summary);
	struct buf lines;

	buf_init(&lines, &tx->arena, LIMIT_TRANSACTION_ARENA);
	do {
		struct buf paths, accounts, queued, line;

		buf_init_fixed(&paths, paths_room, sizeof paths_room);
		buf_init_fixed(&accounts, accounts_room, sizeof accounts_room);
		buf_init_fixed(&queued, queued_room, sizeof queued_room);
		fill_lists(tx, &at, &paths, &accounts, &queued);
		buf_init_fixed(&line, line_room, sizeof line_room);
		log_format(&line, clock_now(), EV_MESSAGE_ACCEPTED,
		           (const struct log_field[]){ LOG_STR("queue_id", tx->id),
		                                       LOG_STR("remote_ip", peer),
		                                       LOG_STR("helo", smtp_hello(s)),
		                                       LOG_STR("reverse_path", tx->reverse_path),
		                                       LOG_JSON("forward_paths", list_end(&paths)),
		                                       LOG_INT("size", draft_size(tx->content.draft)),
		                                       LOG_JSON("accounts", list_end(&accounts)),
		                                       LOG_JSON("queued", list_end(&queued)),
		                                       message_id_field(id),
		                                       LOG_STR("service", str_of(s->role->service)),
		                                       login_field(tx),
		                                       { 0 } });
		buf_add(&lines, buf_str(&line));
	} while (!is_told(tx, &at));
	tx->event = buf_str(&lines);
	return buf_err(&lines);
}

void smtp_report_accepted(const struct smtp_tx *tx)
{
	metric_add(METRIC_MESSAGES_ACCEPTED, 1);
	log_write_line(tx->event);
	smtp_success_report(tx);
}

/* What was refused is told to the log and, since `trace` should find it, to the event files. */
static void tell(struct smtp_session *s, enum log_event event, const struct log_field *fields)
{
	char room[LIMIT_LOG_LINE];
	struct buf line;

	buf_init_fixed(&line, room, sizeof room);
	log_format(&line, clock_now(), event, fields);
	event_append(s->server->store, buf_str(&line));
	log_write_line(buf_str(&line));
}

void smtp_report_message_rejected(struct smtp_session *s, const struct smtp_tx *tx, enum smtp_reply reply,
                                  str detail)
{
	struct lists at = { .path = tx->first_path };
	char peer_room[64], reply_room[LIMIT_SMTP_REPLY], paths_room[LIST_OCTETS + 2],
		others_room[2][LIST_OCTETS + 2];
	struct buf text;

	metric_add(METRIC_MESSAGES_REJECTED, 1);
	buf_init_fixed(&text, reply_room, sizeof reply_room);
	smtp_reply_add(&text, reply, detail);
	do {
		struct buf paths, accounts, queued;

		buf_init_fixed(&paths, paths_room, sizeof paths_room);
		buf_init_fixed(&accounts, others_room[0], sizeof others_room[0]);
		buf_init_fixed(&queued, others_room[1], sizeof others_room[1]);
		fill_lists(tx, &at, &paths, &accounts, &queued);
		tell(s, EV_MESSAGE_REJECTED,
		     (const struct log_field[]){ LOG_STR("queue_id", tx->id),
		                                 LOG_STR("remote_ip", peer_text(s, peer_room)),
		                                 LOG_STR("helo", smtp_hello(s)),
		                                 LOG_STR("reverse_path", tx->reverse_path),
		                                 LOG_JSON("forward_paths", list_end(&paths)),
		                                 LOG_INT("size", tx->content.size),
		                                 LOG_STR("reply", buf_str(&text)),
		                                 LOG_STR("service", str_of(s->role->service)),
		                                 login_field(tx),
		                                 { 0 } });
	} while (at.path);
}

void smtp_report_recipient_rejected(struct smtp_session *s, str forward_path, enum smtp_reply reply)
{
	char peer_room[64], reply_room[LIMIT_SMTP_REPLY];
	struct buf text;

	metric_add(METRIC_RECIPIENTS_REJECTED, 1);
	buf_init_fixed(&text, reply_room, sizeof reply_room);
	smtp_reply_add(&text, reply, STR(""));
	tell(s, EV_RECIPIENT_REJECTED,
	     (const struct log_field[]){ LOG_STR("queue_id", s->tx->id),
	                                 LOG_STR("remote_ip", peer_text(s, peer_room)),
	                                 LOG_STR("helo", smtp_hello(s)),
	                                 LOG_STR("reverse_path", s->tx->reverse_path),
	                                 LOG_STR("forward_path", forward_path),
	                                 LOG_STR("reply", buf_str(&text)),
	                                 LOG_STR("service", str_of(s->role->service)),
	                                 login_field(s->tx),
	                                 { 0 } });
}
