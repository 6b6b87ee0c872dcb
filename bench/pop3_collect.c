/* bench/pop3_collect.c: fetches every message of many mailboxes by POP3 and holds them against what the
 * server acknowledged (collect_ledger.h). Prints one JSON object; exit 0 only if every acknowledged message
 * is there exactly once and unharmed, else 65; 69 where a mailbox could not be read.
 *
 * One thread, several mailboxes at a time, RETR pipelined (RFC 2449 §6.6).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "collect_ledger.h"
#include "tool.h"

enum {
	EVENTS = 64,
	WINDOW = 32,
	COMMANDS_MAX = WINDOW * 32,
	SESSIONS_MAX = 4096,
	BUFFER_FIRST = 256 * 1024,
	SILENCE_MS = 60000,
};

static const size_t BUFFER_MAX = 2UL * MESSAGE_SIZE_MAX;

static const char usage[] =
	"usage: pop3-collect HOST:PORT --acks FILE --password WORD [--connections N] [--login user%d]\n";

enum state { STATE_GREETING, STATE_USER, STATE_PASS, STATE_STAT, STATE_RETR, STATE_QUIT };

struct collect {
	struct tool_address server;
	struct ledger *ledger;
	const char *login, *password;
	unsigned connections, next_user, open;
	int epoll_fd;
	uint64_t messages, octets, failed_mailboxes;
};

struct session {
	struct collect *collect;
	int fd;
	enum state state;
	unsigned user, messages, asked, answered;
	bool in_message;
	char *buffer;
	size_t len, room, looked; /* `looked`: octets in which no end of message begins */
};

static void say(struct session *s, enum state next, const char *commands, size_t len)
{
	s->state = next;
	/* A few hundred octets into an empty socket buffer always fit. */
	if (send(s->fd, commands, len, MSG_NOSIGNAL) != (ssize_t)len)
		shutdown(s->fd, SHUT_RDWR);
}

static void say_line(struct session *s, enum state next, const char *verb, const char *argument)
{
	char line[MESSAGE_ADDRESS_MAX + 64];
	int len = snprintf(line, sizeof line, "%s%s%s\r\n", verb, *argument != '\0' ? " " : "", argument);

	if (len < 0 || (size_t)len >= sizeof line)
		tool_die("%s: too long", argument);
	say(s, next, line, (size_t)len);
}

/* Keeps up to WINDOW questions open; asks again when half of them are answered. */
static void ask(struct session *s)
{
	char commands[COMMANDS_MAX];
	size_t len = 0;

	if (s->asked - s->answered > WINDOW / 2)
		return;
	while (s->asked < s->messages && s->asked - s->answered < WINDOW)
		len += (size_t)snprintf(commands + len, sizeof commands - len, "RETR %u\r\n", ++s->asked);
	if (s->answered == s->messages)
		say_line(s, STATE_QUIT, "QUIT", "");
	else if (len > 0)
		say(s, STATE_RETR, commands, len);
}

static void open_session(struct session *s)
{
	struct collect *c = s->collect;
	char *buffer = s->buffer;
	size_t room = s->room;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };

	*s = (struct session){ .collect = c, .user = c->next_user++, .buffer = buffer, .room = room };
	s->fd = tool_connect(&c->server);
	if (s->fd < 0 || epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, s->fd, &e) != 0)
		tool_die("connecting: %s", strerror(errno));
}

/* The mailbox is done, well or not; the session takes the next one or ends. */
static void close_session(struct session *s)
{
	struct collect *c = s->collect;

	if (s->state != STATE_QUIT) {
		if (c->failed_mailboxes++ == 0)
			fprintf(stderr, "pop3-collect: mailbox %u failed in state %d: %.*s\n", s->user,
			        s->state, (int)(s->len < 200 ? s->len : 200), s->buffer);
	}
	close(s->fd);
	s->fd = -1;
	if (c->next_user < ledger_spec(c->ledger)->users) {
		open_session(s);
		return;
	}
	free(s->buffer);
	s->buffer = NULL;
	c->open--;
}

/* A message with its lines' dots still doubled, in place (RFC 1939 §3). */
static void take_message(struct session *s, char *octets, size_t len)
{
	size_t to = 0;
	struct collect *c = s->collect;

	for (size_t from = 0; from < len;) {
		char *line = octets + from, *end = memchr(line, '\n', len - from);
		size_t line_len = end != NULL ? (size_t)(end - line) + 1 : len - from;
		size_t skip = line[0] == '.';
		memmove(octets + to, line + skip, line_len - skip);
		to += line_len - skip;
		from += line_len;
	}
	c->messages++;
	c->octets += to;
	ledger_judge(c->ledger, s->user, octets, to);
}

/* One status line. False if the session can't go on. */
static bool status(struct session *s, const char *line)
{
	char login[MESSAGE_ADDRESS_MAX];

	if (line[0] != '+')
		return false;
	switch (s->state) {
	case STATE_GREETING:
		message_address(s->collect->login, s->user, login);
		say_line(s, STATE_USER, "USER", login);
		return true;
	case STATE_USER:
		say_line(s, STATE_PASS, "PASS", s->collect->password);
		return true;
	case STATE_PASS:
		say_line(s, STATE_STAT, "STAT", "");
		return true;
	case STATE_STAT:
		if (sscanf(line, "+OK %u", &s->messages) != 1)
			return false;
		s->state = STATE_RETR;
		ask(s);
		return true;
	case STATE_RETR:
		s->in_message = true;
		return true;
	case STATE_QUIT:
		return true;
	}
	return false;
}

/* Takes what is whole out of the buffer. A message is looked for together with the CRLF of the status line
 * before it, since it may be empty. False if the session can't go on. */
static bool read_buffer(struct session *s)
{
	size_t at = 0;

	for (;;) {
		char *from = s->buffer + at;
		size_t len = s->len - at;
		if (s->in_message) {
			size_t look = s->looked > at + 4 ? s->looked - 4 - at : 0;
			char *end = memmem(from + look, len - look, "\r\n.\r\n", 5);
			if (end == NULL)
				break;
			take_message(s, from + 2, (size_t)(end - from));
			s->in_message = false;
			s->answered++;
			at = (size_t)(end - s->buffer) + 5;
			ask(s);
		} else {
			char *end = memchr(from, '\n', len);
			if (end == NULL)
				break;
			if (end == from || end[-1] != '\r' || !status(s, from))
				return false;
			at = (size_t)(end - s->buffer) + 1 - (s->in_message ? 2 : 0);
		}
	}
	memmove(s->buffer, s->buffer + at, s->len - at);
	s->len -= at;
	s->looked = s->in_message ? s->len : 0;
	return true;
}

static bool make_room(struct session *s)
{
	if (s->len < s->room)
		return true;
	size_t room = s->room > 0 ? 2 * s->room : BUFFER_FIRST;
	if (room > BUFFER_MAX)
		return false;
	char *more = realloc(s->buffer, room);
	if (more == NULL)
		return false;
	s->buffer = more;
	s->room = room;
	return true;
}

static void serve(struct session *s)
{
	ssize_t n = make_room(s) ? recv(s->fd, s->buffer + s->len, s->room - s->len, 0) : -1;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close_session(s);
		return;
	}
	s->len += (size_t)n;
	if (!read_buffer(s))
		close_session(s);
}

static void run(struct collect *c)
{
	struct epoll_event events[EVENTS];
	struct session *sessions = tool_alloc(c->connections, sizeof *sessions);
	unsigned users = ledger_spec(c->ledger)->users;

	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < c->connections && c->next_user < users; i++) {
		sessions[i].collect = c;
		c->open++;
		open_session(&sessions[i]);
	}
	while (c->open > 0) {
		int n = epoll_wait(c->epoll_fd, events, EVENTS, SILENCE_MS);
		if (n == 0)
			tool_die("the server said nothing for %d s", SILENCE_MS / 1000);
		for (int i = 0; i < n; i++)
			serve(events[i].data.ptr);
	}
	close(c->epoll_fd);
	free(sessions);
}

static void read_options(struct collect *c, int argc, char **argv)
{
	static const struct option long_options[] = { { "acks", required_argument, NULL, 'a' },
		                                      { "password", required_argument, NULL, 'p' },
		                                      { "connections", required_argument, NULL, 'c' },
		                                      { "login", required_argument, NULL, 'l' },
		                                      { 0 } };
	bool understood = true;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'a')
			c->ledger = ledger_open(optarg);
		else if (option == 'p')
			c->password = optarg;
		else if (option == 'c')
			c->connections = (unsigned)tool_number("--connections", optarg, 1, SESSIONS_MAX);
		else if (option == 'l')
			c->login = optarg;
		else
			understood = false;
	}
	if (!understood || optind != argc - 1 || c->ledger == NULL || c->password == NULL) {
		fputs(usage, stderr);
		exit(64);
	}
	c->server = tool_address_parse(argv[optind]);
	if (c->login == NULL)
		c->login = ledger_spec(c->ledger)->recipients;
}

int main(int argc, char **argv)
{
	struct collect c = { .connections = 16 };

	read_options(&c, argc, argv);
	tool_raise_descriptor_limit();
	int64_t start_ns = tool_now_ns();
	run(&c);
	double seconds = (double)(tool_now_ns() - start_ns) / 1e9;
	fputc('{', stdout);
	bool good = ledger_report(c.ledger, stdout);
	printf(",\"failed_mailboxes\":%llu,\"messages\":%llu,\"octets\":%llu,\"seconds\":%.3f,\"per_s\":%.1f,"
	       "\"ok\":%s}\n",
	       (unsigned long long)c.failed_mailboxes, (unsigned long long)c.messages,
	       (unsigned long long)c.octets, seconds, (double)c.messages / seconds,
	       good && c.failed_mailboxes == 0 ? "true" : "false");
	ledger_free(c.ledger);
	if (c.failed_mailboxes > 0)
		return 69;
	return good ? 0 : 65;
}
