#include "base/hash.h"
#include "smtp/client_internal.h"

/* --- who is asked --- */

/* Does the connection take mail for this domain too? */
static bool takes_domain(struct smtp_client *c, str forward_path)
{
	const uint32_t max = c->hello.rcpt_domain_max;
	const uint64_t key = hash_table_key(str_from(forward_path, str_rfind_char(forward_path, '@')));

	if (max == 0)
		return true;
	for (size_t i = 0; i < c->domain_count; i++)
		if (c->domains[i] == key)
			return true;
	if (c->domain_count == LIMIT_CLIENT_DOMAINS || c->domain_count == max)
		return false;
	c->domains[c->domain_count++] = key;
	return true;
}

/* RFC 9422 §4.2, §4.3: of recipients in one transaction, and of their domains in one connection. */
static size_t count_asked(struct smtp_client *c, const struct client_message *m)
{
	const size_t most =
		c->hello.rcpt_max > 0 && c->hello.rcpt_max < m->count ? c->hello.rcpt_max : m->count;

	for (size_t i = 0; i < most; i++) {
		if (takes_domain(c, m->recipients[i].forward_path))
			continue;
		c->last = true;
		return i;
	}
	return most;
}

/* --- commands --- */

/* Commands put together, so that many go out in one piece. */
struct batch {
	struct smtp_client *client;
	struct buf buf;
	char octets[2 * LIMIT_CLIENT_COMMAND];
};

static void batch_begin(struct batch *b, struct smtp_client *c)
{
	b->client = c;
	buf_init_fixed(&b->buf, b->octets, sizeof b->octets);
}

static void batch_end(struct batch *b)
{
	assert(buf_err(&b->buf).code == ERR_OK);
	if (b->buf.len > 0)
		client_write(b->client, buf_str(&b->buf));
	buf_clear(&b->buf);
}

/* Room for one command that one reply is owed for. */
static struct buf *batch_next(struct batch *b)
{
	if (sizeof b->octets - b->buf.len < LIMIT_CLIENT_COMMAND)
		batch_end(b);
	b->client->due++;
	return &b->buf;
}

static void add_rcpt(struct batch *b, size_t i)
{
	const struct client_recipient *r = client_recipient_at(b->client, i);

	const struct smtp_hello *hello = &b->client->hello;
	uint8_t notify = client_notify(hello, &b->client->tx.message->mail, r->notify);

	client_rcpt_add(batch_next(b), hello, r->forward_path, notify, r->orcpt);
}

static void write_rcpt(struct smtp_client *c)
{
	struct batch b;

	batch_begin(&b, c);
	add_rcpt(&b, c->tx.at);
	batch_end(&b);
}

static void write_mail(struct smtp_client *c)
{
	struct batch b;

	batch_begin(&b, c);
	client_mail_add(batch_next(&b), &c->hello, &c->tx.message->mail);
	batch_end(&b);
}

/* All that may go out together (RFC 2920 §3.1): nothing waits for the socket here, replies are read while
 * commands are written, so that the windows of §3.1 can't lock. A chunk waits for the answers: content for
 * nobody would have to be sent else. */
static void write_group(struct smtp_client *c)
{
	struct batch b;

	batch_begin(&b, c);
	if (c->rset_due)
		buf_add(batch_next(&b), STR("RSET\r\n"));
	client_mail_add(batch_next(&b), &c->hello, &c->tx.message->mail);
	for (size_t i = 0; i < c->tx.asked; i++)
		add_rcpt(&b, i);
	if (!c->tx.chunk)
		buf_add(batch_next(&b), STR("DATA\r\n"));
	batch_end(&b);
}

/* --- replies --- */

/* The server has a transaction that we don't want. */
static void give_up(struct smtp_client *c)
{
	c->rset_due = !c->tx.refused;
	client_message_over(c);
}

void client_take_rset(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) != 2) {
		client_broken(c, reply);
		return;
	}
	c->rset_due = false;
	client_await(c, STEP_MAIL);
	if (!c->tx.pipelined)
		write_mail(c);
}

void client_take_mail(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_is_senseless(c, reply))
		return;
	if (client_class(reply) != 2) {
		c->tx.refused = true;
		client_settle_all(c, client_fate_of(reply), reply, true);
		if (!c->tx.pipelined) {
			client_message_over(c);
			return;
		}
	}
	client_await(c, STEP_RCPT);
	if (!c->tx.pipelined)
		write_rcpt(c);
}

/* RFC 5321 §4.5.3.1.10: no more in this transaction. 552 was said for it once; with another status, or to the
 * first recipient, both mean what they say. */
static bool is_too_many(const struct smtp_client *c, const struct client_reply *reply)
{
	const struct smtp_status s = reply->status;

	return (reply->code == 452 || reply->code == 552) && c->tx.accepted > 0 &&
	       (s.class == 0 || (s.subject == 5 && s.detail == 3));
}

static void take_recipient(struct smtp_client *c, const struct client_reply *reply)
{
	struct client_recipient *r = client_recipient_at(c, c->tx.at);

	if (client_class(reply) == 2)
		c->tx.accepted++;
	if (c->tx.refused)
		return;
	if (client_class(reply) == 2)
		r->code = reply->code; /* 251 and 252 too (RFC 5321 §3.4, §3.5.3): it takes the message */
	else
		client_settle(r, is_too_many(c, reply) ? CLIENT_FATE_NONE : client_fate_of(reply), reply,
		              client_keep_reply(c, reply));
}

/* Everybody was asked. */
static void go_on_to_content(struct smtp_client *c)
{
	if (c->tx.pipelined && !c->tx.chunk) {
		client_await(c, STEP_DATA);
	} else if (c->tx.accepted == 0 || c->tx.refused) {
		c->tx.refused = c->tx.refused && c->tx.accepted == 0;
		give_up(c);
	} else if (!c->tx.chunk) {
		client_say(c, STR("DATA\r\n"));
		client_await(c, STEP_DATA);
	} else if (c->tx.hold) {
		client_await(c, STEP_HELD);
	} else {
		client_write_chunk(c);
	}
}

void client_take_rcpt(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_is_senseless(c, reply))
		return;
	take_recipient(c, reply);
	if (++c->tx.at == c->tx.asked) {
		go_on_to_content(c);
		return;
	}
	client_await(c, STEP_RCPT);
	if (!c->tx.pipelined)
		write_rcpt(c);
}

/* DATA was accepted though nobody is to get it: a dot alone (RFC 2920 §3.1). Where MAIL was refused and a
 * recipient taken an empty message could come of that. */
static void end_for_nobody(struct smtp_client *c, const struct client_reply *reply)
{
	if (c->tx.accepted > 0) {
		client_broken(c, reply);
		return;
	}
	c->tx.nobodys = true;
	client_say(c, STR(".\r\n"));
	client_await(c, STEP_END);
}

void client_take_data(struct smtp_client *c, const struct client_reply *reply)
{
	const bool nobody = c->tx.accepted == 0 || c->tx.refused;

	switch (client_class(reply)) {
	case 2: /* whatever it thinks it took, it was not the content */
		client_broken(c, reply);
		break;
	case 3:
		if (nobody)
			end_for_nobody(c, reply);
		else
			client_write_data(c);
		break;
	default:
		if (!nobody)
			client_settle_all(c, client_fate_of(reply), reply, false);
		c->tx.refused = false; /* RSET whatever there may be */
		give_up(c);
	}
}

/* --- public --- */

static void forget_answers(struct client_message *m)
{
	m->lack = LACKS_NOTHING;
	m->passed_dsn = m->passed_by = m->began = m->dotted = false;
	for (size_t i = 0; i < m->count; i++) {
		client_settle_unanswered(&m->recipients[i], CLIENT_FATE_NONE, STR(""));
		m->recipients[i].answered = false;
	}
}

/* Is there an end before the first command? */
static bool ends_unsaid(struct smtp_client *c, struct client_message *m)
{
	m->lack = client_lacks(&c->hello, &m->mail);
	for (size_t i = 0; m->lack != LACKS_NOTHING && i < m->count; i++)
		m->recipients[i].fate = CLIENT_FATE_LACKS;
	if (m->lack != LACKS_NOTHING)
		return true;
	c->tx.asked = count_asked(c, m);
	return c->tx.asked == 0;
}

void smtp_client_send(struct smtp_client *client, struct client_message *message, bool hold)
{
	assert(!client->tx.message);
	assert(message->count >= 1 && message->count <= LIMIT_TRANSACTION_RECIPIENTS);
	client->tx = (struct client_transaction){ .message = message, .hold = hold };
	forget_answers(message);
	if (client->step != STEP_IDLE || client->last || ends_unsaid(client, message)) {
		client->tx.settled = true;
		client_post(client);
		return;
	}
	client->tx.chunk = client_wants_chunk(client, message);
	client->tx.pipelined = client->hello.extensions & HELLO_PIPELINING;
	message->passed_dsn = client->hello.extensions & HELLO_DSN;
	message->passed_by = client->hello.extensions & HELLO_DELIVERBY;
	message->began = true;
	client->messages++; /* RFC 9422 §4.1 counts MAIL, whatever comes of it */
	client_await(client, client->rset_due ? STEP_RSET : STEP_MAIL);
	if (client->tx.pipelined)
		write_group(client);
	else if (client->rset_due)
		client_say(client, STR("RSET\r\n"));
	else
		write_mail(client);
}

void smtp_client_release(struct smtp_client *client)
{
	client->tx.hold = false;
	if (client->step != STEP_HELD)
		return;
	if (client->tx.chunk)
		client_write_chunk(client);
	else
		client_write_end(client);
}
