#include "session/toy_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/toy_tls.h"

static bool tls_first;

void toy_begin_with_tls(void) { tls_first = true; }

bool toy_begins_with_tls(void) { return tls_first; }

/* Like the tests' own assertions, of which only they may speak: says what was wrong and ends. */
static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "toy client: %s\n", what);
	abort();
}

static int connected(int fd, const struct sockaddr *sa, socklen_t size)
{
	struct timeval limit = { 20, 0 };

	must(fd >= 0, "no socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	must(connect(fd, sa, size) == 0, "not connected");
	return fd;
}

int dial(uint16_t port, int receive_octets)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (receive_octets)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_octets, sizeof receive_octets);
	return connected(fd, (struct sockaddr *)&sa, sizeof sa);
}

int dial_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	must(strlen(path) < sizeof sa.sun_path, "path too long");
	memcpy(sa.sun_path, path, strlen(path));
	return connected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&sa, sizeof sa);
}

struct client *client_new(int fd)
{
	struct client *c = calloc(1, sizeof *c);

	must(c != NULL, "no memory");
	c->fd = fd;
	if (tls_first)
		secure(c);
	return c;
}

void secure(struct client *c)
{
	c->tls = toy_tls_connect(c->fd);
	must(c->tls != NULL, "no handshake");
}

struct client *greet(uint16_t port)
{
	struct client *c = client_new(dial(port, 0));

	expect(c, "hello");
	return c;
}

void hang_up(struct client *c)
{
	toy_tls_free(c->tls);
	close(c->fd);
	free(c);
}

void give(struct client *c, str octets)
{
	while (octets.len) {
		ssize_t n = c->tls ? toy_tls_send(c->tls, octets.ptr, octets.len)
		                   : send(c->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
		must(n > 0, "not sent");
		octets = str_from(octets, (size_t)n);
	}
}

void give_z(struct client *c, const char *text) { give(c, str_of(text)); }

int octet(struct client *c)
{
	if (c->from == c->len) {
		ssize_t n = c->tls ? toy_tls_receive(c->tls, c->in, sizeof c->in)
		                   : recv(c->fd, c->in, sizeof c->in, 0);
		if (n <= 0)
			return n == 0 ? -1 : -2;
		c->from = 0;
		c->len = (size_t)n;
	}
	return (unsigned char)c->in[c->from++];
}

str take(struct client *c)
{
	size_t len = 0;
	int o = 0;

	while (len < sizeof c->line && (o = octet(c)) >= 0) {
		c->line[len++] = (char)o;
		if (len >= 2 && c->line[len - 2] == '\r' && c->line[len - 1] == '\n')
			return (str){ c->line, len - 2 };
	}
	return o == -1 ? STR("<end>") : STR("<reset>");
}

void expect(struct client *c, const char *want)
{
	str got = take(c);

	if (!str_eq(got, str_of(want)))
		fprintf(stderr, "want \"%s\", got \"" STR_FMT "\"\n", want, STR_ARG(got));
	must(str_eq(got, str_of(want)), "another line");
}

void pause_ms(long ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

void wait_for(_Atomic uint32_t *counter, uint32_t want)
{
	for (int i = 0; i < 2000 && *counter != want; i++)
		pause_ms(5);
	must(*counter == want, "counter did not get there");
}
