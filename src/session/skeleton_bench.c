/* What the skeleton itself costs: requests a second and CPU a request of the toy protocol, from a client
 * process that does nothing but send and count, and the memory of idle connections.
 *
 *   skeleton_bench            all rows
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 30000, 30000, 30000 };

struct row {
	const char *what, *request, *reply;
	unsigned loops, connections, depth;
};

/* clang-format off */
static const struct row rows[] = {
	{ "one after the other",     "ECHO 0123456789\r\n",   "0123456789\r\n", 1,  64,  1 },
	{ "pipelined by 10",         "ECHO 0123456789\r\n",   "0123456789\r\n", 1,  64, 10 },
	{ "pipelined by 100",        "ECHO 0123456789\r\n",   "0123456789\r\n", 1,  64, 100 },
	{ "a job each",              "WAIT 0 0123456789\r\n", "0123456789\r\n", 1,  64,  1 },
	{ "one after the other",     "ECHO 0123456789\r\n",   "0123456789\r\n", 2,  64,  1 },
};
/* clang-format on */

enum { MEASURE_MS = 2000 };

static double cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int dial(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		perror("connect");
		_exit(1);
	}
	return fd;
}

static void greeting(int fd)
{
	char text[16];

	for (size_t got = 0; got < 7;) {
		ssize_t n = read(fd, text + got, 7 - got);
		if (n <= 0)
			_exit(1);
		got += (size_t)n;
	}
}

/* The client: answers each whole batch of replies with the next batch of requests; tells how many by `out`.
 */
static void client(const struct row *row, uint16_t port, int out)
{
	static char requests[1 << 16], buffer[1 << 17];
	size_t request = strlen(row->request), want = strlen(row->reply) * row->depth;
	size_t *missing = calloc(row->connections + 4096u, sizeof *missing);
	int poll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t done = 0;

	for (unsigned i = 0; i < row->depth; i++)
		memcpy(requests + i * request, row->request, request);
	for (unsigned i = 0; i < row->connections; i++) {
		int fd = dial(port);
		struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
		greeting(fd);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
		missing[fd] = want;
		if (write(fd, requests, request * row->depth) < 0)
			_exit(1);
	}
	int64_t end = clock_tick_ms() + MEASURE_MS;
	while (clock_tick_ms() < end) {
		struct epoll_event events[64];
		int n = epoll_wait(poll, events, 64, 100);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			ssize_t got = read(fd, buffer, sizeof buffer);
			if (got <= 0 || (size_t)got > missing[fd])
				_exit(1);
			missing[fd] -= (size_t)got;
			if (missing[fd])
				continue;
			missing[fd] = want;
			done += row->depth;
			if (write(fd, requests, request * row->depth) < 0)
				_exit(1);
		}
	}
	if (write(out, &done, sizeof done) != sizeof done)
		_exit(1);
	_exit(0);
}

static void measure(const struct row *row)
{
	struct toy_server toy = { .content_fd = -1 };
	int port[2], result[2];
	uint64_t done = 0;

	if (pipe(port) != 0 || pipe(result) != 0)
		abort();
	/* The client is another process, so that this one's CPU is the server's. */
	pid_t child = fork();
	if (child == 0) {
		uint16_t p;
		if (read(port[0], &p, sizeof p) != sizeof p)
			_exit(1);
		client(row, p, result[1]);
	}
	toy_server_start(&toy, row->loops, plenty, NULL);
	double before = cpu_s(RUSAGE_SELF);
	if (write(port[1], &toy.port, sizeof toy.port) != sizeof toy.port ||
	    read(result[0], &done, sizeof done) != sizeof done)
		abort();
	double cpu = cpu_s(RUSAGE_SELF) - before;
	waitpid(child, NULL, 0);
	toy_server_stop(&toy, 1000);
	for (int i = 0; i < 2; i++) {
		close(port[i]);
		close(result[i]);
	}
	printf("%u loop(s), %2u connections, %-20s %8.0f/s %6.2f us CPU a request\n", row->loops,
	       row->connections, row->what, (double)done * 1000 / MEASURE_MS, cpu * 1e6 / (double)done);
	(void)fflush(stdout);
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long all = 0, pages = 0;

	if (!f || fscanf(f, "%lu %lu", &all, &pages) != 2)
		abort();
	(void)fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Leaves half a line behind a batch of many: what an idle connection may hold at worst. */
static void leave_half_a_line(int fd)
{
	static char batch[40000];
	size_t len = sizeof batch - sizeof batch % 6;

	for (size_t i = 0; i < len; i++)
		batch[i] = "ECHO\r\n"[i % 6];
	for (size_t sent = 0; sent < len + 3;) {
		ssize_t n = sent < len ? write(fd, batch + sent, len - sent) : write(fd, "ECH", 3);
		if (n <= 0)
			_exit(1);
		sent += (size_t)n;
	}
	for (size_t got = 0; got < len / 6 * 2;) {
		ssize_t n = read(fd, batch, sizeof batch);
		if (n <= 0)
			_exit(1);
		got += (size_t)n;
	}
}

static void idle(unsigned connections, bool half_a_line)
{
	struct toy_server toy = { .content_fd = -1 };
	int port[2], ready[2];
	char byte = 0;

	if (pipe(port) != 0 || pipe(ready) != 0)
		abort();
	pid_t child = fork();
	if (child == 0) {
		uint16_t p;
		if (read(port[0], &p, sizeof p) != sizeof p)
			_exit(1);
		for (unsigned i = 0; i < connections; i++) {
			int fd = dial(p);
			greeting(fd);
			if (half_a_line)
				leave_half_a_line(fd);
		}
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	toy_server_start(&toy, 2, plenty, NULL);
	size_t before = resident();
	if (write(port[1], &toy.port, sizeof toy.port) != sizeof toy.port || read(ready[0], &byte, 1) != 1)
		abort();
	size_t after = resident();
	double cpu = cpu_s(RUSAGE_SELF);
	struct timespec two = { 2, 0 };
	nanosleep(&two, NULL);
	printf("%u idle connections%s: %zu octets each, %.2f %% of a core; at rest before %.1f MB\n",
	       connections, half_a_line ? " with half a line" : "", (after - before) / connections,
	       (cpu_s(RUSAGE_SELF) - cpu) * 50, (double)before / 1e6);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	toy_server_stop(&toy, 5000);
}

int main(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		measure(&rows[i]);
	idle(10000, false);
	idle(5000, true);
	return 0;
}
