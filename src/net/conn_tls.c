#include "net/conn_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "net/client_internal.h"
#include "net/tls_internal.h"

enum { WHY_MAX = 96, EXPORTED_OCTETS = 32 };

struct conn_tls {
	SSL *ssl;
	struct loop *loop;
	struct output sealed; /* for the socket */
	str in;               /* read, not yet taken by the library; in the loop's buffer or in `kept` */
	char *kept;           /* NULL: nothing had to wait */
	size_t dropped;       /* octets in the clear */
	bool in_clear;        /* what was written before conn_start_tls is not out yet */
	bool secured;
	bool failed; /* the library is not to be asked again */
	bool said_goodbye;
	char why[WHY_MAX];
};

/* --- octets for the library: no buffers of its own, so that an idle connection holds none --- */

static int bio_read(BIO *b, char *out, int size)
{
	struct conn_tls *t = ((struct conn *)BIO_get_data(b))->tls;
	size_t n = t->in.len < (size_t)size ? t->in.len : (size_t)size;

	BIO_clear_retry_flags(b);
	if (n == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(out, t->in.ptr, n);
	t->in = str_from(t->in, n);
	return (int)n;
}

/* Takes all: how much may wait is settled before the library is asked. */
static int bio_write(BIO *b, const char *octets, int size)
{
	struct conn_tls *t = ((struct conn *)BIO_get_data(b))->tls;

	BIO_clear_retry_flags(b);
	if (size <= 0 || output_add(&t->sealed, t->loop, (str){ octets, (size_t)size }).code != ERR_OK)
		return -1;
	return size;
}

static long bio_control(BIO *b, int what, long number, void *pointer)
{
	(void)b;
	(void)number;
	(void)pointer;
	return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *conn_tls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");

	if (!method || BIO_meth_set_read(method, bio_read) != 1 ||
	    BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_ctrl(method, bio_control) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

/* --- ends --- */

/* The peer is told by the alert that the library has queued, then the connection ends. */
static void fail(struct conn *c, const char *during)
{
	struct conn_tls *t = c->tls;
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	snprintf(t->why, sizeof t->why, "%s: %s", during, reason ? reason : "protocol error");
	ERR_clear_error();
	t->failed = true;
	t->in = STR("");
	if (c->read_under_way) { /* its range can't be dropped before it is back */
		conn_end(c, t->why);
		return;
	}
	output_drop(&c->out, c->loop);
	conn_begin_close(c, t->why);
}

bool conn_tls_speaks_last(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->in_clear) {
		t->in_clear = false;
		conn_tls_drop(c, c->rest_len);
		conn_start_reading(c);
		return false;
	}
	if (!c->closing || !t->secured || t->failed || t->said_goodbye)
		return false;
	t->said_goodbye = true;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl); /* our half: the peer's is not waited for (RFC 8446 §6.1) */
	return t->sealed.ready_octets > 0;
}

void conn_tls_end(struct conn *c)
{
	if (c->tls)
		output_drop(&c->tls->sealed, c->loop);
}

void conn_tls_free(struct conn *c)
{
	if (!c->tls)
		return;
	SSL_free(c->tls->ssl);
	free(c->tls->kept);
	free(c->tls);
}

/* --- input --- */

void conn_tls_drop(struct conn *c, size_t size)
{
	c->tls->dropped += size;
	conn_keep_rest(c, STR(""));
}

size_t conn_tls_dropped(const struct conn *conn) { return conn->tls ? conn->tls->dropped : 0; }

bool conn_tls_has_more(const struct conn *c)
{
	return !c->at_eof && !c->tls->failed && (c->tls->in.len > 0 || SSL_pending(c->tls->ssl) > 0);
}

void conn_tls_settle(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (c->ended || c->closing || c->at_eof || t->in.len == 0) {
		t->in = STR("");
		free(t->kept);
		t->kept = NULL;
	} else if (!t->kept) {
		t->kept = malloc(t->in.len);
		if (!t->kept) {
			conn_end(c, "out of memory");
			return;
		}
		memcpy(t->kept, t->in.ptr, t->in.len);
		t->in.ptr = t->kept;
	}
	if (!c->ended && !c->closing && conn_tls_has_more(c))
		conn_stop_reading(c);
}

size_t conn_tls_read(struct conn *c, char *to, size_t room)
{
	struct conn_tls *t = c->tls;
	size_t got = 0, n;

	while (got < room && !t->failed && !c->at_eof) {
		ERR_clear_error();
		int ok = SSL_read_ex(t->ssl, to + got, room - got, &n);
		if (ok == 1) {
			got += n;
			continue;
		}
		switch (SSL_get_error(t->ssl, ok)) {
		case SSL_ERROR_WANT_READ:
			break;
		case SSL_ERROR_ZERO_RETURN: /* close_notify: what it said before is still answered */
			c->at_eof = true;
			conn_stop_reading(c);
			break;
		default:
			fail(c, "TLS");
			return 0;
		}
		break;
	}
	/* Refusals of renegotiation and their kin, to a peer that asks on and on and does not read. */
	if (t->sealed.ready_octets > 2 * LIMIT_SEALED)
		conn_end(c, "peer does not read");
	else if (t->sealed.ready_octets)
		loop_turn_add(c->loop, &c->turn);
	return got;
}

/* --- handshake --- */

static void secured(struct conn *c)
{
	c->tls->secured = true;
	c->stage = CONN_SERVED;
	loop_timer_set(c->loop, &c->timer, 0);
	if (!c->session) {
		conn_open_session(c);
		return;
	}
	conn_set_timeout(c, c->timeout_ms);
	conn_deliver(c, CONN_SECURED);
}

static void shake_hands(struct conn *c)
{
	struct conn_tls *t = c->tls;

	ERR_clear_error();
	int done = SSL_do_handshake(t->ssl);
	loop_turn_add(c->loop, &c->turn); /* for what it has to say */
	if (done == 1)
		secured(c);
	else if (SSL_get_error(t->ssl, done) != SSL_ERROR_WANT_READ)
		fail(c, "TLS handshake");
}

/* With what stands in t->in. */
static void go_on(struct conn *c)
{
	if (c->stage == CONN_IN_HANDSHAKE)
		shake_hands(c);
	if (c->stage == CONN_SERVED && !c->ended && !c->closing && !c->paused)
		conn_offer_sealed(c, false);
	conn_tls_settle(c);
}

/* A handshake costs as much as some ten messages (0.3 ms with P-256, 1 ms with RSA-2048), and after a restart
 * all clients come at once: so few are computed in each turn, and those who are further have theirs between.
 */
void conn_tls_turn(struct conn *c)
{
	if (c->ended || c->closing || c->tls->in.len == 0)
		return;
	if (c->loop->handshakes_left == 0) {
		loop_turn_add(c->loop, &c->turn);
		return;
	}
	c->loop->handshakes_left--;
	go_on(c);
	if (!c->ended && !c->closing && !c->paused && !conn_tls_has_more(c))
		conn_start_reading(c);
}

void conn_tls_took(struct conn *c, size_t size)
{
	conn_touch(c);
	if (c->tls->in_clear) {
		conn_tls_drop(c, size);
		return;
	}
	c->tls->in = (str){ c->loop->sealed_buffer, size };
	if (c->stage == CONN_SERVED) {
		go_on(c);
		return;
	}
	conn_tls_settle(c);
	loop_turn_add(c->loop, &c->turn);
}

/* Takes `ssl`, NULL where there was no memory for it. */
static err begin(struct conn *c, SSL *ssl)
{
	struct conn_tls *t = ssl ? calloc(1, sizeof *t) : NULL;

	if (!t) {
		SSL_free(ssl);
		return ERR_NO_MEMORY;
	}
	t->ssl = ssl;
	t->loop = c->loop;
	output_init(&t->sealed);
	c->tls = t;
	c->stage = CONN_IN_HANDSHAKE;
	c->offer_due = c->paused = false;
	loop_timer_set(c->loop, &c->timer, c->manner.handshake_ms);
	loop_turn_add(c->loop, &c->turn);
	return OK;
}

bool conn_can_start_tls(const struct conn *conn)
{
	return !conn->tls && conn->host->tls && tls_is_loaded(conn->host->tls);
}

err conn_start_tls(struct conn *conn)
{
	if (conn->closing || conn->ended || conn->tls)
		return (err){ ERR_CLOSED, 0, "connection is closing, or under TLS" };
	if (!conn_can_start_tls(conn))
		return (err){ ERR_MISSING, 0, "there is no certificate" };
	TRY(begin(conn, tls_accept(conn->host->tls, conn)));
	conn->tls->in_clear = true;
	return OK;
}

err conn_start_tls_as_client(struct conn *conn, str name)
{
	if (conn->closing || conn->ended || conn->tls || conn->stage != CONN_SERVED)
		return (err){ ERR_CLOSED, 0, "connection is closing, or under TLS" };
	assert(conn->out.ready_octets == 0);
	TRY(begin(conn, net_client_tls(conn->host, name, conn)));
	shake_hands(conn); /* ours is the first word */
	return OK;
}

const char *conn_tls_mistrust(const struct conn *conn)
{
	long result = SSL_get_verify_result(conn->tls->ssl);

	return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

void conn_tls_first(struct conn *c, str octets)
{
	if (!conn_can_start_tls(c)) {
		conn_end(c, "there is no certificate for TLS");
		return;
	}
	if (begin(c, tls_accept(c->host->tls, c)).code != ERR_OK) {
		conn_end(c, "out of memory");
		return;
	}
	c->tls->in = octets;
	conn_tls_settle(c); /* they stand where what is opened goes */
	if (!c->ended && !conn_tls_has_more(c))
		conn_start_reading(c);
}

/* --- output --- */

struct output *conn_wire(struct conn *c) { return c->tls && !c->tls->in_clear ? &c->tls->sealed : &c->out; }

bool conn_tls_seal(struct conn *c)
{
	struct conn_tls *t = c->tls;

	while (t->secured && !t->failed && c->out.ready_octets && t->sealed.ready_octets < LIMIT_SEALED) {
		struct iovec part;
		size_t n;
		output_parts(&c->out, &part, 1);
		ERR_clear_error();
		if (SSL_write_ex(t->ssl, part.iov_base, part.iov_len, &n) != 1) {
			conn_end(c, "out of memory");
			return false;
		}
		output_sent(&c->out, c->loop, n);
	}
	return true;
}

/* --- what there is to know --- */

bool conn_is_secure(const struct conn *conn) { return conn->tls && conn->tls->secured; }

static str text_or_none(const char *text) { return str_of(text ? text : ""); }

/* IANA's names of what we offer (net/tls.c). */
static const char *group_name(SSL *ssl)
{
	switch (SSL_get_negotiated_group(ssl)) {
	case NID_X25519:
		return "x25519";
	case NID_X9_62_prime256v1:
		return "secp256r1";
	case NID_secp384r1:
		return "secp384r1";
	default:
		return "";
	}
}

bool conn_tls_describe(const struct conn *conn, struct conn_tls_description *out)
{
	if (!conn_is_secure(conn))
		return false;
	SSL *ssl = conn->tls->ssl;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	*out = (struct conn_tls_description){
		.version = str_of(SSL_get_version(ssl)),
		.cipher = text_or_none(SSL_CIPHER_standard_name(cipher)),
		.group = str_of(group_name(ssl)),
		.bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
		.server_name = text_or_none(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)),
		.resumed = SSL_session_reused(ssl) == 1,
	};
	return true;
}

static const err no_binding = { ERR_MISSING, 0, "this connection has no such channel binding" };

/* RFC 9266 §2, with the context of no octets that it asks for. Before 1.3 another session could have the same
 * keys unless both sides hash the whole handshake into them (RFC 7627). */
static err bind_exporter(SSL *ssl, struct buf *out)
{
	static const str label = STR_INIT("EXPORTER-Channel-Binding");
	unsigned char octets[EXPORTED_OCTETS];

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return no_binding;
	if (SSL_export_keying_material(ssl, octets, sizeof octets, label.ptr, label.len,
	                               (const unsigned char *)"", 0, 1) != 1)
		return no_binding;
	buf_add(out, (str){ (const char *)octets, sizeof octets });
	return buf_err(out);
}

/* The hash of the certificate's own signature, SHA-256 in place of weaker ones; where the signature has none
 * (Ed25519) RFC 5929 §4.1 defines nothing. */
static err bind_end_point(SSL *ssl, struct buf *out)
{
	unsigned char octets[EVP_MAX_MD_SIZE];
	const X509 *certificate = SSL_get_certificate(ssl);
	unsigned size = 0;
	int hash = NID_undef;

	if (!certificate ||
	    X509_get_signature_info((X509 *)(uintptr_t)certificate, &hash, NULL, NULL, NULL) != 1 ||
	    hash == NID_undef)
		return no_binding;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	const EVP_MD *digest = EVP_get_digestbynid(hash);
	if (!digest || X509_digest(certificate, digest, octets, &size) != 1)
		return no_binding;
	buf_add(out, (str){ (const char *)octets, size });
	return buf_err(out);
}

err conn_tls_binding(const struct conn *conn, enum conn_tls_binding kind, struct buf *out)
{
	if (!conn_is_secure(conn))
		return no_binding;
	err e = kind == CONN_TLS_EXPORTER ? bind_exporter(conn->tls->ssl, out)
	                                  : bind_end_point(conn->tls->ssl, out);
	ERR_clear_error();
	return e;
}
