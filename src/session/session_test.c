/* The session skeleton and the connection below it, by a toy protocol over real loopback sockets. */
#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };

static void start(struct toy_server *toy, unsigned loops)
{
	*toy = (struct toy_server){ .content_fd = -1 };
	toy_server_start(toy, loops, plenty, NULL);
}

/* --- a blocking client --- */

struct client {
	int fd;
	char in[1 << 16];
	size_t from, len;
};

static int dial(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { 20, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void give(struct client *c, str octets)
{
	while (octets.len) {
		ssize_t n = send(c->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
		assert_true(n > 0);
		octets = str_from(octets, (size_t)n);
	}
}

/* One octet; -1 at the end, -2 after a reset. */
static int octet(struct client *c)
{
	if (c->from == c->len) {
		ssize_t n = recv(c->fd, c->in, sizeof c->in, 0);
		if (n <= 0)
			return n == 0 ? -1 : -2;
		c->from = 0;
		c->len = (size_t)n;
	}
	return (unsigned char)c->in[c->from++];
}

/* A line without its CRLF, into a static buffer. */
static str take(struct client *c)
{
	static char text[4096];
	size_t len = 0;
	int o;

	while ((o = octet(c)) >= 0 && len < sizeof text) {
		text[len++] = (char)o;
		if (len >= 2 && text[len - 2] == '\r' && text[len - 1] == '\n')
			return (str){ text, len - 2 };
	}
	return o == -1 ? STR("<end>") : STR("<reset>");
}

static void expect(struct client *c, const char *want)
{
	str got = take(c);
	if (!str_eq(got, str_of(want)))
		print_error("want \"%s\", got \"" STR_FMT "\"\n", want, STR_ARG(got));
	assert_true(str_eq(got, str_of(want)));
}

static struct client *greet(uint16_t port)
{
	struct client *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->fd = dial(port);
	assert_true(c->fd >= 0);
	expect(c, "hello");
	return c;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	free(c);
}

static void wait_for(_Atomic uint32_t *counter, uint32_t want)
{
	for (int i = 0; i < 2000 && *counter != want; i++) {
		struct timespec ms = { 0, 5000000 };
		nanosleep(&ms, NULL);
	}
	assert_int_equal(*counter, want);
}

/* --- dialogues: the same by lines, by octets, all at once --- */

static const struct step {
	const char *send, *want; /* want: lines, each with its CRLF */
} dialogue[] = {
	{ "ECHO one\r\n", "one\r\n" },
	{ "ECHO \r\n", "\r\n" },
	{ "what\r\n", "500 what\r\n" },
	{ "bare\nlf\r\n", "500 bare\nlf\r\n" },
	{ "bare\rcr\r\n", "500 bare\rcr\r\n" },
	{ "WAIT 3 later\r\n", "later\r\n" },
	{ "DATA\r\n", "354\r\n" },
	{ "a\r\n..b\r\n.\r\n", "250 11 1408555017\r\n" },
	{ "DATA\r\n", "354\r\n" },
	{ ".\r\n", "250 3 3273556631\r\n" },
	{ "WAIT 0 x\r\n", "x\r\n" },
	{ "WAIT 1 y\r\n", "y\r\n" },
	{ "WAIT x y\r\n", "500 WAIT\r\n" },
	{ "QUIT\r\n", "bye\r\n" },
};

enum manner { BY_LINE, BY_OCTET, AT_ONCE };

static void play(struct client *c, enum manner manner)
{
	struct buf all;
	struct arena arena;

	arena_init(&arena, NULL, 1 << 20);
	buf_init(&all, &arena, 1 << 16);
	for (size_t i = 0; i < sizeof dialogue / sizeof dialogue[0]; i++)
		buf_add(&all, str_of(dialogue[i].send));
	if (manner == AT_ONCE)
		give(c, buf_str(&all));
	for (size_t i = 0; i < sizeof dialogue / sizeof dialogue[0]; i++) {
		str send = str_of(dialogue[i].send);
		if (manner == BY_LINE)
			give(c, send);
		for (size_t at = 0; manner == BY_OCTET && at < send.len; at++)
			give(c, str_slice(send, at, at + 1));
		for (const char *w = dialogue[i].want; w && *w; w++) {
			int got = octet(c);
			if (got != (unsigned char)*w)
				print_error("after \"%s\": want \"%s\", got %d\n", dialogue[i].send, w, got);
			assert_int_equal(got, (unsigned char)*w);
		}
	}
	assert_int_equal(octet(c), -1);
	arena_reset(&arena);
}

static void test_dialogue(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, 2);
	for (int round = 0; round < 9; round++) {
		struct client *c = greet(toy.port);
		print_message("manner %d\n", round % 3);
		play(c, (enum manner)(round % 3));
		hang_up(c);
	}
	wait_for(&toy.closed, 9);
	toy_server_stop(&toy, 1000);
	assert_int_equal(toy.opened, 9);
}

/* --- long lines, many lines --- */

static void test_long_lines(void **state)
{
	static char text[300000];
	struct toy_server toy;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	memset(text, 'y', sizeof text);
	/* The limit is 1,024 with CRLF: at it, one past it, and far past it in pieces with a bare LF inside.
	 */
	memcpy(text, "ECHO ", 5);
	give(c, (str){ text, 1022 });
	give(c, CRLF);
	assert_int_equal(take(c).len, 1022 - 5);
	give(c, (str){ text, 1023 });
	give(c, CRLF);
	expect(c, "500 too long");
	text[2000] = '\n';
	give(c, (str){ text, sizeof text });
	give(c, STR("\r"));
	give(c, STR("\nECHO next\r\n"));
	expect(c, "500 too long");
	expect(c, "next");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

static void test_pipelined(void **state)
{
	enum { LINES = 20000 };
	struct toy_server toy;
	struct arena arena;
	struct buf all;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	arena_init(&arena, NULL, 8 << 20);
	buf_init(&all, &arena, 2 << 20);
	for (unsigned i = 0; i < LINES; i++)
		buf_add_format(&all, i % 500 ? "ECHO %u\r\n" : "WAIT 1 %u\r\n", i);
	assert_int_equal(buf_err(&all).code, ERR_OK);
	give(c, buf_str(&all));
	for (unsigned i = 0; i < LINES; i++) {
		char want[16];
		snprintf(want, sizeof want, "%u", i);
		expect(c, want);
	}
	arena_reset(&arena);
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_pipelined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
