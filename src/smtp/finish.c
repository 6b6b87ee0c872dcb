/* The end of a message: what the client hears, what the log is told, and the transaction is gone.
 *
 * SMTP has one reply for all. In LMTP each recipient that was taken has its own, in the order of their RCPTs
 * (RFC 2033 §4.2): those that the store had no room for were left out before the commit (smtp_tx_leave_out),
 * the others share its outcome. */
#include "smtp/report.h"
#include "smtp/session_internal.h"

/* What is said of a message that was taken: where it goes. */
static enum smtp_reply taken_as(const struct smtp_tx *tx)
{
	return tx->route.remotes.count > 0 ? SMTP_REPLY_QUEUED : SMTP_REPLY_ACCEPTED;
}

static void add_detail(struct buf *out, const struct smtp_tx *tx, enum smtp_reply reply, err e)
{
	if (reply == SMTP_REPLY_ACCEPTED)
		buf_add(out, tx->id);
	else if (reply == SMTP_REPLY_TOO_BIG)
		buf_add_u64(out, tx->size_limit);
	else if (e.what)
		buf_add(out, str_of(e.what));
}

static enum next say_to_each(struct smtp_session *s, enum smtp_reply reply, str detail)
{
	for (const struct smtp_forward_path *p = s->tx->first_path; p; p = p->next) {
		if (p->left_out)
			smtp_report_recipient_rejected(s, p->text, p->why);
		smtp_write(s, p->left_out ? p->why : reply, detail);
	}
	return smtp_count(s, reply);
}

/* Is the whole message there? A chunk that is refused before has one reply as any other (RFC 2033 §4.3). */
static bool is_whole(const struct smtp_session *s) { return s->state == SMTP_STATE_DATA || s->chunk.last; }

enum next smtp_message_finish(struct smtp_session *s, enum smtp_reply reply, err e)
{
	char room[LIMIT_SMTP_REPLY];
	bool whole = is_whole(s);
	uint32_t owed = whole ? 0 : s->tx->path_count;
	struct buf detail;
	enum next next;

	buf_init_fixed(&detail, room, sizeof room);
	add_detail(&detail, s->tx, reply, e);
	if (reply == SMTP_REPLY_ACCEPTED) {
		smtp_report_accepted(s->tx);
		s->errors = 0;
		s->tx->limit_taken = 0;
		reply = taken_as(s->tx);
	} else {
		smtp_report_message_rejected(s, s->tx, reply, buf_str(&detail));
	}
	next = s->role->lmtp && whole ? say_to_each(s, reply, buf_str(&detail))
	                              : smtp_say_with(s, reply, buf_str(&detail));
	smtp_rollback(s);
	s->chunk.owed = owed;
	return next;
}
