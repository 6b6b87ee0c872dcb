#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "smtp/client_internal.h"

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
bool client_wants_chunk(const struct smtp_client *c, const struct client_message *m)
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
	c->tx.message->dotted = !conn_full(c->conn); /* else when all is out */
	c->due += c->options.lmtp ? c->tx.accepted : 1;
}

void client_write_end(struct smtp_client *c)
{
	if (conn_write_dot_end(c->conn).code == ERR_NOSPACE) {
		client_note_end(c, CLIENT_END_LOST, NULL, "out of memory");
		client_drop(c);
		return;
	}
	owe_end(c);
	await_end(c, STEP_END);
}

void client_write_chunk(struct smtp_client *c)
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
void client_write_data(struct smtp_client *c)
{
	write_range(c);
	if (c->step == STEP_OVER)
		return;
	if (c->tx.hold)
		await_end(c, STEP_HELD);
	else
		client_write_end(c);
}

void client_content_drained(struct smtp_client *c)
{
	if (c->step != STEP_END && c->step != STEP_HELD)
		return;
	c->tx.message->dotted = c->step == STEP_END;
	conn_set_timeout(c->conn, 0);
	client_await(c, c->step);
}

/* --- its answer --- */

/* An answer to content that did not arrive yet: a refusal holds, but what is left of it would be read as
 * commands. */
static void take_early(struct smtp_client *c, const struct client_reply *reply)
{
	if (client_class(reply) < 4) {
		client_broken(c, reply);
		return;
	}
	client_settle_all(c, client_fate_of(reply), reply, false);
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
	while (!client_is_accepted(client_recipient_at(c, c->tx.at)))
		c->tx.at++;
	client_settle(client_recipient_at(c, c->tx.at), client_fate_of(reply), reply,
	              client_keep_reply(c, reply));
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
	} else if (client_is_senseless(c, reply)) {
		return;
	} else if (c->options.lmtp) {
		take_one_end(c, reply);
	} else {
		client_settle_all(c, client_fate_of(reply), reply, false);
		client_message_over(c);
	}
}
