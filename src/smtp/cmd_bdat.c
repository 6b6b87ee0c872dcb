/* BDAT n [LAST] (RFC 3030 §2): a chunk of the message follows the line, and its reply follows the chunk.
 *
 * What is said about a chunk is said when its octets are in, so that clients may send the next one before:
 * also where there is no transaction for it, since a client that pipelines learns too late that its
 * recipients were refused. After a refusal the transaction is gone and the chunks under way meet "Say MAIL
 * FROM first". */
#include "smtp/command_line.h"
#include "smtp/session_internal.h"

/* LMTP's last chunk has a reply for each forward-path that was taken, none where none was, and ends the
 * transaction (RFC 2033 §4.3): a client that pipelines counts on it. */
static enum next refused_to_each(struct smtp_session *s)
{
	for (uint32_t i = 0; i < s->chunk.owed; i++)
		smtp_write(s, s->chunk.refusal, s->server->hostname);
	smtp_rollback(s);
	return smtp_count(s, s->chunk.refusal);
}

/* The chunk's octets are in. */
static enum next refused(struct smtp_session *s)
{
	s->chunk.refused = false;
	if (s->role->lmtp && s->chunk.last && s->state != SMTP_STATE_NEW)
		return refused_to_each(s);
	return smtp_say(s, s->chunk.refusal);
}

static void refuse(struct smtp_session *s, enum smtp_reply refusal)
{
	s->chunk.refused = true;
	s->chunk.refusal = refusal;
}

static enum next chunk_ended(struct smtp_session *s)
{
	struct smtp_content *content = &s->tx->content;
	enum smtp_reply verdict;
	char room[24];
	struct buf size;

	if (s->chunk.last) {
		smtp_content_end(content);
		return smtp_message_end(s);
	}
	/* A message set aside is looked at as a whole, at its end. */
	verdict = smtp_content_verdict(content);
	if (verdict != SMTP_REPLY_ACCEPTED && verdict != SMTP_REPLY_QUARANTINED)
		return smtp_message_finish(s, verdict, content->failed);
	s->state = SMTP_STATE_CHUNKS;
	buf_init_fixed(&size, room, sizeof room);
	buf_add_u64(&size, content->size);
	return smtp_say_with(s, SMTP_REPLY_CHUNK_OK, buf_str(&size));
}

enum next smtp_chunk_taken(struct smtp_session *s)
{
	if (s->chunk.left > 0)
		return NEXT_OCTETS;
	return s->chunk.refused ? refused(s) : chunk_ended(s);
}

enum next smtp_chunk_octets(struct smtp_session *s, str octets, size_t *used)
{
	str part = str_slice(octets, 0, octets.len < s->chunk.left ? octets.len : (size_t)s->chunk.left);
	enum next next = NEXT_OCTETS;

	*used = part.len;
	if (!s->chunk.refused)
		next = smtp_message_octets(s, part, used);
	s->chunk.left -= *used;
	return next == NEXT_OCTETS ? smtp_chunk_taken(s) : next;
}

static void begin_message(struct smtp_session *s)
{
	uint32_t owed = s->tx->path_count;

	if (smtp_message_begin(s, true).code == ERR_OK) {
		s->state = SMTP_STATE_CHUNK;
		return;
	}
	smtp_rollback(s);
	s->chunk.owed = owed;
	refuse(s, SMTP_REPLY_NO_SPACE);
}

enum next smtp_cmd_bdat(struct smtp_session *s, str argument)
{
	struct smtp_chunk chunk;
	err e = smtp_chunk_parse(argument, &chunk);

	if (e.code != ERR_OK)
		return smtp_say_with(s, SMTP_REPLY_BAD_ARGUMENT, str_of(e.what));
	s->chunk.left = chunk.size;
	s->chunk.last = chunk.last;
	switch (s->state) {
	case SMTP_STATE_NEW:
		refuse(s, smtp_hello_first(s));
		break;
	case SMTP_STATE_READY:
		refuse(s, SMTP_REPLY_MAIL_FIRST);
		break;
	case SMTP_STATE_MAIL:
		refuse(s, SMTP_REPLY_RCPT_FIRST);
		break;
	case SMTP_STATE_RCPT:
		begin_message(s);
		break;
	case SMTP_STATE_CHUNKS:
		s->state = SMTP_STATE_CHUNK;
		break;
	case SMTP_STATE_DATA:
	case SMTP_STATE_CHUNK:
	case SMTP_STATE_REFUSED:
		assert(false);
	}
	if (s->state == SMTP_STATE_CHUNK && chunk.size > s->tx->size_limit - s->tx->content.size)
		smtp_content_drop(&s->tx->content, OK); /* nothing is kept of what will be too big */
	return smtp_chunk_taken(s);
}
