/* STAT, LIST and UIDL. A list is said in pieces as the client takes them: a million lines are 16 MB. */
#include "pop3/session_internal.h"

enum { LINE_ROOM = 48, PIECE = 4096 };

static void add_hex32(struct buf *out, uint32_t n)
{
	const char octets[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	buf_add_hex(out, (str){ octets, sizeof octets });
}

static void add_entry(const struct pop3_session *s, struct buf *out, uint32_t number, bool unique_id)
{
	const struct pop3_message *m = pop3_view_find(&s->view, number);

	buf_add_u64(out, number);
	buf_add_char(out, ' ');
	/* For ever the same, and no other message's: RFC 1939 §7 by RFC 9051 §2.3.1.1. */
	if (unique_id) {
		add_hex32(out, s->view.uidvalidity);
		add_hex32(out, m->uid);
	} else {
		buf_add_u64(out, m->size);
	}
}

static void add_totals(const struct pop3_session *s, struct buf *out, const char *format)
{
	buf_add_u64(out, s->view.left);
	buf_add(out, str_of(format));
	buf_add_u64(out, s->view.left_octets);
}

enum next pop3_cmd_stat(struct pop3_session *s, const struct pop3_command *c)
{
	char room[LINE_ROOM];
	struct buf text;

	(void)c;
	buf_init_fixed(&text, room, sizeof room);
	add_totals(s, &text, " ");
	return pop3_say_with(s, POP3_REPLY_STAT, buf_str(&text));
}

static enum next list_more(struct session *session)
{
	struct pop3_session *s = (struct pop3_session *)session;
	char room[PIECE];
	struct buf piece;

	buf_init_fixed(&piece, room, sizeof room);
	while (s->list_next <= s->view.count) {
		if (conn_full(session->conn)) {
			session_wait_drained(session, list_more);
			return NEXT_WAIT;
		}
		buf_clear(&piece);
		for (; s->list_next <= s->view.count && piece.len < PIECE - LINE_ROOM; s->list_next++) {
			if (!pop3_view_find(&s->view, s->list_next))
				continue;
			add_entry(s, &piece, s->list_next, s->listing_uids);
			buf_add(&piece, CRLF);
		}
		session_write(session, buf_str(&piece));
	}
	session_write(session, STR(".\r\n"));
	return NEXT_COMMAND;
}

enum next pop3_cmd_list(struct pop3_session *s, const struct pop3_command *c)
{
	bool uids = c->verb == POP3_UIDL;
	char room[2 * LINE_ROOM];
	struct buf text;

	buf_init_fixed(&text, room, sizeof room);
	if (c->has_number) {
		if (!pop3_view_find(&s->view, c->number))
			return pop3_say(s, POP3_REPLY_NO_SUCH_MESSAGE);
		add_entry(s, &text, c->number, uids);
		return pop3_say_with(s, POP3_REPLY_LISTED, buf_str(&text));
	}
	add_totals(s, &text, " messages, octets: ");
	pop3_say_with(s, uids ? POP3_REPLY_UNIQUE_IDS : POP3_REPLY_LISTING, buf_str(&text));
	s->list_next = 1;
	s->listing_uids = uids;
	return list_more(&s->session);
}
