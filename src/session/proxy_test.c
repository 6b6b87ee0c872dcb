/* Listeners behind a proxy, by the toy server: whose connection it is, whom limits count, who may say so. */
#include "net/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>

#include "session/toy_client.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };

static void trust(struct toy_server *toy, const char *network)
{
	ip_network n;

	assert_int_equal(ip_network_parse(str_of(network), &n).code, ERR_OK);
	assert_int_equal(acceptor_set_proxy_from(toy->acceptor, &n, 1).code, ERR_OK);
}

static void start(struct toy_server *toy, struct connection_limits limits, struct listen_manner manner)
{
	manner.proxy = true;
	*toy = (struct toy_server){ .content_fd = -1,
		                    .tls = toy_tls_server("toy.example"),
		                    .manner = manner };
	toy_server_start(toy, 2, limits, NULL);
	trust(toy, "127.0.0.0/8");
}

static void until_end(struct client *c)
{
	while (octet(c) >= 0)
		;
	hang_up(c);
}

static void wait_until_gone(struct toy_server *toy)
{
	for (int i = 0; i < 2000 && acceptor_connections(toy->acceptor); i++)
		pause_ms(5);
	assert_int_equal(acceptor_connections(toy->acceptor), 0);
}

#define V2 "\r\n\r\n\0\r\nQUIT\n"
static const str v1_header = STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 50000 25\r\n"),
		 v2_header = STR_INIT(
			 V2 "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8"
			    "\0\0\0\0\0\0\0\0\0\0\0\2\xc3\x50\x00\x19"),
		 v2_local = STR_INIT(V2 "\x20\x00\x00\x00"), v1_unknown = STR_INIT("PROXY UNKNOWN\r\n");

static void test_whose(void **state)
{
	static const struct {
		const str *header;
		const char *peer; /* NULL: its own */
	} cases[] = {
		{ &v1_header, "192.0.2.1 50000 198.51.100.2 25" },
		{ &v2_header, "2001:db8::1 50000 2001:db8::2 25" },
		{ &v2_local, NULL },
		{ &v1_unknown, NULL },
	};
	struct toy_server toy;

	(void)state;
	start(&toy, plenty, (struct listen_manner){ .proxy = true });
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		/* At once with the first command, and octet by octet. */
		for (int slowly = 0; slowly < 2; slowly++) {
			struct client *c = client_new(dial(toy.port, 0));
			str header = *cases[i].header;
			for (size_t k = 0; slowly && k < header.len; k++)
				give(c, str_slice(header, k, k + 1));
			if (!slowly) {
				char octets[128];
				memcpy(octets, header.ptr, header.len);
				memcpy(octets + header.len, "PEER\r\n", 6);
				give(c, (str){ octets, header.len + 6 });
			}
			expect(c, "hello");
			if (slowly)
				give_z(c, "PEER\r\n");
			str got = take(c);
			if (cases[i].peer)
				assert_true(str_eq(got, str_of(cases[i].peer)));
			else
				assert_true(str_starts(got, STR("127.0.0.1 ")));
			hang_up(c);
		}
	}
	wait_until_gone(&toy);
	toy_server_stop(&toy, 1000);
}

static void test_wrong(void **state)
{
	static const char *const texts[] = { "EHLO x\r\n", "PROXY TCP4 x\r\n", "\x16\x03\x01",
		                             "\r\n\r\n\r\n\r\n" };
	struct toy_server toy;

	(void)state;
	start(&toy, plenty, (struct listen_manner){ .proxy = true });
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct client *c = client_new(dial(toy.port, 0));
		give_z(c, texts[i]);
		until_end(c);
	}
	struct client *c = client_new(dial(toy.port, 0)); /* one that ends too early */
	give_z(c, "PROXY TCP4 192.");
	shutdown(c->fd, SHUT_WR);
	until_end(c);
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, 0);
	toy_server_stop(&toy, 1000);
}

static void test_strangers(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, plenty, (struct listen_manner){ .proxy = true });
	trust(&toy, "192.0.2.0/24"); /* not us */
	struct client *c = client_new(dial(toy.port, 0));
	send(c->fd, v1_header.ptr, v1_header.len, MSG_NOSIGNAL);
	assert_in_range(octet(c), -2, -1);
	hang_up(c);
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, 0);
	toy_server_stop(&toy, 1000);
}

static struct client *from(struct toy_server *toy, const char *address)
{
	struct client *c = client_new(dial(toy->port, 0));
	char text[100];

	snprintf(text, sizeof text, "PROXY TCP4 %s 198.51.100.2 50000 25\r\n", address);
	give_z(c, text);
	return c;
}

/* The address behind the proxy counts, and no longer than its connection lives. */
static void test_limits(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, (struct connection_limits){ 100, 2, 3 }, (struct listen_manner){ .proxy = true });
	for (int round = 0; round < 3; round++) {
		struct client *a = from(&toy, "192.0.2.1"), *b = from(&toy, "192.0.2.1"),
			      *other = from(&toy, "198.51.100.9");
		expect(a, "hello");
		expect(b, "hello");
		expect(other, "hello");
		struct client *third = from(&toy, "192.0.2.1"), *neighbour = from(&toy, "192.0.2.2");
		expect(third, "421 too many");
		expect(third, "<end>");
		expect(neighbour, "hello");
		struct client *fourth = from(&toy, "192.0.2.3");
		expect(fourth, "421 too many");
		hang_up(a);
		hang_up(b);
		hang_up(other);
		hang_up(third);
		hang_up(neighbour);
		hang_up(fourth);
		wait_until_gone(&toy);
	}
	toy_server_stop(&toy, 1000);
}

static void test_too_slow(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, plenty, (struct listen_manner){ .proxy = true, .handshake_ms = 300 });
	struct client *c = client_new(dial(toy.port, 0));
	give_z(c, "PROXY TC");
	until_end(c);
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, 0);
	toy_server_stop(&toy, 1000);
}

/* The header in the clear, then TLS from its first octet or by STARTTLS. */
static void test_before_tls(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct toy_server toy;
		start(&toy, plenty, (struct listen_manner){ .proxy = true, .tls_first = first });
		struct client *c = client_new(dial(toy.port, 0));
		give(c, v1_header);
		if (!first) {
			expect(c, "hello");
			give_z(c, "TLS\r\n");
			expect(c, "220");
		}
		secure(c);
		if (first)
			expect(c, "hello");
		give_z(c, "PEER\r\nQUIT\r\n");
		expect(c, "192.0.2.1 50000 198.51.100.2 25");
		expect(c, "bye");
		expect(c, "<end>");
		hang_up(c);
		toy_server_stop(&toy, 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose),     cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_strangers), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_slow),  cmocka_unit_test(test_before_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
