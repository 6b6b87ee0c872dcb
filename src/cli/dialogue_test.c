#include "cli/dialogue.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limits.h"

enum { MANY = 4 * LIMIT_MB, PATIENCE_S = 60 };

struct setting {
	struct arena arena;
	int server[2], in[2], out[2]; /* [0] is ours to pass; of `in` and `out` what a pipe calls so */
};

/* A write, or a read, of MANY octets by somebody else. */
struct helper {
	pthread_t thread;
	int fd;
	size_t count; /* octets that went through, in order */
};

static char octet_at(size_t at) { return (char)('a' + at % 26); }

static void write_many(struct helper *h)
{
	char octets[4096];

	while (h->count < MANY) {
		for (size_t i = 0; i < sizeof octets; i++)
			octets[i] = octet_at(h->count + i);
		ssize_t n = write(h->fd, octets, sizeof octets);
		assert_true(n > 0);
		h->count += (size_t)n;
	}
}

static void read_many(struct helper *h)
{
	char octets[4096];
	ssize_t n;

	while ((n = read(h->fd, octets, sizeof octets)) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(octets[i], octet_at(h->count++));
}

static void *client_writes(void *helper)
{
	struct helper *h = helper;

	write_many(h);
	close(h->fd);
	return NULL;
}

static void *client_reads(void *helper)
{
	read_many(helper);
	return NULL;
}

/* Says all that it has to say before it reads anything. */
static void *stubborn_server(void *helper)
{
	struct helper *h = helper;

	write_many(h);
	h->count = 0;
	read_many(h);
	close(h->fd);
	return NULL;
}

static int set_up(void **state)
{
	static struct setting s;

	arena_init(&s.arena, NULL, LIMIT_MB);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s.server), 0);
	assert_int_equal(pipe(s.in), 0);
	assert_int_equal(pipe(s.out), 0);
	alarm(PATIENCE_S); /* what waits for ever fails */
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct setting *s = *state;

	alarm(0);
	close(s->server[0]);
	close(s->in[0]);
	close(s->out[1]);
	arena_reset(&s->arena);
	return 0;
}

static void test_neither_way_waits(void **state)
{
	struct setting *s = *state;
	struct helper server = { .fd = s->server[1] }, writer = { .fd = s->in[1] },
		      reader = { .fd = s->out[0] };

	pthread_create(&server.thread, NULL, stubborn_server, &server);
	pthread_create(&writer.thread, NULL, client_writes, &writer);
	pthread_create(&reader.thread, NULL, client_reads, &reader);
	assert_int_equal(dialogue_pass(&s->arena, s->server[0], s->in[0], s->out[1]).code, ERR_OK);
	pthread_join(server.thread, NULL);
	assert_int_equal(server.count, MANY);
	pthread_join(writer.thread, NULL);
	close(s->out[1]);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.count, MANY);
	s->out[1] = FILE_NONE;
	close(s->out[0]);
}

/* A server that hangs up on what it was sent is heard to its end, and so is one that a client never ends. */
static void test_last_words(void **state)
{
	struct setting *s = *state;
	char heard[64] = "";

	assert_int_equal(write(s->server[1], "421 4.3.2 Bye\r\n", 15), 15);
	assert_int_equal(write(s->in[1], "EHLO x\r\n", 8), 8);
	close(s->server[1]);
	assert_int_equal(dialogue_pass(&s->arena, s->server[0], s->in[0], s->out[1]).code, ERR_OK);
	assert_int_equal(read(s->out[0], heard, sizeof heard - 1), 15);
	assert_string_equal(heard, "421 4.3.2 Bye\r\n");
	close(s->in[1]);
	close(s->out[0]);
}

static void test_nobody_reads(void **state)
{
	struct setting *s = *state;

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(write(s->server[1], "220 hello\r\n", 11), 11);
	close(s->out[0]);
	assert_int_equal(dialogue_pass(&s->arena, s->server[0], s->in[0], s->out[1]).code, ERR_IO);
	close(s->server[1]);
	close(s->in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_neither_way_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_last_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_reads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
