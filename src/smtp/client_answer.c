#include "smtp/client_internal.h"

struct client_recipient *client_recipient_at(const struct smtp_client *c, size_t i)
{
	return &c->tx.message->recipients[i];
}

/* Taken by RCPT, and nothing was said of it since. */
bool client_is_accepted(const struct client_recipient *r)
{
	return r->fate == CLIENT_FATE_NONE && !r->answered && r->code != 0;
}

enum client_fate client_fate_of(const struct client_reply *reply)
{
	switch (client_class(reply)) {
	case 2:
		return CLIENT_FATE_SENT;
	case 5:
		return CLIENT_FATE_NEVER;
	default:
		return CLIENT_FATE_LATER;
	}
}

/* "550 5.1.1 no such user", in the message's arena. */
str client_keep_reply(const struct smtp_client *c, const struct client_reply *reply)
{
	struct buf b;

	buf_init(&b, c->tx.message->arena, LIMIT_REPLY_TEXT + 8);
	char *octets = buf_extend(&b, reply->text.len > 0 ? 4 + reply->text.len : 3);
	if (!octets)
		return STR("");
	for (unsigned i = 3, code = reply->code; i-- > 0; code /= 10)
		octets[i] = (char)('0' + code % 10);
	if (reply->text.len > 0)
		octets[3] = ' ';
	for (size_t i = 0; i < reply->text.len; i++)
		octets[4 + i] = (char)(reply->text.ptr[i] == '\n' ? ' ' : reply->text.ptr[i]);
	return buf_str(&b);
}

void client_settle(struct client_recipient *r, enum client_fate fate, const struct client_reply *reply,
                   str kept)
{
	r->fate = fate;
	r->code = reply->code;
	r->status = reply->status;
	r->reply = kept;
	r->answered = true;
}

/* The same answer for all that the server took, or for `everybody` that was to be asked. */
void client_settle_all(struct smtp_client *c, enum client_fate fate, const struct client_reply *reply,
                       bool everybody)
{
	const str kept = client_keep_reply(c, reply);

	for (size_t i = 0; i < c->tx.asked; i++)
		if (everybody || client_is_accepted(client_recipient_at(c, i)))
			client_settle(client_recipient_at(c, i), fate, reply, kept);
}

/* Nobody answered. */
void client_settle_unanswered(struct client_recipient *r, enum client_fate fate, str words)
{
	r->fate = fate;
	r->code = 0;
	r->status = (struct smtp_status){ 0 };
	r->reply = words;
}

void client_content_shut(struct smtp_client *c, const struct client_reply *reply)
{
	client_settle_all(c, CLIENT_FATE_LATER, reply, false);
}

void client_message_lost(struct smtp_client *c, bool damaged)
{
	struct client_message *m = c->tx.message;
	const enum client_fate fate = damaged || m->dotted ? CLIENT_FATE_LATER : CLIENT_FATE_NONE;
	str words = STR("");

	if (damaged)
		m->dotted = false; /* the end stood behind what could not be read */
	if (damaged)
		words = STR("the message's content could not be read");
	else if (m->dotted)
		words = STR("the connection ended before the server said whether it took the message");
	for (size_t i = 0; i < c->tx.asked; i++)
		if (client_is_accepted(client_recipient_at(c, i)))
			client_settle_unanswered(client_recipient_at(c, i), fate, words);
}

/* 3xx where nothing was asked to go on: from here on nobody knows what answers what (RFC 5321 §4.3.2). */
bool client_is_senseless(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) != 3)
		return false;
	client_broken(c, reply);
	return true;
}
