#include "tool.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { HOST_PORT_MAX = 128, BACKLOG = 4096 };

void tool_die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

int64_t tool_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint64_t tool_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		tool_die("%s %s: give a number from %llu to %llu", option, text, (unsigned long long)min,
		         (unsigned long long)max);
	return value;
}

struct tool_address tool_address_parse(const char *host_port)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		                        .ai_socktype = SOCK_STREAM };
	struct tool_address address = { 0 };
	struct addrinfo *found = NULL;
	char host[HOST_PORT_MAX];
	const char *colon = strrchr(host_port, ':');

	if (colon == NULL || (size_t)(colon - host_port) >= sizeof host)
		tool_die("%s: write HOST:PORT", host_port);
	size_t len = (size_t)(colon - host_port);
	bool bracketed = len >= 2 && host_port[0] == '[' && host_port[len - 1] == ']';
	snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len),
	         host_port + (bracketed ? 1 : 0));
	int failed = getaddrinfo(host, colon + 1, &hints, &found);
	if (failed != 0)
		tool_die("%s: %s", host_port, gai_strerror(failed));
	memcpy(&address.to, found->ai_addr, found->ai_addrlen);
	address.len = found->ai_addrlen;
	freeaddrinfo(found);
	return address;
}

int tool_connect(const struct tool_address *address)
{
	const int on = 1;
	int fd = socket(address->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)&address->to, address->len) != 0 && errno != EINPROGRESS) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

int tool_listen(const struct tool_address *address, bool shared)
{
	const int on = 1;
	int fd = socket(address->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		tool_die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&address->to, address->len) != 0 || listen(fd, BACKLOG) != 0)
		tool_die("listening: %s", strerror(errno));
	return fd;
}

void tool_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void *tool_alloc(size_t n, size_t size)
{
	void *made = calloc(n, size);

	if (made == NULL)
		tool_die("out of memory for %zu times %zu octets", n, size);
	return made;
}
