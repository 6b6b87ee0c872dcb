/* Handshakes that are none, slow ones and those whose peer goes away, by the toy server. */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "session/toy_client.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void start(struct toy_server *toy)
{
	*toy = (struct toy_server){ .content_fd = -1,
		                    .tls = toy_tls_server("toy.example"),
		                    .manner.tls_first = true };
	toy_server_start(toy, 2, plenty, NULL);
}

static void wait_until_gone(struct toy_server *toy)
{
	for (int i = 0; i < 2000 && acceptor_connections(toy->acceptor); i++)
		pause_ms(5);
	assert_int_equal(acceptor_connections(toy->acceptor), 0);
}

/* Nothing that is no handshake gets a session or holds the server. */
static void test_garbage(void **state)
{
	static const str texts[] = {
		STR_INIT("EHLO there\r\n"),
		STR_INIT("GET / HTTP/1.1\r\n\r\n"),
		STR_INIT("\x16\x03\x01"),
		STR_INIT("\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff"),
		STR_INIT("\x16\x03\x01\x00\x04\x01\xff\xff\xff"),
		STR_INIT("\x16\x03\x01\x00\x00\x16\x03\x01\x00\x00"),
		STR_INIT("\x15\x03\x01\x00\x02\x02\x00"),
		STR_INIT("\x17\x03\x03\x00\x01x"),
		STR_INIT("\x80\x2e\x01\x03\x01"),
	};
	enum { TEXTS = sizeof texts / sizeof texts[0], RANDOM = 200 };
	struct toy_server toy;

	(void)state;
	start(&toy);
	for (size_t i = 0; i < TEXTS + RANDOM; i++) {
		char octets[300];
		str text = { octets, 1 + i % sizeof octets };
		random_fill(octets, sizeof octets);
		if (i % 2)
			memcpy(octets, "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11);
		if (i < TEXTS)
			text = texts[i];
		struct client *c = client_new(dial(toy.port, 0));
		send(c->fd, text.ptr, text.len, MSG_NOSIGNAL);
		shutdown(c->fd, SHUT_WR);
		while (octet(c) >= 0)
			;
		hang_up(c);
	}
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, 0);
	hang_up(client_new(dial(toy.port, 0)));
	struct client *c = client_new(dial(toy.port, 0)); /* and the next is served */
	secure(c);
	expect(c, "hello");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* --- slow ones, and those that go away --- */

/* The client's library with its octets in our hands. */
struct puppet {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;
	int fd;
};

static struct puppet puppet_new(uint16_t port, int version)
{
	struct puppet p = { .fd = dial(port, 0) };

	p.context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(p.context, version);
	p.ssl = SSL_new(p.context);
	p.in = BIO_new(BIO_s_mem());
	p.out = BIO_new(BIO_s_mem());
	SSL_set_bio(p.ssl, p.in, p.out);
	SSL_set_connect_state(p.ssl);
	return p;
}

static void puppet_free(struct puppet *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
	close(p->fd);
	ERR_clear_error();
}

/* Sends what the library wants to say, at most `most` octets, one by one; false once they are used up. */
static bool puppet_speak(struct puppet *p, size_t *most)
{
	char o;

	while (BIO_read(p->out, &o, 1) == 1) {
		if (*most == 0 || send(p->fd, &o, 1, MSG_NOSIGNAL) != 1)
			return false;
		--*most;
	}
	return true;
}

static bool puppet_listen(struct puppet *p)
{
	char octets[512];
	ssize_t n = recv(p->fd, octets, sizeof octets, 0);

	if (n > 0)
		BIO_write(p->in, octets, (int)n);
	return n > 0;
}

/* How many octets it had to send until the greeting came; 0 where `most` did not suffice. */
static size_t puppet_greet(struct puppet *p, size_t most)
{
	size_t left = most;
	char text[8];

	while (SSL_do_handshake(p->ssl) != 1)
		if (!puppet_speak(p, &left) || !puppet_listen(p))
			return 0;
	if (!puppet_speak(p, &left))
		return 0;
	while (SSL_read(p->ssl, text, 7) != 7)
		if (!puppet_listen(p))
			return 0;
	return most - left;
}

static void test_octet_by_octet(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy);
	for (size_t v = 0; v < 2; v++) {
		struct puppet p = puppet_new(toy.port, versions[v]);
		assert_in_range(puppet_greet(&p, 100000), 200, 10000);
		size_t most = 1000;
		SSL_write(p.ssl, "ECHO slowly\r\n", 13);
		assert_true(puppet_speak(&p, &most));
		char text[9];
		while (SSL_read(p.ssl, text, 8) != 8)
			assert_true(puppet_listen(&p));
		assert_memory_equal(text, "slowly\r\n", 8);
		puppet_free(&p);
	}
	toy_server_stop(&toy, 1000);
}

/* More at once than a turn of the loop takes; those who are further are answered meanwhile. */
static void test_many_at_once(void **state)
{
	enum { MANY = 150 };
	static struct puppet p[MANY];
	struct toy_server toy;

	(void)state;
	start(&toy);
	struct client *holder = client_new(dial(toy.port, 0));
	secure(holder);
	expect(holder, "hello");
	give_z(holder, "HOLD 200\r\n");
	for (int i = 0; i < MANY; i++) {
		size_t most = 10000;
		p[i] = puppet_new(toy.port, versions[i % 2]);
		SSL_do_handshake(p[i].ssl);
		assert_true(puppet_speak(&p[i], &most));
	}
	give_z(holder, "ECHO still here\r\n");
	expect(holder, "still here");
	for (int i = 0; i < MANY; i++)
		assert_in_range(puppet_greet(&p[i], 10000), 50, 10000);
	for (int i = 0; i < MANY; i++)
		puppet_free(&p[i]);
	hang_up(holder);
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, MANY + 1);
	toy_server_stop(&toy, 1000);
}

/* After every few octets of a handshake, by FIN and by RST. */
static void test_vanishing(void **state)
{
	struct linger reset = { 1, 0 };
	struct toy_server toy;
	unsigned greeted = 0;

	(void)state;
	start(&toy);
	for (size_t v = 0; v < 2; v++) {
		struct puppet whole = puppet_new(toy.port, versions[v]);
		size_t size = puppet_greet(&whole, 100000);
		puppet_free(&whole);
		greeted++;
		for (size_t most = 0; most < size; most += 1 + most % 5) {
			struct puppet p = puppet_new(toy.port, versions[v]);
			assert_int_equal(puppet_greet(&p, most), 0);
			if (most % 2)
				setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			puppet_free(&p);
		}
	}
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, greeted);
	assert_int_equal(toy.closed, toy.opened);
	toy_server_stop(&toy, 1000);
}

/* A handshake has a time of its own, however many octets come. */
static void test_handshake_takes_too_long(void **state)
{
	for (int first = 0; first < 2; first++) {
		struct toy_server toy = { .content_fd = -1,
			                  .tls = toy_tls_server("toy.example"),
			                  .manner = { .tls_first = first, .handshake_ms = 500 } };
		(void)state;
		toy_server_start(&toy, 1, plenty, NULL);
		struct client *c = first ? client_new(dial(toy.port, 0)) : greet(toy.port);
		if (!first) {
			give_z(c, "TLS\r\n");
			expect(c, "220");
		}
		for (int i = 0; i < 200 && acceptor_connections(toy.acceptor); i++) {
			send(c->fd, i ? "\x01" : "\x16\x03\x01\x40\x01", i ? 1 : 5, MSG_NOSIGNAL);
			pause_ms(50);
		}
		assert_int_equal(acceptor_connections(toy.acceptor), 0);
		assert_int_equal(toy.opened, !first);
		hang_up(c);
		toy_server_stop(&toy, 1000);
	}
}

/* A client in its handshake does not hold up a stop; nor does one that begins STARTTLS. */
static void test_shutdown_in_handshake(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy);
	struct client *silent = client_new(dial(toy.port, 0));
	pause_ms(50);
	toy_server_stop(&toy, 20000);
	assert_int_equal(octet(silent), -1);
	hang_up(silent);
}

/* A record that somebody altered ends the connection, and nothing of it is taken. */
static void test_altered_record(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy);
	for (size_t v = 0; v < 2; v++) {
		struct puppet p = puppet_new(toy.port, versions[v]);
		char octets[200];
		assert_true(puppet_greet(&p, 100000) > 0);
		SSL_write(p.ssl, "SEQ\r\n", 5);
		int n = BIO_read(p.out, octets, sizeof octets);
		octets[n - 1] = (char)(octets[n - 1] ^ 1);
		assert_int_equal(send(p.fd, octets, (size_t)n, MSG_NOSIGNAL), n);
		while (puppet_listen(&p))
			;
		puppet_free(&p);
	}
	wait_for(&toy.closed, 2);
	assert_int_equal(toy.sequence, 0);
	toy_server_stop(&toy, 1000);
}

/* The same while the server answers from a file: what its worker reads comes back to a connection that is
 * over. */
static void test_altered_record_during_a_range(void **state)
{
	enum { ROUNDS = 20, SIZE = 1 << 20, BUSY = 40 };
	struct client *busy[BUSY];
	struct toy_server toy;

	(void)state;
	start(&toy);
	toy.content_fd = memfd_create("handshake_test", MFD_CLOEXEC); /* no RWF_NOWAIT: always a worker */
	assert_int_equal(ftruncate(toy.content_fd, SIZE), 0);
	for (int i = 0; i < BUSY; i++) { /* none of which is free soon */
		busy[i] = client_new(dial(toy.port, 0));
		secure(busy[i]);
		expect(busy[i], "hello");
	}
	for (int i = 0; i < BUSY; i++)
		give_z(busy[i], "WAIT 200 done\r\n");
	for (int i = 0; i < ROUNDS; i++) {
		struct puppet p = puppet_new(toy.port, versions[i % 2]);
		char octets[200];
		size_t most = 1000;
		assert_true(puppet_greet(&p, 100000) > 0);
		SSL_write(p.ssl, "FILE 0 1048576\r\n", 16);
		assert_true(puppet_speak(&p, &most));
		SSL_write(p.ssl, "SEQ\r\n", 5);
		int n = BIO_read(p.out, octets, sizeof octets);
		octets[n - 1] = (char)(octets[n - 1] ^ 1);
		pause_ms(i % 7);
		send(p.fd, octets, (size_t)n, MSG_NOSIGNAL);
		while (puppet_listen(&p))
			;
		puppet_free(&p);
	}
	wait_for(&toy.closed, ROUNDS);
	assert_int_equal(toy.sequence, 0);
	for (int i = 0; i < BUSY; i++) {
		expect(busy[i], "done");
		hang_up(busy[i]);
	}
	toy_server_stop(&toy, 1000);
	print_message("%u ranges begun\n", (unsigned)toy.released);
	assert_in_range(toy.released, 1, ROUNDS);
	close(toy.content_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_vanishing),
		cmocka_unit_test(test_handshake_takes_too_long),
		cmocka_unit_test(test_shutdown_in_handshake),
		cmocka_unit_test(test_altered_record),
		cmocka_unit_test(test_altered_record_during_a_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
