#include "smtp/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/link.h"
#include "smtp/client_internal.h"

enum { MINUTE_MS = 60000 };

static const struct smtp_client_times usual_times = {
	.connect = LIMIT_CONNECT_MS,
	.greeting = 5 * MINUTE_MS,
	.mail = 5 * MINUTE_MS,
	.rcpt = 5 * MINUTE_MS,
	.data = 2 * MINUTE_MS,
	.block = 3 * MINUTE_MS,
	.end = 10 * MINUTE_MS,
	.quit = LIMIT_CLIENT_QUIT_MS,
	.others = 5 * MINUTE_MS,
};

/* What answers a step, how long it may take, and what sentences call it. */
static const struct {
	void (*take)(struct smtp_client *c, const struct client_reply *reply);
	size_t time; /* offset in struct smtp_client_times; 0 where nothing is waited for, or the connection
	                waits */
	const char *name;
} steps[STEP_COUNT] = {
#define TIME(member) offsetof(struct smtp_client_times, member)
	/* clang-format off */
	[STEP_CONNECT]   = { NULL,                 0,              "the connection" },
	[STEP_HANDSHAKE] = { NULL,                 0,              "the TLS handshake" },
	[STEP_GREETING]  = { client_take_greeting, TIME(greeting), "the greeting" },
	[STEP_EHLO]      = { client_take_ehlo,     TIME(others),   "EHLO" },
	[STEP_HELO]      = { client_take_helo,     TIME(others),   "HELO" },
	[STEP_STARTTLS]  = { client_take_starttls, TIME(others),   "STARTTLS" },
	[STEP_AUTH]      = { client_take_auth,     TIME(others),   "AUTH" },
	[STEP_PROOF]     = { NULL,                 0,              "AUTH" },
	[STEP_IDLE]      = { NULL,                 0,              "nothing" },
	[STEP_RSET]      = { client_take_rset,     TIME(others),   "RSET" },
	[STEP_MAIL]      = { client_take_mail,     TIME(mail),     "MAIL" },
	[STEP_RCPT]      = { client_take_rcpt,     TIME(rcpt),     "RCPT" },
	[STEP_DATA]      = { client_take_data,     TIME(data),     "DATA" },
	[STEP_HELD]      = { client_take_held,     0,              "the message" },
	[STEP_END]       = { client_take_end,      TIME(end),      "the message" },
	[STEP_QUIT]      = { NULL,                 TIME(quit),     "QUIT" },
	[STEP_OVER]      = { NULL,                 0,              "nothing" },
/* clang-format on */
#undef TIME
};

/* --- waiting and writing --- */

static int64_t time_of(const struct smtp_client *c, enum client_step step)
{
	return *(const int64_t *)(const void *)((const char *)&c->times + steps[step].time);
}

void client_await(struct smtp_client *c, enum client_step step)
{
	if (c->step == STEP_OVER)
		return;
	c->step = step;
	loop_timer_set(c->options.loop, &c->timer, steps[step].time ? time_of(c, step) : 0);
}

void client_write(struct smtp_client *c, str octets)
{
	if (conn_write(c->conn, octets).code == ERR_NOSPACE) {
		client_note_end(c, CLIENT_END_LOST, NULL, "out of memory");
		client_drop(c);
	}
}

void client_say(struct smtp_client *c, str line)
{
	c->due++;
	client_write(c, line);
}

/* --- ends --- */

void client_note_end(struct smtp_client *c, enum client_end end, const struct client_reply *reply,
                     const char *format, ...)
{
	struct buf b;
	va_list args;

	if (c->end != CLIENT_END_NONE)
		return;
	c->end = end;
	c->last = true;
	va_start(args, format);
	(void)vsnprintf(c->why, sizeof c->why, format, args);
	va_end(args);
	if (!reply)
		return;
	c->end_code = reply->code;
	c->end_status = reply->status;
	buf_init_fixed(&b, c->said, sizeof c->said);
	buf_add_u64(&b, reply->code);
	if (reply->text.len > 0)
		buf_add_char(&b, ' ');
	str text = reply->text;
	text.len = text.len < sizeof c->said - b.len ? text.len : sizeof c->said - b.len;
	buf_add(&b, text);
	for (size_t i = 0; i < b.len; i++)
		if (c->said[i] == '\n')
			c->said[i] = ' ';
	c->said_len = b.len;
}

void client_drop(struct smtp_client *c)
{
	client_await(c, STEP_OVER);
	if (c->conn)
		conn_abort(c->conn);
}

void client_broken(struct smtp_client *c, const struct client_reply *reply)
{
	client_note_end(c, CLIENT_END_BROKEN, reply, "%s was answered by what makes no sense",
	                steps[c->step].name);
	client_drop(c);
}

void client_leave(struct smtp_client *c)
{
	client_write(c, STR("QUIT\r\n"));
	client_await(c, STEP_OVER);
	conn_close(c->conn);
}

/* --- telling the owner --- */

static void tell(struct smtp_client *c, enum client_event event)
{
	c->options.event(c->options.owner, c, event);
}

static void say_quit(struct smtp_client *c)
{
	client_note_end(c, CLIENT_END_QUIT, NULL, "the conversation is over");
	client_say(c, STR("QUIT\r\n"));
	client_await(c, STEP_QUIT);
}

/* Nothing is under way. */
static void rest(struct smtp_client *c, enum client_event event)
{
	client_await(c, STEP_IDLE);
	tell(c, event);
	if (c->step == STEP_IDLE && c->last && !c->tx.message)
		say_quit(c);
}

void client_be_ready(struct smtp_client *c)
{
	client_forget_login(c);
	rest(c, CLIENT_READY);
}

void client_message_over(struct smtp_client *c)
{
	if (c->step == STEP_OVER)
		return; /* with the connection: the descriptor may still be read */
	c->tx = (struct client_transaction){ 0 };
	if (c->hello.mail_max > 0 && c->messages >= c->hello.mail_max)
		c->last = true;
	rest(c, CLIENT_DONE);
}

/* The connection is gone, and nothing else comes back. */
static void go(struct smtp_client *c)
{
	client_forget_login(c);
	if (c->tx.message) {
		c->tx.message = NULL;
		tell(c, CLIENT_DONE);
	}
	tell(c, CLIENT_GONE);
	free(c);
}

bool client_is_back(struct smtp_client *c)
{
	c->pending--;
	if (c->conn)
		return c->step != STEP_OVER;
	if (c->pending == 0)
		go(c);
	return false;
}

static void post_run(struct post *post)
{
	struct smtp_client *c = CONTAINER(post, struct smtp_client, post);

	if (client_is_back(c) && c->tx.settled)
		client_message_over(c);
}

void client_post(struct smtp_client *c)
{
	c->pending++;
	c->post.run = post_run;
	loop_post(c->options.loop, &c->post);
}

/* --- what comes --- */

/* RFC 5321 §3.8: 421 to anything means that the server closes. */
static void take_shut(struct smtp_client *c, const struct client_reply *reply)
{
	client_note_end(c, CLIENT_END_LOST, reply, "the server closed the connection, at %s",
	                steps[c->step].name);
	if (c->step == STEP_END || c->tx.content)
		client_content_shut(c, reply);
	client_drop(c);
}

static void take_reply(struct smtp_client *c, const struct client_reply *reply, bool owed)
{
	bool begins = c->step == STEP_GREETING || c->step == STEP_EHLO || c->step == STEP_HELO;

	if (c->step == STEP_QUIT) {
		client_await(c, STEP_OVER);
		conn_close(c->conn);
	} else if (reply->code == 421 && !begins) {
		take_shut(c, reply);
	} else if (!owed && c->step != STEP_HELD) {
		client_note_end(c, CLIENT_END_BROKEN, reply, "the server answered what was not asked");
		client_drop(c);
	} else {
		assert(steps[c->step].take);
		c->due -= owed;
		steps[c->step].take(c, reply);
	}
}

/* A reply that was there before its command answers nothing: what is owed counts as of the octets' arrival.
 */
static size_t take_octets(struct smtp_client *c, str octets)
{
	size_t all = octets.len;
	struct client_reply reply;
	bool found = true;

	for (size_t owed = c->due; c->step != STEP_OVER && c->step != STEP_HANDSHAKE; owed -= owed > 0) {
		err e = client_reply_take(&c->parser, &octets, &reply, &found);
		if (e.code != ERR_OK) {
			client_note_end(c, CLIENT_END_BROKEN, NULL, "%s", e.what);
			client_drop(c);
			return all;
		}
		if (!found)
			break;
		take_reply(c, &reply, owed > 0);
	}
	return all - octets.len;
}

static void timed_out(struct smtp_client *c)
{
	client_note_end(c, CLIENT_END_TIMEOUT, NULL, "no answer to %s in time", steps[c->step].name);
	client_drop(c);
}

static void timer_fired(struct timer *timer) { timed_out(CONTAINER(timer, struct smtp_client, timer)); }

static void opened(struct smtp_client *c)
{
	c->opened = true;
	if (c->options.tls_first) {
		client_start_tls(c);
		return;
	}
	c->due = 1;
	client_await(c, STEP_GREETING);
}

/* Why, where nobody noted it before. */
static void note_closed(struct smtp_client *c)
{
	const str why = conn_why(c->conn);

	if (!c->opened)
		client_note_end(c, CLIENT_END_UNREACHABLE, NULL, "no connection: " STR_FMT, STR_ARG(why));
	else if (c->step == STEP_HANDSHAKE || c->step == STEP_STARTTLS) /* some end it where they can't */
		client_note_end(c, CLIENT_END_TLS_FAILED, NULL, STR_FMT, STR_ARG(why));
	else
		client_note_end(c, CLIENT_END_LOST, NULL,
		                "the connection ended, waiting for the answer to %s: " STR_FMT,
		                steps[c->step].name, STR_ARG(why));
}

static void closed(struct smtp_client *c)
{
	note_closed(c);
	loop_timer_set(c->options.loop, &c->timer, 0);
	/* Who says its last while we write still gets the rest; of that no CONN_DRAINED tells. */
	if (c->step == STEP_END && c->tx.content && !conn_lost_output(c->conn))
		c->tx.message->dotted = true;
	if (c->tx.message && !c->tx.settled)
		client_message_lost(c, str_eq(conn_why(c->conn), STR("content is damaged")));
	c->step = STEP_OVER;
	c->conn = NULL;
	if (c->pending == 0)
		go(c);
}

static size_t handle(void *session, enum conn_event event, str octets)
{
	struct smtp_client *c = session;

	switch (event) {
	case CONN_OPENED:
		opened(c);
		break;
	case CONN_SECURED:
		c->secured = true;
		client_secured(c);
		break;
	case CONN_OCTETS:
		return take_octets(c, octets);
	case CONN_DRAINED:
		client_content_drained(c);
		break;
	case CONN_TIMED_OUT:
		client_note_end(c, CLIENT_END_TIMEOUT, NULL, "the server does not read");
		client_drop(c);
		break;
	case CONN_SHUTDOWN:
		smtp_client_quit(c);
		break;
	case CONN_CLOSED:
		closed(c);
		break;
	}
	return 0;
}

static const struct conn_service smtp_service = { .name = "smtp client", .handle = handle };
static const struct conn_service lmtp_service = { .name = "lmtp client", .handle = handle };

/* --- public --- */

err smtp_client_open(const struct smtp_client_options *options, struct smtp_client **out)
{
	struct smtp_client *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NO_MEMORY;
	c->options = *options;
	c->times = options->times ? *options->times : usual_times;
	c->options.target.timeout_ms = c->times.connect;
	c->timer.fire = timer_fired;
	client_reply_init(&c->parser);
	err e = net_client_connect(options->net, options->loop, options->lmtp ? &lmtp_service : &smtp_service,
	                           c, &c->options.target, &c->conn);
	if (e.code != ERR_OK) {
		free(c);
		return e;
	}
	*out = c;
	return OK;
}

void smtp_client_quit(struct smtp_client *client)
{
	client->last = true;
	if (client->step == STEP_IDLE && !client->tx.message) {
		say_quit(client);
	} else if (client->step < STEP_IDLE) {
		client_note_end(client, CLIENT_END_QUIT, NULL, "given up before the first message");
		client_drop(client);
	}
}

void smtp_client_abort(struct smtp_client *client)
{
	client_note_end(client, CLIENT_END_QUIT, NULL, "ended by us");
	client_drop(client);
}

bool smtp_client_is_ending(const struct smtp_client *client)
{
	return client->last || client->step == STEP_QUIT || client->step == STEP_OVER;
}

const struct smtp_hello *smtp_client_hello(const struct smtp_client *client) { return &client->hello; }

ip smtp_client_peer(const struct smtp_client *client) { return client->options.target.address; }

str smtp_client_tls(const struct smtp_client *client) { return client->tls; }

enum client_end smtp_client_end(const struct smtp_client *client, uint16_t *code, struct smtp_status *status,
                                str *reply, str *why)
{
	*code = client->end_code;
	*status = client->end_status;
	*reply = (str){ client->said, client->said_len };
	*why = str_of(client->why);
	return client->end;
}
