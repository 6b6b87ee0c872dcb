/* TLS of the connection layer by the toy server: STARTTLS and what is smuggled before it, names, tickets over
 * a restart, what is refused, bindings. Handshakes gone wrong: handshake_test.c. The dialogues and
 * ranges of the other tests run under TLS too (session_under_tls, range_under_tls). */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "net/toy_tls.h"
#include "session/toy_client.h"
#include "session/toy_server.h"

static const struct connection_limits plenty = { 20000, 20000, 20000 };

static void start(struct toy_server *toy, bool tls_first)
{
	*toy = (struct toy_server){ .content_fd = -1,
		                    .tls = toy_tls_server("toy.example"),
		                    .manner.tls_first = tls_first };
	toy_server_start(toy, 2, plenty, NULL);
}

static void wait_until_gone(struct toy_server *toy)
{
	for (int i = 0; i < 2000 && acceptor_connections(toy->acceptor); i++)
		pause_ms(5);
	assert_int_equal(acceptor_connections(toy->acceptor), 0);
}

/* --- a client that can be told what to do --- */

struct peer {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	char line[256];
	SSL_SESSION *ticket; /* the last that came */
};

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct peer *p = SSL_get_app_data(ssl);

	SSL_SESSION_free(p->ticket);
	p->ticket = ticket;
	return 1;
}

static struct peer *peer_new(int fd, int version)
{
	struct peer *p = calloc(1, sizeof *p);

	p->fd = fd;
	p->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(p->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->context, keep_ticket);
	if (version) {
		SSL_CTX_set_min_proto_version(p->context, version);
		SSL_CTX_set_max_proto_version(p->context, version);
	}
	p->ssl = SSL_new(p->context);
	SSL_set_app_data(p->ssl, p);
	SSL_set_fd(p->ssl, fd);
	return p;
}

static void peer_free(struct peer *p)
{
	SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN); /* else its library takes the ticket for a bad one */
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
	SSL_SESSION_free(p->ticket);
	close(p->fd);
	free(p);
	ERR_clear_error();
}

static const char *peer_take(struct peer *p)
{
	size_t len = 0;

	while (len < sizeof p->line - 1 && SSL_read(p->ssl, p->line + len, 1) == 1)
		if (p->line[len++] == '\n' && len >= 2) {
			p->line[len - 2] = '\0';
			return p->line;
		}
	return "<end>";
}

static void peer_give(struct peer *p, const char *text)
{
	assert_int_equal(SSL_write(p->ssl, text, (int)strlen(text)), strlen(text));
}

static struct peer *peer_greet(struct toy_server *toy, int version, const char *name, SSL_SESSION *ticket)
{
	struct peer *p = peer_new(dial(toy->port, 0), version);

	if (name)
		SSL_set_tlsext_host_name(p->ssl, name);
	if (ticket)
		SSL_set_session(p->ssl, ticket);
	assert_int_equal(SSL_connect(p->ssl), 1);
	assert_string_equal(peer_take(p), "hello");
	return p;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("\"%s\" is not in \"%s\"\n", part, text);
	assert_non_null(strstr(text, part));
}

static void hex(char *out, const unsigned char *octets, size_t size)
{
	for (size_t i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* --- STARTTLS --- */

static void test_starttls(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	struct client *c = greet(toy.port);
	give_z(c, "ABOUT\r\nTLS\r\n");
	expect(c, "clear");
	expect(c, "220");
	secure(c);
	give_z(c, "ABOUT\r\n");
	str about = take(c);
	assert_true(str_starts(about, STR("TLSv1.3 TLS_")));
	assert_true(str_find(about, STR(" x25519 ")) < about.len);
	give_z(c, "TLS\r\nQUIT\r\n");
	expect(c, "454");
	expect(c, "bye");
	expect(c, "<end>");
	hang_up(c);
	assert_int_equal(toy.secured, 1);
	toy_server_stop(&toy, 1000);
}

static void test_no_certificate(void **state)
{
	struct toy_server toy = { .content_fd = -1 };

	(void)state;
	assert_int_equal(tls_new(&toy.tls).code, ERR_OK);
	toy_server_start(&toy, 1, plenty, NULL);
	struct client *c = greet(toy.port);
	give_z(c, "TLS\r\nECHO a\r\n");
	expect(c, "454");
	expect(c, "a");
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* CVE-2011-0411: what somebody on the way sent behind STARTTLS in the clear must not be taken for the
 * client's first command under TLS. */
static void test_injection(void **state)
{
	static const char *const sent[] = {
		"TLS\r\nSEQ\r\n",
		"TLS\r\nSEQ",
		"TLS\r\nSEQ\r",
		"ECHO a\r\nTLS\r\nSEQ\r\nSEQ\r\nSEQ\r\nDATA\r\n",
		"WAIT 20 a\r\nTLS\r\nSEQ\r\nSE",
	};
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
		struct client *c = greet(toy.port);
		print_message("%s\n", sent[i]);
		give_z(c, sent[i]);
		if (sent[i][0] != 'T')
			expect(c, "a");
		expect(c, "220");
		secure(c);
		give_z(c, "ECHO b\r\n");
		expect(c, "b");
		hang_up(c);
		assert_int_equal(toy.sequence, 0);
	}
	toy_server_stop(&toy, 1000);
}

/* What comes in the clear once the handshake is due is no handshake. */
static void test_late_injection(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, false);
	struct client *c = greet(toy.port);
	give_z(c, "TLS\r\n");
	expect(c, "220");
	give_z(c, "SEQ\r\nSEQ\r\nSEQ\r\n");
	while (octet(c) >= 0)
		;
	wait_for(&toy.closed, 1);
	assert_int_equal(toy.sequence, 0);
	hang_up(c);
	toy_server_stop(&toy, 1000);
}

/* --- names --- */

static void load(struct tls *tls, const char *const *names, size_t count)
{
	struct tls_certificate items[8];
	struct arena arena;

	arena_init(&arena, NULL, 1 << 20);
	for (size_t i = 0; i < count; i++)
		items[i] = toy_certificate(&arena, names[i], TOY_P256);
	assert_int_equal(tls_load(tls, &arena, items, count).code, ERR_OK);
	arena_reset(&arena);
}

static bool shows(struct peer *p, const char *name)
{
	X509 *x = SSL_get1_peer_certificate(p->ssl);
	bool is = X509_check_host(x, name, 0, 0, NULL) == 1;

	X509_free(x);
	return is;
}

static void test_names(void **state)
{
	static const char *const certificates[] = { "DNS:first.example",
		                                    "DNS:Two.example,DNS:*.wild.example,DNS:*", NULL,
		                                    "DNS:a.wild.example,DNS:two.example" };
	static const struct {
		const char *asks, *shown;
	} cases[] = {
		{ "first.example", "first.example" },
		{ "two.example", "x.wild.example" }, /* the first that has a name keeps it */
		{ "TWO.EXAMPLE", "two.example" },
		{ "b.wild.example", "two.example" },
		{ "B.WILD.Example", "two.example" },
		{ "a.wild.example", "a.wild.example" }, /* exact goes first */
		{ "b.c.wild.example", "first.example" },
		{ "wild.example", "first.example" },
		{ "common.example", "common.example" },
		{ "nobody.example", "first.example" },
		{ "x", "first.example" },
		{ NULL, "first.example" },
	};
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	load(toy.tls, certificates, 4);
	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			struct peer *p = peer_greet(&toy, versions[v], cases[i].asks, NULL);
			print_message("%s\n", cases[i].asks ? cases[i].asks : "(none)");
			assert_true(shows(p, cases[i].shown));
			peer_give(p, "ABOUT\r\n");
			if (cases[i].asks)
				assert_has(peer_take(p), cases[i].asks);
			peer_free(p);
		}
	}
	toy_server_stop(&toy, 1000);
}

/* One of ECDSA and one of RSA with the same names: each client gets what it can read. */
static void test_two_kinds_of_key(void **state)
{
	static const struct {
		const char *signatures;
		int kind;
	} cases[] = {
		{ "RSA-PSS+SHA256:RSA+SHA256", EVP_PKEY_RSA },
		{ "ECDSA+SHA256", EVP_PKEY_EC },
		{ "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256", EVP_PKEY_EC },
	};
	struct tls_certificate items[2];
	struct toy_server toy;
	struct arena arena;

	(void)state;
	start(&toy, true);
	arena_init(&arena, NULL, 1 << 20);
	items[0] = toy_certificate(&arena, "DNS:toy.example,DNS:*.toy.example", TOY_RSA_2048);
	items[1] = toy_certificate(&arena, "DNS:toy.example,DNS:*.toy.example", TOY_P256);
	assert_int_equal(tls_load(toy.tls, &arena, items, 2).code, ERR_OK);
	for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		struct peer *p = peer_new(dial(toy.port, 0), versions[i % 2]);
		SSL_set1_sigalgs_list(p->ssl, cases[i / 2].signatures);
		assert_int_equal(SSL_connect(p->ssl), 1);
		X509 *x = SSL_get1_peer_certificate(p->ssl);
		assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), cases[i / 2].kind);
		/* And the binding is that of the one that was shown. */
		unsigned char octets[EVP_MAX_MD_SIZE];
		char text[2 * EVP_MAX_MD_SIZE + 1];
		unsigned size;
		assert_int_equal(X509_digest(x, EVP_sha256(), octets, &size), 1);
		hex(text, octets, size);
		peer_take(p);
		peer_give(p, "BIND end-point\r\n");
		assert_string_equal(peer_take(p), text);
		X509_free(x);
		peer_free(p);
	}
	arena_reset(&arena);
	toy_server_stop(&toy, 1000);
}

/* Connections go on with what they began with; the next see the new one; what is refused changes nothing. */
static void test_reload(void **state)
{
	static const char *const before[] = { "DNS:before.example" }, *const after[] = {
		"DNS:after.example"
	};
	struct toy_server toy;
	struct arena arena;

	(void)state;
	start(&toy, true);
	load(toy.tls, before, 1);
	struct peer *old = peer_greet(&toy, 0, NULL, NULL);
	load(toy.tls, after, 1);
	struct peer *new = peer_greet(&toy, 0, NULL, NULL);
	assert_true(shows(old, "before.example"));
	assert_true(shows(new, "after.example"));
	arena_init(&arena, NULL, 65536);
	struct tls_certificate broken = { .file = STR("x.pem"),
		                          .chain = STR("nothing"),
		                          .key = STR("nothing") };
	assert_int_equal(tls_load(toy.tls, &arena, &broken, 1).code, ERR_SYNTAX);
	arena_reset(&arena);
	peer_give(old, "BIND end-point\r\nECHO still here\r\n");
	peer_take(old);
	assert_string_equal(peer_take(old), "still here");
	struct peer *third = peer_greet(&toy, 0, NULL, NULL);
	assert_true(shows(third, "after.example"));
	peer_free(old);
	peer_free(new);
	peer_free(third);
	toy_server_stop(&toy, 1000);
}

/* --- tickets --- */

static void use_keys(struct toy_server *toy, const char *path)
{
	struct arena arena;

	arena_init(&arena, NULL, 65536);
	assert_int_equal(tls_tickets_open(toy->tls, &arena, str_of(path)).code, ERR_OK);
	arena_reset(&arena);
}

/* Takes `ticket`, which a client of 1.3 uses once, and gives the next. */
static SSL_SESSION *meet(struct toy_server *toy, int version, SSL_SESSION *ticket, const char *want)
{
	struct peer *p = peer_greet(toy, version, "toy.example", ticket);

	peer_give(p, "ABOUT\r\n");
	assert_has(peer_take(p), want);
	SSL_SESSION *next = p->ticket ? p->ticket : ticket;
	if (p->ticket)
		SSL_SESSION_free(ticket);
	p->ticket = NULL;
	peer_free(p);
	assert_int_equal(SSL_SESSION_has_ticket(next), 1);
	return next;
}

/* The same keys after a restart, another certificate notwithstanding; other keys: a full handshake. */
static void test_tickets(void **state)
{
	char path[] = "/tmp/tls_test.XXXXXX";
	struct toy_server toy;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	for (size_t v = 0; v < 2; v++) {
		start(&toy, true);
		use_keys(&toy, path);
		SSL_SESSION *ticket = meet(&toy, versions[v], NULL, " new");
		ticket = meet(&toy, versions[v], ticket, " resumed");
		toy_server_stop(&toy, 1000);

		start(&toy, true);
		use_keys(&toy, path);
		ticket = meet(&toy, versions[v], ticket, " resumed");
		toy_server_stop(&toy, 1000);

		start(&toy, true); /* keys that are not kept */
		SSL_SESSION_free(meet(&toy, versions[v], ticket, " new"));
		toy_server_stop(&toy, 1000);
	}
	unlink(path);
}

/* --- what is refused --- */

static void want_refusal(struct toy_server *toy, void (*set_up)(struct peer *p), int version)
{
	struct peer *p = peer_new(dial(toy->port, 0), version);

	if (set_up)
		set_up(p);
	assert_int_not_equal(SSL_connect(p->ssl), 1);
	peer_free(p);
}

static void without_forward_secrecy(struct peer *p) { SSL_set_cipher_list(p->ssl, "kRSA@SECLEVEL=0"); }

static void without_encryption(struct peer *p) { SSL_set_cipher_list(p->ssl, "NULL:aNULL@SECLEVEL=0"); }

static void any_level(struct peer *p)
{
	SSL_set_security_level(p->ssl, 0);
	SSL_set_cipher_list(p->ssl, "ALL@SECLEVEL=0");
}

static void test_old_versions(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	want_refusal(&toy, any_level, TLS1_VERSION);
	want_refusal(&toy, any_level, TLS1_1_VERSION);
	want_refusal(&toy, without_forward_secrecy, TLS1_2_VERSION);
	want_refusal(&toy, without_encryption, TLS1_2_VERSION);
	wait_until_gone(&toy);
	assert_int_equal(toy.opened, 0);
	toy_server_stop(&toy, 1000);
}

static void test_renegotiation(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	struct peer *p = peer_greet(&toy, TLS1_2_VERSION, NULL, NULL);
	/* The client's library takes the refusal for the end. */
	assert_int_equal(SSL_renegotiate(p->ssl), 1);
	assert_int_not_equal(SSL_do_handshake(p->ssl), 1);
	peer_free(p);
	wait_for(&toy.closed, 1);
	toy_server_stop(&toy, 1000);
}

/* --- ends --- */

static void test_goodbye(void **state)
{
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	for (size_t v = 0; v < 2; v++) {
		/* Ours, behind the last reply. */
		struct peer *p = peer_greet(&toy, versions[v], NULL, NULL);
		char o;
		peer_give(p, "QUIT\r\n");
		assert_string_equal(peer_take(p), "bye");
		int n = SSL_read(p->ssl, &o, 1);
		assert_int_equal(SSL_get_error(p->ssl, n), SSL_ERROR_ZERO_RETURN);
		peer_free(p);
		/* Theirs: what came before is answered. */
		p = peer_greet(&toy, versions[v], NULL, NULL);
		peer_give(p, "ECHO a\r\nWAIT 20 b\r\nECHO c\r\n");
		SSL_shutdown(p->ssl);
		assert_string_equal(peer_take(p), "a");
		assert_string_equal(peer_take(p), "b");
		assert_string_equal(peer_take(p), "c");
		n = SSL_read(p->ssl, &o, 1);
		assert_int_equal(SSL_get_error(p->ssl, n), SSL_ERROR_ZERO_RETURN);
		peer_free(p);
	}
	toy_server_stop(&toy, 1000);
	assert_int_equal(toy.closed, 4);
}

/* New keys as often as a client likes; it is answered still, and nothing piles up. */
static void test_key_updates(void **state)
{
	enum { UPDATES = 3000 };
	struct toy_server toy;

	(void)state;
	start(&toy, true);
	struct peer *p = peer_greet(&toy, TLS1_3_VERSION, NULL, NULL);
	for (int i = 0; i < UPDATES; i++) {
		int kind = i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
		assert_int_equal(SSL_key_update(p->ssl, kind), 1);
		assert_int_equal(SSL_do_handshake(p->ssl), 1);
	}
	peer_give(p, "ECHO still here\r\n");
	assert_string_equal(peer_take(p), "still here");
	peer_free(p);
	toy_server_stop(&toy, 1000);
}

/* --- bindings --- */

static void check_bindings(struct toy_server *toy, int version, bool end_point)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char octets[64];
	char text[160];
	unsigned size = 32;

	struct peer *p = peer_greet(toy, version, NULL, NULL);
	assert_int_equal(SSL_export_keying_material(p->ssl, octets, 32, label, sizeof label - 1,
	                                            (const unsigned char *)"", 0, 1),
	                 1);
	hex(text, octets, 32);
	peer_give(p, "BIND exporter\r\n");
	assert_string_equal(peer_take(p), text);
	X509 *x = SSL_get1_peer_certificate(p->ssl);
	assert_int_equal(X509_digest(x, EVP_sha256(), octets, &size), 1);
	hex(text, octets, size);
	peer_give(p, "BIND end-point\r\n");
	assert_string_equal(peer_take(p), end_point ? text : "none");
	X509_free(x);
	peer_free(p);
}

static void test_bindings(void **state)
{
	struct toy_server toy;
	struct arena arena;

	(void)state;
	start(&toy, true);
	arena_init(&arena, NULL, 1 << 20);
	for (int kind = TOY_P256; kind <= TOY_ED25519; kind++) {
		if (kind == TOY_RSA_1024)
			continue;
		struct tls_certificate item = toy_certificate(&arena, "DNS:toy.example", (enum toy_key)kind);
		assert_int_equal(tls_load(toy.tls, &arena, &item, 1).code, ERR_OK);
		/* Ed25519 has no hash of its own: RFC 5929 leaves it undefined. */
		for (size_t v = 0; v < 2; v++)
			check_bindings(&toy, versions[v], kind != TOY_ED25519);
	}
	arena_reset(&arena);
	toy_server_stop(&toy, 1000);
	/* Nothing in the clear; no exporter in 1.2 without extended master secret (RFC 9266 §3). */
	start(&toy, false);
	struct client *c = greet(toy.port);
	give_z(c, "BIND exporter\r\nBIND end-point\r\n");
	expect(c, "none");
	expect(c, "none");
	hang_up(c);
	toy_server_stop(&toy, 1000);
	start(&toy, true);
	struct peer *p = peer_new(dial(toy.port, 0), TLS1_2_VERSION);
	SSL_set_options(p->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_int_equal(SSL_connect(p->ssl), 1);
	peer_take(p);
	peer_give(p, "BIND exporter\r\n");
	assert_string_equal(peer_take(p), "none");
	peer_free(p);
	toy_server_stop(&toy, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starttls),     cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_injection),    cmocka_unit_test(test_late_injection),
		cmocka_unit_test(test_names),        cmocka_unit_test(test_two_kinds_of_key),
		cmocka_unit_test(test_reload),       cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_old_versions), cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_goodbye),      cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_bindings),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
