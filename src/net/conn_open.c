#include "net/conn_internal.h"

#include <stdlib.h>
#include <unistd.h>

static _Atomic uint64_t last_id;

static int socket_take(struct conn *c)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof sa;
	int failed;

	if (c->is_unix) {
		failed = uv_pipe_init(&c->loop->uv, &c->uv.pipe, 0);
		assert(failed == 0); /* it only fills in the struct */
		return uv_pipe_open(&c->uv.pipe, c->fd);
	}
	if (getsockname(c->fd, (struct sockaddr *)&sa, &size) == 0) {
		err e = ip_of_sockaddr((struct sockaddr *)&sa, &c->local, &c->local_port);
		(void)e; /* our own address stays unknown: only logs miss it */
	}
	failed = uv_tcp_init(&c->loop->uv, &c->uv.tcp);
	assert(failed == 0);
	failed = uv_tcp_open(&c->uv.tcp, c->fd);
	if (!failed)
		uv_tcp_nodelay(&c->uv.tcp, 1);
	return failed;
}

void conn_open_session(struct conn *c)
{
	c->session = c->service->open(c, c->service);
	if (c->session)
		conn_deliver(c, CONN_OPENED);
	else
		conn_end(c, "not taken");
}

void conn_go_on(struct conn *c, str octets)
{
	bool tls = c->manner.tls_first;

	c->stage = CONN_SERVED;
	loop_timer_set(c->loop, &c->timer, 0);
	if (!conn_keep_rest(c, tls ? STR("") : octets)) {
		conn_end(c, "out of memory");
		return;
	}
	if (tls) {
		conn_tls_first(c, octets);
		return;
	}
	conn_open_session(c);
	if (c->ended || c->closing)
		return;
	if (octets.len && !c->paused)
		conn_resume(c);
	conn_start_reading(c);
}

static void open_run(struct post *post)
{
	struct conn *c = CONTAINER(post, struct conn, opening);

	if (c->loop->stopping || !conn_list(c)) {
		close(c->fd);
		conn_free(c);
		return;
	}
	if (socket_take(c) != 0) {
		close(c->fd);
		conn_end(c, "socket can't be used");
		return;
	}
	c->fd = -1;
	conn_touch(c);
	if (!c->manner.proxy) {
		conn_go_on(c, STR(""));
		return;
	}
	c->stage = CONN_IN_HEADER;
	loop_timer_set(c->loop, &c->timer, c->manner.handshake_ms);
	conn_start_reading(c);
}

err conn_new(struct loop *loop, const struct conn_host *host, const struct conn_service *service,
             struct listen_manner manner, struct conn_socket socket, struct conn **out)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NO_MEMORY;
	c->loop = loop;
	c->host = host;
	c->service = service;
	c->manner = manner;
	if (!manner.handshake_ms)
		c->manner.handshake_ms = LIMIT_HANDSHAKE_MS;
	c->stage = CONN_SERVED;
	c->fd = socket.fd;
	c->is_unix = socket.is_unix;
	c->is_counted = socket.is_counted;
	c->peer = socket.peer;
	c->peer_port = socket.peer_port;
	c->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	c->opening.run = open_run;
	conn_set_callbacks(c);
	output_init(&c->out);
	atomic_fetch_add_explicit(&loop->load, 1, memory_order_relaxed);
	*out = c;
	return OK;
}

void conn_start(struct conn *conn)
{
	if (conn->loop == loop_current())
		open_run(&conn->opening);
	else
		loop_post(conn->loop, &conn->opening);
}
