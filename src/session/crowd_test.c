/* Many connections at once, limits, the lack of descriptors, unix sockets, memory of idle ones under TLS. */
#include "net/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/peer_count.h"
#include "session/toy_client.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };

static void test_thousand(void **state)
{
	enum { COUNT = 1000 };
	static struct client *clients[COUNT];
	struct toy_server toy = { .content_fd = -1 };
	char text[64];

	(void)state;
	toy_server_start(&toy, 2, plenty, NULL);
	for (int i = 0; i < COUNT; i++)
		clients[i] = client_new(dial(toy.port, 0));
	for (int i = 0; i < COUNT; i++)
		expect(clients[i], "hello");
	assert_int_equal(acceptor_connections(toy.acceptor), COUNT);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < COUNT; i++) {
			snprintf(text, sizeof text, i % 10 ? "ECHO %d\r\n" : "WAIT 0 %d\r\n", i);
			give_z(clients[i], text);
		}
		for (int i = 0; i < COUNT; i++) {
			snprintf(text, sizeof text, "%d", i);
			expect(clients[i], text);
		}
	}
	for (int i = 0; i < COUNT; i++)
		hang_up(clients[i]);
	wait_for(&toy.closed, COUNT);
	toy_server_stop(&toy, 1000);
}

static void test_total_limit(void **state)
{
	struct toy_server toy = { .content_fd = -1 };

	(void)state;
	toy_server_start(&toy, 2, (struct connection_limits){ 3, 0, 0 }, NULL);
	struct client *c[4];
	for (int i = 0; i < 3; i++)
		c[i] = greet(toy.port);
	c[3] = client_new(dial(toy.port, 0));
	expect(c[3], "421 too many");
	expect(c[3], "<end>");
	hang_up(c[3]);
	hang_up(c[0]);
	wait_for(&toy.closed, 1);
	c[0] = greet(toy.port);
	acceptor_set_limits(toy.acceptor, (struct connection_limits){ 4, 0, 0 });
	c[3] = greet(toy.port);
	for (int i = 0; i < 4; i++)
		hang_up(c[i]);
	toy_server_stop(&toy, 1000);
}

/* Out of descriptors the server refuses one, waits, and takes connections again by itself. */
static void test_no_descriptors(void **state)
{
	struct toy_server toy = { .content_fd = -1 };
	struct rlimit former, low;
	int clients[8], fillers[64], highest = 0;

	(void)state;
	toy_server_start(&toy, 2, plenty, NULL);
	struct client *before = greet(toy.port);
	for (int i = 0; i < 8; i++)
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 64; i++) {
		fillers[i] = dup(0);
		highest = fillers[i] > highest ? fillers[i] : highest;
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
	low = former;
	low.rlim_cur = (rlim_t)highest + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);

	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(toy.port) };
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 8; i++)
		assert_int_equal(connect(clients[i], (struct sockaddr *)&sa, sizeof sa), 0);
	clock_t cpu = clock();
	struct client *first = client_new(clients[0]);
	expect(first, "421 too many");
	/* Those in service go on, and the loop does not spin. */
	give_z(before, "ECHO still here\r\n");
	expect(before, "still here");
	pause_ms(500);
	assert_true((clock() - cpu) * 1000 / CLOCKS_PER_SEC < 250);

	for (int i = 0; i < 64; i++)
		close(fillers[i]);
	struct client *last = client_new(clients[7]);
	expect(last, "hello");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
	hang_up(before);
	hang_up(first);
	hang_up(last);
	for (int i = 1; i < 7; i++)
		close(clients[i]);
	toy_server_stop(&toy, 1000);
}

static void test_unix(void **state)
{
	struct toy_server toy = { .content_fd = -1 };
	char directory[] = "/tmp/crowd_test.XXXXXX", path[64];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/sock", directory);
	for (int round = 0; round < 2; round++) { /* the second finds the dead socket file of the first */
		toy_server_start(&toy, 1, (struct connection_limits){ 10, 0, 0 }, path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		struct client *c = client_new(dial_unix(path));
		char want[32];
		expect(c, "hello");
		give_z(c, "UID\r\n");
		snprintf(want, sizeof want, "%u", getuid());
		expect(c, want);
		hang_up(c);
		toy_server_stop(&toy, 1000);
	}
	unlink(path);
	rmdir(directory);
}

static void test_no_uid_over_tcp(void **state)
{
	struct toy_server toy = { .content_fd = -1 };

	(void)state;
	toy_server_start(&toy, 1, plenty, NULL);
	struct client *c = greet(toy.port);
	give_z(c, "UID\r\n");
	expect(c, "none");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

static void test_bind_errors(void **state)
{
	struct arena arena;
	ip address;
	int fd = -7, other = -7;
	struct sockaddr_in sa;
	socklen_t size = sizeof sa;

	(void)state;
	arena_init(&arena, NULL, 65536);
	assert_int_equal(ip_parse(STR("127.0.0.1"), &address).code, ERR_OK);
	assert_int_equal(listen_bind_ip(&arena, address, 0, &fd).code, ERR_OK);
	getsockname(fd, (struct sockaddr *)&sa, &size);
	err e = listen_bind_ip(&arena, address, ntohs(sa.sin_port), &other);
	print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(other, -7);
	assert_int_equal(ip_parse(STR("192.0.2.1"), &address).code, ERR_OK);
	e = listen_bind_ip(&arena, address, 0, &other);
	print_message("%s\n", e.what);
	assert_int_equal(e.code, ERR_MISSING);
	assert_int_equal(listen_bind_unix(&arena, STR(""), 0600, &other).code, ERR_LIMIT);
	assert_int_not_equal(listen_bind_unix(&arena, STR("/proc/nonexistent/x"), 0600, &other).code, ERR_OK);
	assert_int_equal(other, -7);
	close(fd);
	arena_reset(&arena);
}

/* [::] serves both families. */
static void test_both_families(void **state)
{
	struct arena arena;
	ip any = { { 0 } };
	int fd;
	struct sockaddr_in6 sa;
	socklen_t size = sizeof sa;

	(void)state;
	arena_init(&arena, NULL, 65536);
	assert_int_equal(listen_bind_ip(&arena, any, 0, &fd).code, ERR_OK);
	getsockname(fd, (struct sockaddr *)&sa, &size);
	close(dial(ntohs(sa.sin6_port), 0));
	close(fd);
	arena_reset(&arena);
}

static ip address_of(const char *text)
{
	ip a;
	assert_int_equal(ip_parse(str_of(text), &a).code, ERR_OK);
	return a;
}

static void test_peer_count(void **state)
{
	struct peer_count count;
	ip a = address_of("192.0.2.1"), b = address_of("192.0.2.2"), other = address_of("198.51.100.1");

	(void)state;
	peer_count_init(&count);
	assert_int_equal(peer_count_add(&count, a, 2, 3).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, a, 2, 3).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, a, 2, 3).code, ERR_LIMIT);
	assert_int_equal(peer_count_add(&count, b, 2, 3).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, b, 2, 3).code, ERR_LIMIT); /* its /24 */
	assert_int_equal(peer_count_add(&count, other, 2, 3).code, ERR_OK);
	peer_count_remove(&count, a);
	assert_int_equal(peer_count_add(&count, b, 2, 3).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, address_of("2001:db8::1"), 5, 2).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, address_of("2001:db8::ffff:1:2:3"), 5, 2).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, address_of("2001:db8::2"), 5, 2).code, ERR_LIMIT);
	assert_int_equal(peer_count_add(&count, address_of("2001:db8:0:1::2"), 5, 2).code, ERR_OK);
	assert_int_equal(peer_count_add(&count, address_of("203.0.113.9"), 0, 2).code, ERR_LIMIT);
	peer_count_remove(&count, other);
	assert_int_equal(peer_count_add(&count, other, 1, 1).code, ERR_OK);
	/* What is gone leaves nothing behind. */
	for (int i = 0; i < 100000; i++) {
		ip x = other;
		memcpy(x.octets + 12, &i, sizeof i);
		assert_int_equal(peer_count_add(&count, x, 2, 3).code, ERR_OK);
		peer_count_remove(&count, x);
	}
	assert_in_range(count.addresses.size, 1, 64);
	peer_count_fini(&count);
}

/* --- memory under TLS --- */

static void hold_many(uint16_t port, unsigned count, int ready)
{
	for (unsigned i = 0; i < count; i++) {
		struct client *c = client_new(dial(port, 0));
		secure(c);
		expect(c, "hello");
		give_z(c, "ECHO a\r\n");
		expect(c, "a");
	}
	if (write(ready, "r", 1) == 1)
		pause();
	_exit(0);
}

/* The budget of an idle connection under TLS, without what the kernel holds. */
static void test_idle_memory(void **state)
{
	enum { COUNT = 400, BUDGET = 30 * 1024 };
	struct toy_server toy;
	int ready[2];
	char o;

	(void)state;
	if (mallinfo2().uordblks == 0)
		skip(); /* a sanitizer's malloc counts nothing */
	toy = (struct toy_server){ .content_fd = -1,
		                   .tls = toy_tls_server("toy.example"),
		                   .manner.tls_first = true };
	toy_server_start(&toy, 2, plenty, NULL);
	assert_int_equal(pipe(ready), 0);
	struct client *first = client_new(dial(toy.port, 0)); /* what the library makes once */
	secure(first);
	expect(first, "hello");
	hang_up(first);
	wait_for(&toy.closed, 1);
	size_t before = mallinfo2().uordblks;
	pid_t child = fork();
	if (child == 0)
		hold_many(toy.port, COUNT, ready[1]);
	assert_int_equal(read(ready[0], &o, 1), 1);
	size_t each = (mallinfo2().uordblks - before) / COUNT;
	print_message("%zu octets each\n", each);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_in_range(each, 1, BUDGET);
	wait_for(&toy.closed, COUNT + 1);
	toy_server_stop(&toy, 1000);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thousand),        cmocka_unit_test(test_total_limit),
		cmocka_unit_test(test_no_descriptors),  cmocka_unit_test(test_unix),
		cmocka_unit_test(test_no_uid_over_tcp), cmocka_unit_test(test_bind_errors),
		cmocka_unit_test(test_both_families),   cmocka_unit_test(test_peer_count),
		cmocka_unit_test(test_idle_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
