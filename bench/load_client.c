#include "load_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	IN_MAX = 4096,
	COMMAND_MAX = 512,
	PARTS = 2,
	REST_AFTER_REFUSAL_NS = 20 * 1000 * 1000,
	REST_AFTER_LOSS_NS = 50 * 1000 * 1000,
};

enum state {
	STATE_CLOSED,
	STATE_GREETING,
	STATE_EHLO,
	STATE_AUTH,
	STATE_IDLE,
	STATE_RESTING,  /* after a refusal */
	STATE_ENVELOPE, /* MAIL, RCPT, DATA are out; `replies` of them answered */
	STATE_MESSAGE,  /* the message is on its way or waits for its reply */
	STATE_RSET,
	STATE_QUIT,
	STATE_FINISHED,
};

struct load_client {
	struct load *load;
	struct load_client *next_idle;
	enum state state;
	int fd;
	SSL *ssl; /* NULL: in clear */
	unsigned number, replies, served;
	unsigned refused_with; /* first refusal of this transaction, 0: none */
	bool finish;
	bool waits_for_room; /* EPOLLOUT is asked for */
	int64_t wake_ns, due_ns, sent_ns;
	uint64_t seq;
	struct message message;
	char command[COMMAND_MAX];
	struct iovec out[PARTS];
	unsigned out_parts;
	char in[IN_MAX];
	size_t in_len;
};

static void set_wake(struct load_client *c, int64_t at_ns)
{
	c->load->waiting += (at_ns != INT64_MAX) - (c->wake_ns != INT64_MAX);
	c->wake_ns = at_ns;
}

struct load_client *load_client_new(struct load *load, unsigned number)
{
	struct load_client *c = tool_alloc(1, sizeof *c);

	*c = (struct load_client){ .load = load, .number = number, .fd = -1, .wake_ns = INT64_MAX };
	set_wake(c, 0);
	load->open_clients++;
	return c;
}

struct load_client *load_client_take_idle(struct load *load)
{
	struct load_client *c = load->idle;

	if (c != NULL)
		load->idle = c->next_idle;
	return c;
}

static void forget_idle(struct load_client *c)
{
	for (struct load_client **at = &c->load->idle; *at != NULL; at = &(*at)->next_idle)
		if (*at == c) {
			*at = c->next_idle;
			return;
		}
}

static void hang_up(struct load_client *c, int64_t rest_ns)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->in_len = 0;
	c->out_parts = 0;
	c->waits_for_room = false;
	c->state = c->finish ? STATE_FINISHED : STATE_CLOSED;
	set_wake(c, c->finish ? INT64_MAX : tool_now_ns() + rest_ns);
	if (c->finish)
		c->load->open_clients--;
}

/* The connection broke: a message whose last octet may have arrived has an unknown fate. */
static void lose(struct load_client *c)
{
	if (c->state == STATE_IDLE)
		forget_idle(c);
	if (c->state == STATE_MESSAGE) {
		c->load->unknown++;
		fprintf(c->load->acks, "?%llu\n", (unsigned long long)c->seq);
	}
	if (c->state != STATE_QUIT)
		c->load->errors++;
	hang_up(c, REST_AFTER_LOSS_NS);
}

static void want_room(struct load_client *c, bool wanted)
{
	if (wanted == c->waits_for_room)
		return;
	struct epoll_event e = { .events = EPOLLIN | (wanted ? EPOLLOUT : 0U), .data.ptr = c };
	epoll_ctl(c->load->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
	c->waits_for_room = wanted;
}

/* As read and write: the number of octets, 0 at the end, or -1 with errno, EAGAIN where the socket is to be
 * waited for. A handshake goes on in either. */
static ssize_t of_tls(struct load_client *c, int n)
{
	if (n > 0)
		return n;
	int why = SSL_get_error(c->ssl, n);
	ERR_clear_error();
	errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t send_parts(struct load_client *c)
{
	const struct iovec *first = &c->out[PARTS - c->out_parts];

	if (c->ssl == NULL)
		return writev(c->fd, first, (int)c->out_parts);
	return of_tls(c, SSL_write(c->ssl, first->iov_base, (int)first->iov_len));
}

static ssize_t receive(struct load_client *c)
{
	char *to = c->in + c->in_len;
	size_t room = sizeof c->in - c->in_len;

	return c->ssl == NULL ? recv(c->fd, to, room, 0) : of_tls(c, SSL_read(c->ssl, to, (int)room));
}

static void flush(struct load_client *c)
{
	while (c->out_parts > 0) {
		c->sent_ns = tool_now_ns(); /* before, since on one machine the reply can be here before
		                               writev ends */
		ssize_t n = send_parts(c);
		if (n < 0 && errno == EAGAIN) {
			want_room(c, true);
			return;
		}
		if (n < 0) {
			lose(c);
			return;
		}
		for (size_t left = (size_t)n; c->out_parts > 0;) {
			struct iovec *part = &c->out[PARTS - c->out_parts];
			if (left < part->iov_len) {
				part->iov_base = (char *)part->iov_base + left;
				part->iov_len -= left;
				break;
			}
			left -= part->iov_len;
			c->out_parts--;
		}
	}
	want_room(c, false);
}

static void say(struct load_client *c, enum state next, const char *command)
{
	size_t len = strlen(command);

	if (command != c->command)
		memcpy(c->command, command, len);
	c->state = next;
	c->out[PARTS - 1] = (struct iovec){ c->command, len };
	c->out_parts = 1;
	flush(c);
}

static void become_idle(struct load_client *c)
{
	set_wake(c, INT64_MAX);
	if (c->finish || (c->load->per_connection > 0 && c->served >= c->load->per_connection)) {
		say(c, STATE_QUIT, "QUIT\r\n");
		return;
	}
	c->state = STATE_IDLE;
	c->next_idle = c->load->idle;
	c->load->idle = c;
}

/* The client speaks first, as soon as the connection is there. */
static void secure(struct load_client *c)
{
	c->ssl = SSL_new(c->load->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		tool_die("no TLS");
	SSL_set_connect_state(c->ssl);
	want_room(c, true);
}

static void start(struct load_client *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	set_wake(c, INT64_MAX);
	c->served = 0;
	c->fd = tool_connect(&c->load->server);
	if (c->fd < 0 || epoll_ctl(c->load->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0) {
		lose(c);
		return;
	}
	c->load->connections++;
	c->state = STATE_GREETING;
	if (c->load->tls != NULL)
		secure(c);
}

void load_client_send(struct load_client *c, uint64_t seq, int64_t due_ns)
{
	char from[MESSAGE_ADDRESS_MAX], to[MESSAGE_ADDRESS_MAX];
	const struct message_spec *spec = &c->load->spec;

	c->seq = seq;
	c->due_ns = due_ns;
	c->replies = 0;
	c->refused_with = 0;
	c->served++;
	c->load->sent++;
	message_make(c->load->pool, seq, &c->message);
	message_address(spec->recipients, message_user(spec, seq), to);
	if (c->load->login != NULL)
		snprintf(from, sizeof from, "%s", c->load->login);
	else
		snprintf(from, sizeof from, "sender%u@load.example", c->number);
	snprintf(c->command, sizeof c->command, "MAIL FROM:<%s> SIZE=%zu\r\nRCPT TO:<%s>\r\nDATA\r\n", from,
	         c->message.head_len + c->message.rest_len, to);
	say(c, STATE_ENVELOPE, c->command);
}

static void send_message(struct load_client *c)
{
	c->state = STATE_MESSAGE;
	c->out[0] = (struct iovec){ c->message.head, c->message.head_len };
	c->out[1] = (struct iovec){ (void *)(uintptr_t)c->message.wire, c->message.wire_len };
	c->out_parts = 2;
	flush(c);
}

static void refuse(struct load_client *c, unsigned code)
{
	if (c->refused_with == 0)
		c->refused_with = code;
}

static void rest(struct load_client *c)
{
	c->load->refused[c->refused_with]++;
	c->state = STATE_RESTING;
	set_wake(c, tool_now_ns() + REST_AFTER_REFUSAL_NS);
}

static void acknowledge(struct load_client *c)
{
	struct load *load = c->load;
	int64_t now = tool_now_ns();
	uint64_t total_ns = (uint64_t)(now - c->due_ns);
	size_t second = (size_t)((now - load->start_ns) / 1000000000);

	load->acknowledged++;
	load->octets += c->message.head_len + c->message.rest_len;
	histogram_add(&load->reply, (uint64_t)(now - c->sent_ns));
	histogram_add(&load->total, total_ns);
	if (second < LOAD_SECONDS_MAX) {
		load->per_second[second]++;
		if (total_ns / 1000 > load->worst_us[second])
			load->worst_us[second] = (uint32_t)(total_ns / 1000);
	}
	fprintf(load->acks, "%llu\n", (unsigned long long)c->seq);
	if (load->times != NULL)
		fprintf(load->times, "%llu %lld\n", (unsigned long long)c->seq, (long long)now);
	become_idle(c);
}

/* DATA was answered 354 although a recipient was refused: the message must still be ended (RFC 2920 §3.1). */
static void envelope_reply(struct load_client *c, unsigned code)
{
	c->replies++;
	if (code >= 400)
		refuse(c, code);
	if (c->replies < 3)
		return;
	if (code == 354)
		send_message(c);
	else
		say(c, STATE_RSET, "RSET\r\n");
}

static void reply(struct load_client *c, unsigned code)
{
	if (code == 421) { /* the server goes away, RFC 5321 §3.8; the message was not taken */
		c->load->refused[421]++;
		if (c->state == STATE_IDLE)
			forget_idle(c);
		hang_up(c, REST_AFTER_LOSS_NS);
		return;
	}
	switch (c->state) {
	case STATE_GREETING:
		say(c, STATE_EHLO, "EHLO out.load.example\r\n");
		break;
	case STATE_EHLO:
		if (c->load->login != NULL)
			say(c, STATE_AUTH, c->load->auth);
		else
			become_idle(c);
		break;
	case STATE_AUTH:
		if (code == 235)
			become_idle(c);
		else
			lose(c);
		break;
	case STATE_ENVELOPE:
		envelope_reply(c, code);
		break;
	case STATE_MESSAGE:
		if (code < 300 && c->refused_with == 0) {
			acknowledge(c);
			break;
		}
		refuse(c, code);
		rest(c);
		break;
	case STATE_RSET:
		rest(c);
		break;
	case STATE_QUIT:
		hang_up(c, 0);
		break;
	case STATE_CLOSED:
	case STATE_IDLE:
	case STATE_RESTING:
	case STATE_FINISHED:
		lose(c); /* nobody asked */
		break;
	}
}

/* Acts on every whole line; all but the last line of a reply have a hyphen after the code (RFC 5321 §4.2.1).
 */
static void read_replies(struct load_client *c)
{
	size_t at = 0;

	while (c->fd >= 0) {
		const char *line = c->in + at;
		const char *end = memchr(line, '\n', c->in_len - at);
		if (end == NULL)
			break;
		at += (size_t)(end - line) + 1;
		unsigned code = (unsigned)strtoul(line, NULL, 10);
		if (end - line < 3 || code < 200 || code >= LOAD_CODES) {
			lose(c);
			return;
		}
		if (line[3] != '-')
			reply(c, code);
	}
	if (c->fd < 0)
		return;
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	if (c->in_len == sizeof c->in)
		lose(c);
}

void load_client_event(struct load_client *c, uint32_t events)
{
	if (c->fd < 0)
		return; /* an event of this round's, for a connection closed in it */
	if (events & EPOLLOUT)
		flush(c);
	if (c->fd < 0 || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP) || c->ssl != NULL))
		return;
	do { /* what OpenSSL has taken in already epoll does not tell */
		ssize_t n = receive(c);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lose(c);
			return;
		}
		c->in_len += (size_t)n;
		c->load->last_reply_ns = tool_now_ns();
		read_replies(c);
	} while (c->ssl != NULL);
}

int64_t load_client_wake_ns(const struct load_client *c) { return c->wake_ns; }

void load_client_wake(struct load_client *c)
{
	if (c->state == STATE_CLOSED && c->finish)
		hang_up(c, 0);
	else if (c->state == STATE_CLOSED)
		start(c);
	else if (c->state == STATE_RESTING)
		become_idle(c);
}

void load_client_finish(struct load_client *c, bool now)
{
	c->finish = true;
	if (c->state == STATE_FINISHED)
		return;
	if (now) {
		lose(c);
	} else if (c->state == STATE_IDLE) {
		forget_idle(c);
		say(c, STATE_QUIT, "QUIT\r\n");
	} else if (c->state == STATE_CLOSED) {
		hang_up(c, 0);
	}
}
