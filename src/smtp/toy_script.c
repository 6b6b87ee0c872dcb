#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "auth/mechanism.h"
#include "base/base64.h"
#include "smtp/toy_talk.h"

static void say_octets(struct peer *p, const char *octets, size_t len)
{
	size_t step = p->split ? 1 : len;

	for (size_t i = 0; i < len; i += step) {
		if (p->tls)
			(void)toy_tls_send(p->tls, octets + i, step);
		else
			(void)!send(p->fd, octets + i, step, MSG_NOSIGNAL);
		if (p->split)
			usleep(50);
	}
}

/* One octet; false at the end. */
static bool hear_octet(struct peer *p, char *c)
{
	return p->tls ? toy_tls_receive(p->tls, c, 1) == 1 : recv(p->fd, c, 1, 0) == 1;
}

static void hear(struct peer *p, const char *expected, size_t len)
{
	char got[512] = "";
	size_t n = 0;

	while (n < len && n < sizeof got - 1 && hear_octet(p, got + n))
		n++;
	if ((n != len || memcmp(got, expected, len) != 0) && !p->wrong[0])
		snprintf(p->wrong, sizeof p->wrong, "expected '%.*s', heard '%.100s'", (int)len, expected,
		         got);
}

static void hear_any_line(struct peer *p)
{
	for (char c = 0; c != '\n';)
		if (!hear_octet(p, &c))
			break;
}

static void begin_tls(struct peer *p) { p->tls = toy_tls_accept(p->fd, p->certificate); }

/* What a line says, as SASL has it. */
static str hear_response(struct peer *p, struct arena *arena)
{
	char line[1024] = "";
	size_t n = 0;
	str response, decoded = STR("");
	struct buf b;

	while (n < sizeof line && hear_octet(p, line + n) && line[n] != '\n')
		n++;
	response = str_trim((str){ line, n });
	if (str_starts(response, STR("AUTH SCRAM-SHA-256 ")))
		response = str_from(response, strlen("AUTH SCRAM-SHA-256 "));
	buf_init(&b, arena, sizeof line);
	if (base64_decode(response, &b).code == ERR_OK)
		decoded = buf_str(&b);
	return decoded;
}

static void say_challenge(struct peer *p, struct arena *arena, str challenge)
{
	struct buf b;

	buf_init(&b, arena, 2048);
	buf_add(&b, STR("334 "));
	base64_add(&b, challenge);
	buf_add(&b, CRLF);
	say_octets(p, b.ptr, b.len);
}

/* Our own side of SCRAM, to its end; with `slow` up to a challenge that takes the other side's worker long.
 */
static void play_scram(struct peer *p, bool slow)
{
	struct scram_channel clear = { 0 };
	struct scram_verifier verifier;
	enum mechanism_wants wants;
	struct mechanism m;
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	str initial = hear_response(p, &arena);
	bool goes = mechanism_begin(&m, &arena, MECHANISM_SCRAM_SHA_256, &clear, &initial, &wants).code ==
	                    ERR_OK &&
	            scram_verifier_make(STR("secret"), slow ? LIMIT_SCRAM_ROUNDS : 4096, &verifier).code ==
	                    ERR_OK &&
	            mechanism_verifier(&m, &verifier, STR("theirs"), &wants).code == ERR_OK;
	if (goes)
		say_challenge(p, &arena, m.challenge);
	goes = goes && !slow && mechanism_response(&m, hear_response(p, &arena), &wants).code == ERR_OK &&
	       mechanism_proof(&m, &wants).code == ERR_OK;
	if (goes) {
		say_challenge(p, &arena, m.challenge);
		(void)hear_response(p, &arena);
	}
	arena_reset(&arena);
}

static void say_escaped(struct peer *p, str text)
{
	char octets[512];
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool escape = text.ptr[i] == '\\' && i + 1 < text.len;
		char c = text.ptr[i += escape];
		octets[n++] = (char)(!escape ? c : c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c);
	}
	say_octets(p, octets, n);
}

static void say_without_end(struct peer *p)
{
	char many[4096];

	memset(many, 'x', sizeof many);
	memcpy(many, "220-", 4);
	while (send(p->fd, many, sizeof many, MSG_NOSIGNAL) > 0)
		;
}

/* Up to the final dot. */
static void hear_big(struct peer *p)
{
	static char octets[65536];
	char end[5] = "";

	while (memcmp(end, "\r\n.\r\n", 5) != 0) {
		ssize_t n = p->tls ? toy_tls_receive(p->tls, octets, sizeof octets)
		                   : recv(p->fd, octets, sizeof octets, 0);
		if (n <= 0) {
			snprintf(p->wrong, sizeof p->wrong, "the content did not end");
			return;
		}
		for (ssize_t i = n > 5 ? n - 5 : 0; i < n; i++) {
			memmove(end, end + 1, 4);
			end[4] = octets[i];
		}
	}
}

static void dribble(struct peer *p)
{
	const int brief = 50000;

	say_octets(p, "250-", 4);
	while (send(p->fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(brief);
}

/* False: closes. */
static bool play_line(struct peer *p, str line)
{
	char text[512];
	const str rest = line.len > 2 ? str_from(line, 2) : STR("");
	int len = snprintf(text, sizeof text, STR_FMT "\r\n", STR_ARG(rest));

	switch (line.ptr[0]) {
	case 'S':
		say_octets(p, text, (size_t)len);
		return true;
	case 's':
		say_escaped(p, rest);
		return true;
	case 'C':
		hear(p, text, (size_t)len);
		return true;
	case '?':
		hear_any_line(p);
		return true;
	case 'D':
		hear(p, CONTENT_WIRE, strlen(CONTENT_WIRE));
		return true;
	case 'B':
		hear(p, CONTENT, strlen(CONTENT));
		return true;
	case 'T':
		begin_tls(p);
		return true;
	case 'G':
		hear_octet(p, text);
		say_octets(p, "what is this?\r\n", 15);
		return true;
	case 'L':
		hear_big(p);
		return true;
	case 'H':
		shutdown(p->fd, SHUT_WR);
		return true;
	case 'p':
		usleep(100000);
		return true;
	case 'Z':
		sleep(1);
		return false;
	case 'd':
		dribble(p);
		return false;
	case 'M':
	case 'm':
		play_scram(p, line.ptr[0] == 'm');
		return true;
	case 'E':
		say_without_end(p);
		return true;
	case 'W':
		while (hear_octet(p, text))
			;
		return false;
	default:
		return false;
	}
}

static void *run_peer(void *user)
{
	struct peer *p = user;
	const struct timeval patience = { .tv_sec = 10 };
	const int one = 1;
	str script = str_of(p->script);
	bool goes_on = true;

	p->fd = accept(p->listening, NULL, NULL);
	(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (size_t i = 0; goes_on && script.len > 0; i++)
		goes_on = i < p->stop_after && play_line(p, str_cut(&script, '\n'));
	if (goes_on)
		play_line(p, STR("W"));
	if (p->tls)
		toy_tls_shutdown(p->tls);
	toy_tls_free(p->tls);
	close(p->fd);
	return NULL;
}

static void bind_tcp(struct peer *p)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof sa;

	p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(bind(p->listening, (struct sockaddr *)&sa, size) == 0);
	assert(getsockname(p->listening, (struct sockaddr *)&sa, &size) == 0);
	p->port = ntohs(sa.sin_port);
}

static void bind_unix(struct peer *p)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", p->path);
	p->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(bind(p->listening, (struct sockaddr *)&sa, sizeof sa) == 0);
}

void peer_start(struct peer *p)
{
	if (p->path[0])
		bind_unix(p);
	else
		bind_tcp(p);
	assert(listen(p->listening, 4) == 0);
	assert(pthread_create(&p->thread, NULL, run_peer, p) == 0);
}

void peer_end(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listening);
	if (p->path[0])
		unlink(p->path);
}
