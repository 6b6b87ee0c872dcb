/* The session skeleton and the connection below it, by a toy protocol over real loopback sockets. */
#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "session/toy_client.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };

static void start(struct toy_server *toy, unsigned loops)
{
	*toy = (struct toy_server){ .content_fd = -1 };
	toy_server_start(toy, loops, plenty, NULL);
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
	str echo = STR("ECHO ");
	struct toy_server toy;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	memset(text, 'y', sizeof text);
	/* The limit is 1,024 with CRLF: at it, one past it, and far past it in pieces with a bare LF inside.
	 */
	memcpy(text, echo.ptr, echo.len);
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

/* A long answer goes on as the client takes it, and the next command follows it. */
static void test_drained(void **state)
{
	enum { COUNT = 300000 };
	struct toy_server toy;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	give_z(c, "COUNT 300000\r\nECHO next\r\n");
	for (int i = 1; i <= COUNT; i++) {
		char want[16];
		snprintf(want, sizeof want, "%d", i);
		expect(c, want);
	}
	expect(c, "next");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* Who asks for much and does not read meets the time-out: in the middle of a command and between two. */
static void test_deaf(void **state)
{
	static const char *const asks[] = { "COUNT 100000000\r\n", "BIG 30000000\r\nECHO a\r\n" };
	struct toy_server toy = { .timeout_ms = 300 };

	(void)state;
	toy_server_start(&toy, 1, plenty, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct client *c = client_new(dial(toy.port, 4096));
		give_z(c, asks[i]);
		wait_for(&toy.timed_out, (uint32_t)i + 1);
		hang_up(c);
	}
	wait_for(&toy.closed, 2);
	toy_server_stop(&toy, 1000);
}

/* --- waiting, ends --- */

/* The peer goes away at each state; every session is closed once and every wait ends once. */
static void test_aborts(void **state)
{
	static const char *const states[] = {
		"",
		"ECHO",
		"ECHO a\r",
		"WAIT 50 x\r\n",
		"WAIT 50 x\r\nECHO y\r\nEC",
		"DATA\r\n",
		"DATA\r\n.",
		"DATA\r\na\r\n.\r",
		"BIG 10000000\r\n",
		"WAIT 50 x\r\nBIG 100000\r\n",
	};
	enum { STATES = sizeof states / sizeof states[0], ROUNDS = 20 };
	struct toy_server toy;
	uint32_t waits = 0;

	(void)state;
	start(&toy, 2);
	for (uint32_t i = 0; i < STATES * ROUNDS; i++) {
		struct client *c = greet(toy.port);
		const char *text = states[i % STATES];
		struct linger reset = { 1, 0 };
		give_z(c, text);
		pause_ms(i % 3 * 2);
		/* Every other one with a reset, which the server sees at once. */
		if (i / STATES % 2)
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		waits += strncmp(text, "WAIT", 4) == 0;
		hang_up(c);
	}
	wait_for(&toy.closed, STATES * ROUNDS);
	toy_server_stop(&toy, 1000);
	assert_int_equal(toy.opened, STATES * ROUNDS);
	assert_int_equal(toy.closed, STATES * ROUNDS);
	print_message("%u waits, %u abandoned\n", waits, (unsigned)toy.abandoned);
	assert_in_range(toy.abandoned, 1, waits);
}

static void test_abort_by_session(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	give_z(c, "ECHO lost\r\nABORT\r\nECHO never\r\n");
	int end = octet(c); /* what was queued is dropped, what follows is not looked at */
	assert_true(end == -1 || end == -2);
	hang_up(c);
	wait_for(&toy.closed, 1);
	toy_server_stop(&toy, 1000);
}

/* What came before the peer's FIN is answered. */
static void test_half_close(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, 1);
	struct client *c = greet(toy.port);
	give_z(c, "ECHO one\r\nWAIT 20 two\r\nECHO three\r\nECHO unfinished");
	shutdown(c->fd, SHUT_WR);
	expect(c, "one");
	expect(c, "two");
	expect(c, "three");
	expect(c, "<end>");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* The last reply arrives although the client still sends: our side ends first, and no reset overtakes it. */
static void test_close_over_input(void **state)
{
	enum { ROUNDS = 20 };
	static char flood[1 << 20] = "QUIT\r\n";
	struct toy_server toy;

	(void)state;
	if (toy_begins_with_tls())
		skip(); /* the flood is octets in the clear */
	start(&toy, 1);
	memset(flood + 6, 'z', sizeof flood - 6);
	for (int i = 0; i < ROUNDS; i++) {
		struct client *c = greet(toy.port);
		send(c->fd, flood, sizeof flood, MSG_NOSIGNAL | MSG_DONTWAIT);
		pause_ms(5);
		expect(c, "bye");
		expect(c, "<end>");
		hang_up(c);
	}
	wait_for(&toy.closed, ROUNDS);
	toy_server_stop(&toy, 1000);
}

/* A wait that ends while its session is closing is abandoned, though the session is still there. */
static void test_wait_outlives_command(void **state)
{
	struct toy_server toy;
	size_t count = 0;

	(void)state;
	start(&toy, 1);
	struct client *c = client_new(dial(toy.port, 4096));
	expect(c, "hello");
	give_z(c, "LEAVE 30\r\n");
	wait_for(&toy.abandoned, 1);
	assert_int_equal(toy.closed, 0);
	while (octet(c) >= 0)
		count++;
	assert_int_equal(count, 3000002);
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* Thousands of lines that came at once do not hold up the one line of another client. */
static void test_fairness(void **state)
{
	enum { LINES = 5000 };
	static char many[LINES * 5 + 1];
	str seq = STR("SEQ\r\n");
	struct toy_server toy;
	uint64_t place;

	(void)state;
	start(&toy, 1);
	struct client *holder = greet(toy.port), *greedy = greet(toy.port), *modest = greet(toy.port);
	for (size_t i = 0; i < LINES; i++)
		memcpy(many + i * seq.len, seq.ptr, seq.len);
	/* All of it arrives while the loop stands still, the greedy client's lines first. */
	give_z(holder, "HOLD 200\r\n");
	pause_ms(50);
	give_z(greedy, many);
	give_z(modest, "SEQ\r\n");
	assert_true(str_to_u64(take(modest), LINES + 1, &place));
	print_message("place %u\n", (unsigned)place);
	assert_in_range(place, 1, 500);
	for (size_t i = 0; i < LINES; i++)
		take(greedy);
	assert_int_equal(toy.sequence, LINES + 1);
	hang_up(holder);
	hang_up(greedy);
	hang_up(modest);
	toy_server_stop(&toy, 1000);
}

static void test_timeout(void **state)
{
	struct toy_server toy = { .timeout_ms = 300 };

	(void)state;
	toy_server_start(&toy, 1, plenty, NULL);
	struct client *idle = greet(toy.port), *waiting = greet(toy.port), *busy = greet(toy.port);
	give_z(waiting, "WAIT 900 done\r\n");
	for (int i = 0; i < 6; i++) {
		pause_ms(100);
		give_z(busy, "ECHO a\r\n");
		expect(busy, "a");
	}
	expect(idle, "421 idle");
	expect(idle, "<end>");
	expect(waiting, "done"); /* who waits for the server is not idle */
	expect(waiting, "421 idle");
	expect(busy, "421 idle");
	hang_up(idle);
	hang_up(waiting);
	hang_up(busy);
	toy_server_stop(&toy, 1000);
}

/* --- shutdown --- */

static void *stop_in_background(void *toy)
{
	toy_server_stop(toy, 2000);
	return NULL;
}

static void test_shutdown(void **state)
{
	struct toy_server toy;
	pthread_t thread;

	(void)state;
	start(&toy, 2);
	struct client *idle = greet(toy.port), *waiting = greet(toy.port), *inside = greet(toy.port),
		      *half = greet(toy.port);
	give_z(waiting, "WAIT 300 done\r\nECHO not any more\r\n");
	give_z(inside, "DATA\r\nabc\r\n");
	expect(inside, "354");
	give_z(half, "ECH");
	pause_ms(50);
	assert_int_equal(pthread_create(&thread, NULL, stop_in_background, &toy), 0);
	expect(idle, "421 stopping");
	expect(idle, "<end>");
	expect(half, "421 stopping");
	give_z(inside, ".\r\n");
	assert_true(str_starts(take(inside), STR("250 8 ")));
	expect(inside, "421 stopping");
	expect(waiting, "done");
	expect(waiting, "421 stopping");
	hang_up(idle);
	hang_up(waiting);
	hang_up(inside);
	hang_up(half);
	pthread_join(thread, NULL);
	assert_int_equal(toy.closed, 4);
}

/* Who stays inside DATA is cut off when patience ends, and so is one that does not read. */
static void test_shutdown_patience(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, 2);
	struct client *inside = greet(toy.port), *deaf = greet(toy.port);
	give_z(inside, "DATA\r\n");
	give_z(deaf, "BIG 30000000\r\n");
	expect(inside, "354");
	pause_ms(50);
	int64_t begin = clock_tick_ms();
	toy_server_stop(&toy, 400);
	assert_in_range(clock_tick_ms() - begin, 300, 1500);
	assert_int_equal(toy.closed, 2);
	hang_up(inside);
	hang_up(deaf);
}

/* With "tls" all of it under TLS from the first octet. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogue),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_drained),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_aborts),
		cmocka_unit_test(test_abort_by_session),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_close_over_input),
		cmocka_unit_test(test_wait_outlives_command),
		cmocka_unit_test(test_fairness),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_shutdown_patience),
	};
	if (argc > 1 && strcmp(argv[1], "tls") == 0)
		toy_begin_with_tls();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
