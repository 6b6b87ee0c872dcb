/* bench/round_trip.c: what the machine allows a server that is asked for one thing after the other: a short
 * question and an answer of --size octets over loopback, again and again, between two processes that do
 * nothing else. Most of it is each waking the other. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

enum { SIZE_MAX_OCTETS = 65536 };

static const char usage[] = "usage: round-trip --count N --size OCTETS (of each answer, up to 65536)\n";
static const char question[] = "RETR 12345\r\n";
static char octets[SIZE_MAX_OCTETS];

static void no_delay(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Waits as a server of many connections has to. */
_Noreturn static void answer_all(int listener, size_t size)
{
	int fd = accept(listener, NULL, NULL), waiter = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	char text[sizeof question];

	if (fd < 0 || waiter < 0 || epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &event) < 0)
		tool_die("no connection to answer on");
	no_delay(fd);
	while (epoll_wait(waiter, &event, 1, -1) >= 0 && read(fd, text, sizeof text) > 0)
		if (write(fd, octets, size) != (ssize_t)size)
			break;
	_exit(0);
}

static void ask_once(int fd, size_t size)
{
	size_t got = 0;

	if (write(fd, question, sizeof question - 1) < 0)
		tool_die("the connection is lost");
	while (got < size) {
		ssize_t n = read(fd, octets, sizeof octets);
		if (n <= 0)
			tool_die("the connection is lost");
		got += (size_t)n;
	}
}

static int listen_anywhere(struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (const struct sockaddr *)at, len) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) < 0)
		tool_die("no port to listen on");
	return fd;
}

static double ask_all(uint64_t count, size_t size)
{
	struct sockaddr_in at;
	int listener = listen_anywhere(&at);
	pid_t child = fork();

	if (child == 0)
		answer_all(listener, size);
	/* Not before: the child would hold it open, too, and never see its end. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || child < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
		tool_die("connecting failed");
	no_delay(fd);
	int64_t start_ns = tool_now_ns();
	for (uint64_t i = 0; i < count; i++)
		ask_once(fd, size);
	double us = (double)(tool_now_ns() - start_ns) / 1e3;
	close(fd);
	waitpid(child, NULL, 0);
	return us / (double)count;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "count", required_argument, NULL, 'c' },
		                                      { "size", required_argument, NULL, 's' },
		                                      { 0 } };
	uint64_t count = 0, size = 0;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'c')
			count = tool_number("--count", optarg, 1, 1000000000);
		else if (option == 's')
			size = tool_number("--size", optarg, 1, SIZE_MAX_OCTETS);
		else
			count = size = 0;
	}
	if (optind != argc || count == 0 || size == 0) {
		fputs(usage, stderr);
		exit(64);
	}
	printf("{\"count\":%llu,\"size\":%llu,\"us\":%.3f}\n", (unsigned long long)count,
	       (unsigned long long)size, ask_all(count, (size_t)size));
	return 0;
}
