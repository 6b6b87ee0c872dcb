#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/link.h"
#include "net/toy_tls.h"

/* The other end: a thread that accepts once and plays one part. */
struct peer {
	int listening;
	uint16_t port;
	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of a unix socket */
	void (*play)(struct peer *peer, int fd);
	struct tls_certificate certificate;
	char came_from[64];
	char heard[64];
	size_t heard_len;
	pthread_t thread;
};

/* What our end does, and what it saw. */
struct ours {
	struct post post;
	struct loop *loop;
	struct net_client *client;
	struct net_target target;
	struct conn *conn;
	const char *tls_name; /* STARTTLS after a line; with `first` before any */
	bool first;
	const char *says; /* when secured, or without TLS when opened */
	bool opened, secured, mistrusted;
	char why_not[96];
	char heard[64];
	size_t heard_len;
	size_t dropped;
	err_code connect_error;
	char why[96];
	err begun;
	sem_t done;
};

static struct net_client *client;
static struct work *work;
static struct loops *loops;
static struct arena arena;

/* --- peers --- */

static void hear(struct peer *p, int fd)
{
	ssize_t n = recv(fd, p->heard, sizeof p->heard - 1, 0);

	p->heard_len = n > 0 ? (size_t)n : 0;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void play_plain(struct peer *p, int fd)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof sa;
	uint16_t port;
	ip from;
	struct buf b;

	if (getpeername(fd, (struct sockaddr *)&sa, &size) == 0 && sa.ss_family == AF_INET) {
		assert_int_equal(ip_of_sockaddr((struct sockaddr *)&sa, &from, &port).code, ERR_OK);
		buf_init_fixed(&b, p->came_from, sizeof p->came_from);
		ip_format(&b, from);
	}
	hear(p, fd);
	say(fd, "answer\r\n");
}

static void play_tls(struct peer *p, int fd)
{
	struct toy_tls *tls = toy_tls_accept(fd, &p->certificate);
	ssize_t n = tls ? toy_tls_receive(tls, p->heard, sizeof p->heard - 1) : 0;

	p->heard_len = n > 0 ? (size_t)n : 0;
	if (tls) {
		(void)toy_tls_send(tls, "answer\r\n", 8);
		toy_tls_shutdown(tls);
	}
	toy_tls_free(tls);
}

/* What somebody put behind the reply in the clear is not heard. */
static void play_starttls(struct peer *p, int fd)
{
	say(fd, "220 go\r\n250 injected\r\n");
	play_tls(p, fd);
}

static void play_garbage(struct peer *p, int fd)
{
	(void)p;
	say(fd, "220 what do you want\r\n");
	hear(p, fd);
}

static void play_close(struct peer *p, int fd)
{
	char hello[4096]; /* all of it, else the end is a reset */

	(void)p;
	(void)recv(fd, hello, sizeof hello, 0);
}

static void *run_peer(void *user)
{
	struct peer *p = user;
	int fd = accept(p->listening, NULL, NULL);

	p->play(p, fd);
	close(fd);
	return NULL;
}

static void listen_at(struct peer *p, struct sockaddr *sa, socklen_t size)
{
	p->listening = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listening >= 0);
	assert_int_equal(bind(p->listening, sa, size), 0);
	assert_int_equal(listen(p->listening, 4), 0);
}

static void start_peer(struct peer *p, void (*play)(struct peer *peer, int fd))
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof sa;

	listen_at(p, (struct sockaddr *)&sa, size);
	assert_int_equal(getsockname(p->listening, (struct sockaddr *)&sa, &size), 0);
	p->port = ntohs(sa.sin_port);
	p->play = play;
	assert_int_equal(pthread_create(&p->thread, NULL, run_peer, p), 0);
}

static void end_peer(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listening);
}

/* --- our end --- */

static void begin_tls(struct ours *o)
{
	err e = conn_start_tls_as_client(o->conn, str_of(o->tls_name));

	assert_int_equal(e.code, ERR_OK);
}

static void speak(struct ours *o)
{
	if (o->says)
		assert_int_equal(conn_write(o->conn, str_of(o->says)).code, ERR_OK);
}

static size_t octets_came(struct ours *o, str octets)
{
	size_t line = str_find_char(octets, '\n') + 1;

	if (o->tls_name && !o->secured) {
		begin_tls(o);
		return line;
	}
	for (size_t i = 0; i < octets.len && o->heard_len < sizeof o->heard - 1; i++)
		o->heard[o->heard_len++] = octets.ptr[i];
	return octets.len;
}

static size_t handle(void *session, enum conn_event event, str octets)
{
	struct ours *o = session;

	switch (event) {
	case CONN_OPENED:
		o->opened = true;
		if (o->tls_name && o->first)
			begin_tls(o);
		else if (!o->tls_name)
			speak(o);
		break;
	case CONN_SECURED:
		o->secured = true;
		o->mistrusted = conn_tls_mistrust(o->conn) != NULL;
		snprintf(o->why_not, sizeof o->why_not, "%s",
		         o->mistrusted ? conn_tls_mistrust(o->conn) : "");
		speak(o);
		break;
	case CONN_OCTETS:
		return octets_came(o, octets);
	case CONN_CLOSED:
		o->connect_error = conn_connect_error(o->conn);
		o->dropped = conn_tls_dropped(o->conn);
		snprintf(o->why, sizeof o->why, STR_FMT, STR_ARG(conn_why(o->conn)));
		sem_post(&o->done);
		break;
	case CONN_DRAINED:
	case CONN_TIMED_OUT:
	case CONN_SHUTDOWN:
		break;
	}
	return 0;
}

static const struct conn_service service = { .name = "test", .handle = handle };

static void connect_run(struct post *post)
{
	struct ours *o = CONTAINER(post, struct ours, post);

	o->begun = net_client_connect(o->client, o->loop, &service, o, &o->target, &o->conn);
	if (o->begun.code != ERR_OK)
		sem_post(&o->done);
}

/* Connects and waits for the end. */
static void play_ours(struct ours *o)
{
	o->loop = loops_get(loops, 0);
	o->post.run = connect_run;
	assert_int_equal(ip_parse(STR("127.0.0.1"), &o->target.address).code, ERR_OK);
	o->client = client;
	sem_init(&o->done, 0, 0);
	loop_post(o->loop, &o->post);
	while (sem_wait(&o->done) != 0)
		;
	sem_destroy(&o->done);
	assert_int_equal(o->begun.code, ERR_OK);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_int_equal(loops_new(1, &loops).code, ERR_OK);
	assert_int_equal(work_new(&work).code, ERR_OK);
	assert_int_equal(net_client_new(work, &client).code, ERR_OK);
	assert_int_equal(loops_start(loops).code, ERR_OK);
	return 0;
}

static struct ours o;

static int teardown(void **state)
{
	(void)state;
	work_free(work);
	loops_stop(loops);
	net_client_free(client); /* its last connection is gone only with the loops */
	loops_free(loops);
	arena_reset(&arena);
	return 0;
}

static void test_plain(void **state)
{
	struct peer p = { 0 };

	(void)state;
	start_peer(&p, play_plain);
	o = (struct ours){ .target = { .port = p.port, .has_source = true }, .says = "hello\r\n" };
	assert_int_equal(ip_parse(STR("127.0.0.7"), &o.target.source).code, ERR_OK);
	play_ours(&o);
	end_peer(&p);
	assert_true(o.opened && !o.secured);
	assert_string_equal(o.heard, "answer\r\n");
	assert_string_equal(p.heard, "hello\r\n");
	assert_string_equal(p.came_from, "127.0.0.7");
	assert_int_equal(o.connect_error, ERR_OK);
}

static void test_unix(void **state)
{
	struct peer p = { .play = play_plain };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(p.path, sizeof p.path, "/tmp/postrider-client-%d", (int)getpid());
	memcpy(sa.sun_path, p.path, sizeof sa.sun_path);
	listen_at(&p, (struct sockaddr *)&sa, sizeof sa);
	assert_int_equal(pthread_create(&p.thread, NULL, run_peer, &p), 0);
	o = (struct ours){ .target.unix_path = p.path, .says = "hello\r\n" };
	play_ours(&o);
	end_peer(&p);
	unlink(p.path);
	assert_string_equal(o.heard, "answer\r\n");
	struct ours again = { .target.unix_path = p.path };
	play_ours(&again);
	assert_int_equal(again.connect_error, ERR_CLOSED);
}

static void test_refused(void **state)
{
	struct peer p = { 0 };

	(void)state;
	start_peer(&p, play_plain);
	o = (struct ours){ .target.port = p.port, .says = "x" };
	play_ours(&o);
	end_peer(&p);
	o = (struct ours){ .target.port = p.port }; /* nobody listens there any more */
	play_ours(&o);
	assert_false(o.opened);
	assert_int_equal(o.connect_error, ERR_CLOSED);
}

/* A listener whose backlog is full does not answer. */
static void test_no_answer(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof sa;
	int fill[8], listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(listening, (struct sockaddr *)&sa, size), 0);
	assert_int_equal(listen(listening, 0), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&sa, &size), 0);
	for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fill[i], (struct sockaddr *)&sa, size);
	}
	o = (struct ours){ .target = { .port = ntohs(sa.sin_port), .timeout_ms = 300 } };
	play_ours(&o);
	assert_false(o.opened);
	assert_int_equal(o.connect_error, ERR_TIMEOUT);
	for (size_t i = 0; i < sizeof fill / sizeof *fill; i++)
		close(fill[i]);
	close(listening);
}

/* By STARTTLS and from the first octet: nobody's certificate. */
static void test_tls(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct peer p = { .certificate = toy_certificate(&arena, "DNS:mx.example", TOY_P256) };
		start_peer(&p, first ? play_tls : play_starttls);
		o = (struct ours){
			.target.port = p.port, .tls_name = "mx.example", .first = first, .says = "EHLO\r\n"
		};
		play_ours(&o);
		end_peer(&p);
		assert_true(o.secured && o.mistrusted);
		assert_string_equal(o.heard, "answer\r\n");
		assert_string_equal(p.heard, "EHLO\r\n");
		assert_int_equal(o.dropped, first ? 0 : strlen("250 injected\r\n"));
	}
}

/* With an authority that vouches the name decides. */
static void test_trust(void **state)
{
	static const struct {
		const char *name;
		bool trusted;
	} rows[] = { { "mx.example", true },     { "a.w.example", true }, { "other.example", false },
		     { "a.b.w.example", false }, { "192.0.2.1", true },   { "192.0.2.2", false },
		     { "[2001:db8::1]", true },  { "2001:db8::2", false } };
	struct tls_certificate c = toy_certificate(
		&arena, "DNS:mx.example,DNS:*.w.example,IP:192.0.2.1,IP:2001:db8::1", TOY_P256);
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "/tmp/postrider-client-%d.pem", (int)getpid());
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(c.chain.ptr, 1, c.chain.len, f), c.chain.len);
	assert_int_equal(fclose(f), 0);
	setenv("SSL_CERT_FILE", path, 1);
	net_client_free(client); /* nothing was begun with it */
	assert_int_equal(net_client_new(work, &client).code, ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct peer p = { .certificate = c };
		start_peer(&p, play_tls);
		o = (struct ours){
			.target.port = p.port, .tls_name = rows[i].name, .first = true, .says = "EHLO\r\n"
		};
		play_ours(&o);
		end_peer(&p);
		assert_true(o.secured);
		assert_int_equal(!o.mistrusted, rows[i].trusted);
	}
	assert_non_null(strstr(o.why_not, "mismatch"));
	unsetenv("SSL_CERT_FILE");
	unlink(path);
}

static void test_broken_handshakes(void **state)
{
	static const struct {
		void (*play)(struct peer *peer, int fd);
		const char *why;
	} rows[] = { { play_garbage, "TLS handshake: " }, { play_close, "closed in the TLS handshake" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct peer p = { 0 };
		start_peer(&p, rows[i].play);
		o = (struct ours){ .target.port = p.port, .tls_name = "mx.example", .first = true };
		play_ours(&o);
		end_peer(&p);
		assert_true(o.opened && !o.secured);
		assert_int_equal(o.connect_error, ERR_OK);
		assert_int_equal(strncmp(o.why, rows[i].why, strlen(rows[i].why)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_handshakes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
