/* Ranges of files through a connection: doubled dots against a reference, page cache warm, cold and absent,
 * readers slow and gone, files that end too early. */
#include "net/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "session/toy_client.h"
#include "session/toy_server.h"

enum { CONTENT_SIZE = 3000000 };
static const struct connection_limits plenty = { 20000, 20000, 20000 };
static char content[CONTENT_SIZE];

/* Lines of all kinds, dots in every place, and runs of ".\r\n" that grow by half. */
static void content_make(void)
{
	static const char *const pieces[] = {
		".\r\n", "\r\n", ".", "\n", "\r", "..\r\n", "abc.def\r\n", "x"
	};

	srandom(11);
	for (size_t at = 0; at < CONTENT_SIZE;) {
		const char *piece = pieces[(size_t)random() % 8];
		size_t times = random() % 50 ? 1 : (size_t)random() % 4000;
		for (; times && at < CONTENT_SIZE; times--)
			for (const char *p = piece; *p && at < CONTENT_SIZE; p++)
				content[at++] = *p;
	}
}

static int file_with_content(bool memory)
{
	char path[] = "/tmp/range_test.XXXXXX";
	/* A memory file has no RWF_NOWAIT on many kernels: every read goes to a worker there. */
	int fd = memory ? memfd_create("range_test", MFD_CLOEXEC) : mkstemp(path);

	assert_true(fd >= 0);
	if (!memory)
		unlink(path);
	for (size_t at = 0; at < CONTENT_SIZE;) {
		ssize_t n = write(fd, content + at, CONTENT_SIZE - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	return fd;
}

static void start(struct toy_server *toy, bool memory)
{
	*toy = (struct toy_server){ .content_fd = file_with_content(memory) };
	toy_server_start(toy, 1, plenty, NULL);
}

static void stop(struct toy_server *toy)
{
	toy_server_stop(toy, 1000);
	close(toy->content_fd);
}

static void want_octet(struct client *c, char want)
{
	int got = octet(c);
	if (got != (unsigned char)want)
		print_error("want %d, got %d\n", (unsigned char)want, got);
	assert_int_equal(got, (unsigned char)want);
}

/* The definition, octet by octet. */
static void want_stuffed(struct client *c, size_t from, size_t size)
{
	bool at_line_start = true;

	for (size_t i = from; i < from + size; i++) {
		if (at_line_start && content[i] == '.')
			want_octet(c, '.');
		want_octet(c, content[i]);
		at_line_start = content[i] == '\n';
	}
	for (const char *end = at_line_start ? ".\r\n" : "\r\n.\r\n"; *end; end++)
		want_octet(c, *end);
}

static void ask(struct client *c, const char *verb, size_t from, size_t size)
{
	char text[64];

	snprintf(text, sizeof text, "%s %zu %zu\r\n", verb, from, size);
	give_z(c, text);
}

static void random_range(size_t *from, size_t *size)
{
	size_t most = random() % 10 ? 5000 : 400000;

	*from = (size_t)random() % (CONTENT_SIZE - most);
	*size = (size_t)random() % most;
}

enum { PIPELINED = 40 };

static void ranges(struct toy_server *toy, int rounds, bool cold)
{
	struct client *c = greet(toy->port);

	for (int round = 0; round < rounds; round++) {
		size_t from[PIPELINED], size[PIPELINED];
		if (cold) {
			fsync(toy->content_fd);
			posix_fadvise(toy->content_fd, 0, 0, POSIX_FADV_DONTNEED);
		}
		for (int i = 0; i < PIPELINED; i++) {
			random_range(&from[i], &size[i]);
			ask(c, i % 4 == 3 ? "FILE" : "STUFF", from[i], size[i]);
		}
		for (int i = 0; i < PIPELINED; i++) {
			if (i % 4 == 3) {
				for (size_t k = 0; k < size[i]; k++)
					want_octet(c, content[from[i] + k]);
				continue;
			}
			expect(c, "+");
			want_stuffed(c, from[i], size[i]);
		}
	}
	hang_up(c);
	wait_for(&toy->released, (uint32_t)rounds * PIPELINED);
}

static void test_warm(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	ranges(&toy, 8, false);
	stop(&toy);
}

static void test_cold(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	ranges(&toy, 8, true);
	stop(&toy);
}

static void test_no_cache(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	ranges(&toy, 8, false);
	stop(&toy);
}

/* A small window, read in small bites: nothing is lost or doubled, and a second client is served meanwhile.
 */
static void test_slow_reader(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	struct client *slow = client_new(dial(toy.port, 4096)), *other = greet(toy.port);
	expect(slow, "hello");
	ask(slow, "STUFF", 0, CONTENT_SIZE);
	ask(slow, "FILE", 0, 1000);
	give_z(slow, "ECHO after\r\n");
	pause_ms(100);
	give_z(other, "ECHO there\r\n");
	expect(other, "there");
	expect(slow, "+");
	want_stuffed(slow, 0, CONTENT_SIZE);
	for (size_t i = 0; i < 1000; i++)
		want_octet(slow, content[i]);
	expect(slow, "after");
	hang_up(slow);
	hang_up(other);
	wait_for(&toy.released, 2);
	stop(&toy);
}

/* Every range is released once, whenever its reader goes. */
static void test_readers_gone(void **state)
{
	enum { READERS = 100 };
	struct linger reset = { 1, 0 };

	(void)state;
	for (int memory = 0; memory < 2; memory++) {
		struct toy_server toy;
		start(&toy, memory);
		for (int i = 0; i < READERS; i++) {
			struct client *c = greet(toy.port);
			ask(c, "STUFF", 0, CONTENT_SIZE);
			ask(c, "FILE", 0, 10);
			if (i % 2) {
				expect(c, "+");
				pause_ms(i % 5);
			}
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			hang_up(c);
		}
		wait_for(&toy.closed, READERS);
		stop(&toy);
		assert_in_range(toy.released, READERS / 2, READERS * 2);
		print_message("%u ranges released\n", (unsigned)toy.released);
	}
}

/* Every worker busy and their queue full: the range is read when there is room again. */
struct busy {
	struct post post;
	struct toy_server *toy;
	struct job jobs[LIMIT_WORK_QUEUE + 64];
	sem_t gate, filled;
};

static struct busy busy;

static void stand(struct job *job)
{
	(void)job;
	sem_wait(&busy.gate);
}

static void stood(struct job *job) { (void)job; }

static void fill_queue(struct post *post)
{
	(void)post;
	for (size_t i = 0, refused = 0; i < sizeof busy.jobs / sizeof busy.jobs[0] && refused < 100; i++) {
		busy.jobs[i] = (struct job){ .run = stand, .done = stood };
		while (work_submit(busy.toy->work, WORK_READ, &busy.jobs[i]).code != ERR_OK &&
		       refused++ < 100)
			pause_ms(1); /* workers still take the first ones from it */
	}
	sem_post(&busy.filled);
}

static void test_busy_workers(void **state)
{
	struct toy_server toy;
	struct pollfd readable = { .events = POLLIN };

	(void)state;
	start(&toy, true);
	struct client *c = greet(toy.port);
	busy.toy = &toy;
	busy.post.run = fill_queue;
	sem_init(&busy.gate, 0, 0);
	sem_init(&busy.filled, 0, 0);
	loop_post(loops_get(toy.loops, 0), &busy.post);
	sem_wait(&busy.filled);
	ask(c, "STUFF", 0, 100000);
	expect(c, "+");
	readable.fd = c->fd;
	assert_int_equal(poll(&readable, 1, 300), 0);
	for (size_t i = 0; i < 2 * (sizeof busy.jobs / sizeof busy.jobs[0]); i++)
		sem_post(&busy.gate);
	want_stuffed(c, 0, 100000);
	hang_up(c);
	stop(&toy);
	sem_destroy(&busy.gate);
	sem_destroy(&busy.filled);
}

/* A file that ends before its range: the reader must see a broken connection, never a message cut short. */
static void test_damaged(void **state)
{
	(void)state;
	for (int memory = 0; memory < 2; memory++) {
		struct toy_server toy;
		size_t count = 0;
		start(&toy, memory);
		struct client *c = greet(toy.port);
		ask(c, "STUFF", CONTENT_SIZE - 100, 101);
		while (octet(c) >= 0)
			count++;
		assert_in_range(count, 0, 260);
		hang_up(c);
		wait_for(&toy.closed, 1);
		wait_for(&toy.released, 1);
		stop(&toy);
	}
}

/* Asking for more and more without reading: the server holds one window, not everything. */
static void test_bounded(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	struct client *c = client_new(dial(toy.port, 4096));
	for (int i = 0; i < 2000; i++)
		ask(c, "FILE", 0, CONTENT_SIZE);
	pause_ms(200);
	assert_in_range(toy.released, 0, 5); /* the kernel's buffers take one or two */
	hang_up(c);
	wait_for(&toy.closed, 1);
	stop(&toy);
	assert_in_range(toy.released, 1, 6);
}

/* With "tls" all of it under TLS. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warm),         cmocka_unit_test(test_cold),
		cmocka_unit_test(test_no_cache),     cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_readers_gone), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_busy_workers), cmocka_unit_test(test_bounded),
	};
	if (argc > 1 && strcmp(argv[1], "tls") == 0)
		toy_begin_with_tls();
	content_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
