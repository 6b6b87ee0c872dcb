#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/hash.h"
#include "smtp/client_internal.h"

/* --- answers --- */

static struct client_recipient *recipient_at(const struct smtp_client *c, size_t i)
{
	return &c->tx.message->recipients[i];
}

/* Taken by RCPT, and nothing was said of it since. */
static bool is_accepted(const struct client_recipient *r)
{
	return r->fate == CLIENT_FATE_NONE && !r->answered && r->code != 0;
}

static enum client_fate fate_of(const struct client_reply *reply)
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
static str keep_reply(const struct smtp_client *c, const struct client_reply *reply)
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

static void settle(struct client_recipient *r, enum client_fate fate, const struct client_reply *reply,
                   str kept)
{
	r->fate = fate;
	r->code = reply->code;
	r->status = reply->status;
	r->reply = kept;
	r->answered = true;
}

/* The same answer for all that the server took, or for `everybody` that was to be asked. */
static void settle_all(struct smtp_client *c, enum client_fate fate, const struct client_reply *reply,
                       bool everybody)
{
	const str kept = keep_reply(c, reply);

	for (size_t i = 0; i < c->tx.asked; i++)
		if (everybody || is_accepted(recipient_at(c, i)))
			settle(recipient_at(c, i), fate, reply, kept);
}

/* Nobody answered. */
static void settle_unanswered(struct client_recipient *r, enum client_fate fate, str words)
{
	r->fate = fate;
	r->code = 0;
	r->status = (struct smtp_status){ 0 };
	r->reply = words;
}

void client_content_shut(struct smtp_client *c, const struct client_reply *reply)
{
	settle_all(c, CLIENT_FATE_LATER, reply, false);
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
		if (is_accepted(recipient_at(c, i)))
			settle_unanswered(recipient_at(c, i), fate, words);
}

/* The server has a transaction that we don't want. */
static void give_up(struct smtp_client *c)
{
	c->rset_due = !c->tx.refused;
	client_message_over(c);
}

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
	const struct client_recipient *r = recipient_at(b->client, i);

	client_rcpt_add(batch_next(b), &b->client->hello, r->forward_path, r->notify, r->orcpt);
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

/* --- the content --- */

/* Are its last octets CRLF? "No" also where that is not known without waiting for the disk. */
static bool ends_line(const struct client_message *m)
{
	const off_t at = (off_t)(m->offset + m->size) - 2;
	char last[2] = "";
	const struct iovec part = { last, sizeof last };

	if (m->size < sizeof last)
		return false;
	ssize_t n = preadv2(m->fd, &part, 1, at, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP) /* a file system in memory */
		n = pread(m->fd, last, sizeof last, at);
	return n == sizeof last && last[0] == '\r' && last[1] == '\n';
}

/* As it is (RFC 3030 §2): saves looking for dots at line beginnings. Text that does not end in CRLF goes as
 * DATA, which completes it: receivers that keep it in DATA's form would glue it to what follows. */
static bool wants_chunk(const struct smtp_client *c, const struct client_message *m)
{
	return (c->hello.extensions & HELLO_CHUNKING) && (m->mail.body == QUEUE_BODY_BINARY || ends_line(m));
}

/* The longest that content may take: a server that reads less than 1 KB a second is not reading. */
static int64_t content_ms(const struct smtp_client *c)
{
	return c->times.block + (int64_t)c->tx.message->size;
}

static void write_range(struct smtp_client *c)
{
	const struct client_message *m = c->tx.message;
	const struct conn_range range = {
		.fd = m->fd, .offset = m->offset, .size = m->size, .dot_stuff = !c->tx.chunk
	};

	c->tx.content = true;
	err e = m->size > 0 ? conn_write_range(c->conn, &range) : OK;
	if (e.code != ERR_NOSPACE)
		return;
	client_note_end(c, CLIENT_END_LOST, NULL, "out of memory");
	client_drop(c);
}

static void await_end(struct smtp_client *c, enum client_step step)
{
	client_await(c, step);
	if (c->step != step || !conn_full(c->conn))
		return;
	/* The end's time begins when it is out; until then each block has its own (RFC 5321 §4.5.3.2.5). */
	conn_set_timeout(c->conn, c->times.block);
	loop_timer_set(c->options.loop, &c->timer, content_ms(c));
}

static void owe_end(struct smtp_client *c)
{
	c->tx.at = 0;
	c->tx.message->dotted = true;
	c->due += c->options.lmtp ? c->tx.accepted : 1;
}

static void write_end(struct smtp_client *c)
{
	if (conn_write_dot_end(c->conn).code == ERR_NOSPACE) {
		client_note_end(c, CLIENT_END_LOST, NULL, "out of memory");
		client_drop(c);
		return;
	}
	owe_end(c);
	await_end(c, STEP_END);
}

static void write_chunk(struct smtp_client *c)
{
	char octets[40];
	struct buf b;

	buf_init_fixed(&b, octets, sizeof octets);
	buf_add(&b, STR("BDAT "));
	buf_add_u64(&b, c->tx.message->size);
	buf_add(&b, STR(" LAST\r\n"));
	client_write(c, buf_str(&b));
	write_range(c);
	if (c->step == STEP_OVER)
		return;
	owe_end(c);
	await_end(c, STEP_END);
}

/* 354: dots are doubled from the beginning of a line on. */
static void write_data(struct smtp_client *c)
{
	write_range(c);
	if (c->step == STEP_OVER)
		return;
	if (c->tx.hold)
		await_end(c, STEP_HELD);
	else
		write_end(c);
}

void client_content_drained(struct smtp_client *c)
{
	if (c->step != STEP_END && c->step != STEP_HELD)
		return;
	conn_set_timeout(c->conn, 0);
	client_await(c, c->step);
}

/* --- replies --- */

/* 3xx where nothing was asked to go on: from here on nobody knows what answers what (RFC 5321 §4.3.2). */
static bool is_senseless(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) != 3)
		return false;
	client_broken(c, reply);
	return true;
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
	if (is_senseless(c, reply))
		return;
	if (client_class(reply) != 2) {
		c->tx.refused = true;
		settle_all(c, fate_of(reply), reply, true);
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
	struct client_recipient *r = recipient_at(c, c->tx.at);

	if (client_class(reply) == 2)
		c->tx.accepted++;
	if (c->tx.refused)
		return;
	if (client_class(reply) == 2)
		r->code = reply->code; /* 251 and 252 too (RFC 5321 §3.4, §3.5.3): it takes the message */
	else
		settle(r, is_too_many(c, reply) ? CLIENT_FATE_NONE : fate_of(reply), reply,
		       keep_reply(c, reply));
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
		write_chunk(c);
	}
}

void client_take_rcpt(struct smtp_client *c, const struct client_reply *reply)
{
	if (is_senseless(c, reply))
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
			write_data(c);
		break;
	default:
		if (!nobody)
			settle_all(c, fate_of(reply), reply, false);
		c->tx.refused = false; /* RSET whatever there may be */
		give_up(c);
	}
}

/* An answer to content that did not arrive yet: a refusal holds, but what is left of it would be read as
 * commands. */
static void take_early(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) < 4) {
		client_broken(c, reply);
		return;
	}
	settle_all(c, fate_of(reply), reply, false);
	c->tx.message->dotted = false;
	client_note_end(c, CLIENT_END_LOST, reply, "the server answered before it had the message");
	client_drop(c);
}

void client_take_held(struct smtp_client *c, const struct client_reply *reply)
{
	if (c->tx.content)
		take_early(c, reply);
	else
		client_broken(c, reply);
}

/* LMTP: one answer for each that was accepted, in their order (RFC 2033 §4.2). */
static void take_one_end(struct smtp_client *c, const struct client_reply *reply)
{
	while (!is_accepted(recipient_at(c, c->tx.at)))
		c->tx.at++;
	settle(recipient_at(c, c->tx.at), fate_of(reply), reply, keep_reply(c, reply));
	if (--c->tx.accepted > 0)
		client_await(c, STEP_END);
	else
		client_message_over(c);
}

void client_take_end(struct smtp_client *c, const struct client_reply *reply)
{
	if (c->tx.nobodys) {
		c->rset_due = true;
		client_message_over(c);
	} else if (!conn_output_arrived(c->conn)) {
		take_early(c, reply);
	} else if (is_senseless(c, reply)) {
		return;
	} else if (c->options.lmtp) {
		take_one_end(c, reply);
	} else {
		settle_all(c, fate_of(reply), reply, false);
		client_message_over(c);
	}
}

/* --- public --- */

static void forget_answers(struct client_message *m)
{
	m->lack = LACKS_NOTHING;
	m->passed_dsn = m->began = m->dotted = false;
	for (size_t i = 0; i < m->count; i++) {
		settle_unanswered(&m->recipients[i], CLIENT_FATE_NONE, STR(""));
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
	client->tx.chunk = wants_chunk(client, message);
	client->tx.pipelined = client->hello.extensions & HELLO_PIPELINING;
	message->passed_dsn = client->hello.extensions & HELLO_DSN;
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
		write_chunk(client);
	else
		write_end(client);
}
