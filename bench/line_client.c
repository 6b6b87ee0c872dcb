#include "line_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, COMMAND_MAX = 1024 };

SSL_CTX *line_client_tls(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL)
		tool_die("no TLS");
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	return tls;
}

static bool bind_source(int fd, const char *source)
{
	const int on = 1;
	struct sockaddr_in from = { .sin_family = AF_INET };

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	return inet_pton(AF_INET, source, &from.sin_addr) == 1 &&
	       bind(fd, (const struct sockaddr *)&from, sizeof from) == 0;
}

bool line_client_open(struct line_client *c, const struct tool_address *server, const char *source,
                      char *buffer)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int on = 1;

	*c = (struct line_client){ .buffer = buffer };
	c->fd = socket(server->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if ((source == NULL || bind_source(c->fd, source)) &&
	    connect(c->fd, (const struct sockaddr *)&server->to, server->len) == 0)
		return true;
	int why = errno;
	close(c->fd);
	errno = why;
	return false;
}

bool line_client_secure(struct line_client *c, SSL_CTX *tls)
{
	c->ssl = SSL_new(tls);
	return c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1;
}

bool line_client_send(struct line_client *c, const char *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, octets, (int)len)
		                           : send(c->fd, octets, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		octets += n;
		len -= (size_t)n;
	}
	return true;
}

static bool fill(struct line_client *c)
{
	memmove(c->buffer, c->buffer + c->at, c->len - c->at);
	c->len -= c->at;
	c->at = 0;
	size_t room = LINE_CLIENT_BUFFER - c->len;
	if (room == 0)
		return false;
	ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, c->buffer + c->len, (int)room)
	                           : recv(c->fd, c->buffer + c->len, room, 0);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	return true;
}

char *line_client_line(struct line_client *c)
{
	size_t looked = 0;

	for (;;) {
		char *from = c->buffer + c->at;
		char *end = memchr(from + looked, '\n', c->len - c->at - looked);
		if (end == NULL) {
			looked = c->len - c->at;
			if (!fill(c))
				return NULL;
			continue;
		}
		c->at = (size_t)(end - c->buffer) + 1;
		if (end == from || end[-1] != '\r')
			return NULL;
		end[-1] = '\0';
		return from;
	}
}

char *line_client_ask(struct line_client *c, const char *command)
{
	char line[COMMAND_MAX];
	int len = snprintf(line, sizeof line, "%s\r\n", command);

	if (len < 0 || (size_t)len >= sizeof line || !line_client_send(c, line, (size_t)len))
		return NULL;
	char *reply = line_client_line(c);
	return reply != NULL && strncmp(reply, "+OK", 3) == 0 ? reply : NULL;
}

bool line_client_block(struct line_client *c, uint64_t *lines, uint64_t *octets)
{
	*lines = *octets = 0;
	for (;;) {
		char *line = line_client_line(c);
		if (line == NULL)
			return false;
		if (line[0] == '.' && line[1] == '\0')
			return true;
		/* A NUL within would hide the rest; the load has none. */
		*octets += (uint64_t)(c->buffer + c->at - line) - (line[0] == '.');
		(*lines)++;
	}
}

void line_client_close(struct line_client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	*c = (struct line_client){ .fd = -1 };
}
