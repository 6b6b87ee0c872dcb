#include "net/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "net/client_internal.h"

struct net_client {
	struct conn_host host; /* first */
	SSL_CTX *context;
	BIO_METHOD *bio_method;
	pthread_mutex_t trust_lock;
	bool trust_loaded;
};

static void gone(struct conn *conn, void *user)
{
	(void)conn;
	(void)user;
}

static bool set_up(struct net_client *client)
{
	const long modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                   SSL_MODE_RELEASE_BUFFERS;

	client->context = SSL_CTX_new(TLS_client_method());
	client->bio_method = conn_tls_bio_method();
	if (!client->context || !client->bio_method ||
	    SSL_CTX_set_min_proto_version(client->context, TLS1_2_VERSION) != 1)
		return false;
	SSL_CTX_set_mode(client->context, modes);
	SSL_CTX_set_options(client->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_verify(client->context, SSL_VERIFY_NONE, NULL);
	return true;
}

/* The system's trust store, at the first handshake: it takes 20 ms and 1.5 MB, which a server that sends
 * nothing does not spend. Without one everybody is a stranger, and that is all. */
static void load_trust(struct net_client *client)
{
	pthread_mutex_lock(&client->trust_lock);
	if (!client->trust_loaded)
		(void)SSL_CTX_set_default_verify_paths(client->context);
	client->trust_loaded = true;
	pthread_mutex_unlock(&client->trust_lock);
	ERR_clear_error();
}

err net_client_new(struct work *work, struct net_client **out)
{
	struct net_client *client = calloc(1, sizeof *client);

	if (!client)
		return ERR_NO_MEMORY;
	client->host = (struct conn_host){ .work = work, .gone = gone };
	pthread_mutex_init(&client->trust_lock, NULL);
	if (!set_up(client)) {
		net_client_free(client);
		return ERR_NO_MEMORY;
	}
	*out = client;
	return OK;
}

void net_client_free(struct net_client *client)
{
	if (!client)
		return;
	SSL_CTX_free(client->context);
	BIO_meth_free(client->bio_method);
	pthread_mutex_destroy(&client->trust_lock);
	free(client);
}

struct work *net_client_work(const struct net_client *client) { return client->host.work; }

/* --- connecting --- */

static err_code code_of(int failed)
{
	switch (failed) {
	case UV_ECONNREFUSED:
	case UV_ECONNRESET:
	case UV_EPIPE:
	case UV_ENOENT: /* of a unix socket: nobody listens */
		return ERR_CLOSED;
	case UV_ETIMEDOUT:
		return ERR_TIMEOUT;
	case UV_ENETUNREACH:
	case UV_EHOSTUNREACH:
	case UV_EADDRNOTAVAIL:
		return ERR_MISSING;
	default:
		return ERR_IO;
	}
}

static void note_local(struct conn *c)
{
	struct sockaddr_storage sa;
	int size = sizeof sa;

	if (c->is_unix || uv_tcp_getsockname(&c->uv.tcp, (struct sockaddr *)&sa, &size) != 0)
		return;
	err e = ip_of_sockaddr((struct sockaddr *)&sa, &c->local, &c->local_port);
	(void)e; /* stays unknown: only logs miss it */
}

static void connected(uv_connect_t *request, int failed)
{
	struct conn *c = CONTAINER(request, struct conn, connect);

	if (c->ended)
		return;
	if (failed) {
		c->connect_error = code_of(failed);
		conn_end(c, uv_strerror(failed));
		return;
	}
	c->stage = CONN_SERVED;
	c->connect_error = ERR_OK;
	loop_timer_set(c->loop, &c->timer, 0);
	conn_touch(c);
	note_local(c);
	conn_deliver(c, CONN_OPENED);
	if (!c->ended && !c->closing)
		conn_start_reading(c);
}

static int begin_tcp(struct conn *c, const struct net_target *target)
{
	struct sockaddr_storage sa;
	int failed;

	if (target->has_source) {
		(void)ip_to_sockaddr(target->source, 0, &sa);
		failed = uv_tcp_bind(&c->uv.tcp, (const struct sockaddr *)&sa, 0);
		if (failed)
			return failed;
	}
	(void)ip_to_sockaddr(target->address, target->port, &sa);
	failed = uv_tcp_connect(&c->connect, &c->uv.tcp, (const struct sockaddr *)&sa, connected);
	if (!failed)
		uv_tcp_nodelay(&c->uv.tcp, 1);
	return failed;
}

/* From here on the connection ends by its close callback. */
static void begin(struct conn *c, const struct net_target *target)
{
	int failed = 0;

	if (c->is_unix)
		uv_pipe_connect(&c->connect, &c->uv.pipe, target->unix_path, connected);
	else
		failed = begin_tcp(c, target);
	if (failed) {
		c->connect_error = code_of(failed);
		conn_end(c, uv_strerror(failed));
	}
}

err net_client_connect(struct net_client *client, struct loop *loop, const struct conn_service *service,
                       void *session, const struct net_target *target, struct conn **out)
{
	const struct conn_socket none = { .fd = -1,
		                          .is_unix = target->unix_path != NULL,
		                          .peer = target->address,
		                          .peer_port = target->port };
	struct conn *c;

	assert(loop == loop_current());
	TRY(conn_new(loop, &client->host, service, (struct listen_manner){ .proxy = false }, none, &c));
	if (loop->stopping || !conn_list(c)) {
		conn_free(c);
		return (err){ ERR_NOSPACE, 0, "no connection can be begun now" };
	}
	int failed =
		c->is_unix ? uv_pipe_init(&loop->uv, &c->uv.pipe, 0) : uv_tcp_init(&loop->uv, &c->uv.tcp);
	assert(failed == 0); /* it only fills in the struct */
	(void)failed;
	c->session = session;
	c->stage = CONN_CONNECTING;
	c->connect_error = ERR_TIMEOUT;
	loop_timer_set(loop, &c->timer, target->timeout_ms ? target->timeout_ms : LIMIT_CONNECT_MS);
	begin(c, target);
	*out = c;
	return OK;
}

err_code conn_connect_error(const struct conn *conn) { return conn->connect_error; }

/* --- TLS --- */

SSL *net_client_tls(const struct conn_host *host, str name, void *user)
{
	struct net_client *client = (struct net_client *)(uintptr_t)host;
	char z[LIMIT_DOMAIN + 1];
	ip address;

	if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = str_slice(name, 1, name.len - 1); /* as routes write IPv6 */
	if (name.len > LIMIT_DOMAIN)
		return NULL;
	const bool is_address = ip_parse(name, &address).code == ERR_OK;
	memcpy(z, name.ptr, name.len);
	z[name.len] = '\0';
	load_trust(client);
	SSL *ssl = SSL_new(client->context);
	BIO *octets = ssl ? BIO_new(client->bio_method) : NULL;
	/* An address is no name to ask for (RFC 6066 §3); SSL_set1_host looks for it among the addresses. */
	if (!octets || (!is_address && SSL_set_tlsext_host_name(ssl, z) != 1) || SSL_set1_host(ssl, z) != 1) {
		BIO_free(octets);
		SSL_free(ssl);
		return NULL;
	}
	BIO_set_data(octets, user);
	BIO_set_init(octets, 1);
	SSL_set_bio(ssl, octets, octets);
	SSL_set_connect_state(ssl);
	return ssl;
}
