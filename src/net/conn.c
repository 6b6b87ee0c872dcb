#include "net/conn_internal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { REST_MIN = 256, BY_ID_MIN = 64 };

static _Atomic uint64_t last_id;

/* --- who is there --- */

ip conn_peer(const struct conn *conn, uint16_t *port)
{
	if (port)
		*port = conn->peer_port;
	return conn->peer;
}

ip conn_local(const struct conn *conn, uint16_t *port)
{
	if (port)
		*port = conn->local_port;
	return conn->local;
}

struct loop *conn_loop(struct conn *conn) { return conn->loop; }

uint64_t conn_id(const struct conn *conn) { return conn->id; }

str conn_why(const struct conn *conn) { return conn->why ? str_of(conn->why) : STR("open"); }

bool conn_peer_uid(const struct conn *conn, uint32_t *uid)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	uv_os_fd_t fd;

	if (!conn->is_unix || uv_fileno(&conn->uv.handle, &fd) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	*uid = peer.uid;
	return true;
}

/* --- by id --- */

static struct conn **place(const struct loop *loop, uint64_t id)
{
	return &loop->by_id[id & (loop->by_id_size - 1)];
}

static bool by_id_grow(struct loop *loop)
{
	size_t former_size = loop->by_id_size;
	size_t size = former_size ? former_size * 2 : BY_ID_MIN;
	struct conn **former = loop->by_id, **bigger = calloc(size, sizeof(struct conn *));

	if (!bigger)
		return former_size > 0; /* longer chains do as well */
	loop->by_id = bigger;
	loop->by_id_size = size;
	for (size_t i = 0; i < former_size; i++) {
		for (struct conn *c = former[i], *next; c; c = next) {
			next = c->next_by_id;
			c->next_by_id = *place(loop, c->id);
			*place(loop, c->id) = c;
		}
	}
	free(former);
	return true;
}

static bool by_id_add(struct conn *c)
{
	struct loop *loop = c->loop;

	if (loop->conn_count >= loop->by_id_size && !by_id_grow(loop))
		return false;
	c->next_by_id = *place(loop, c->id);
	*place(loop, c->id) = c;
	link_append(&loop->conns, &c->in_loop);
	loop->conn_count++;
	return true;
}

static void by_id_remove(struct conn *c)
{
	struct conn **at = place(c->loop, c->id);

	while (*at != c)
		at = &(*at)->next_by_id;
	*at = c->next_by_id;
	link_remove(&c->in_loop);
	c->loop->conn_count--;
}

void *conn_find_session(struct loop *loop, uint64_t id)
{
	struct conn *c = loop->by_id_size ? *place(loop, id) : NULL;

	assert(loop == loop_current());
	while (c && c->id != id)
		c = c->next_by_id;
	return c && !c->ended ? c->session : NULL;
}

/* --- events, ends --- */

void conn_deliver(struct conn *conn, enum conn_event event)
{
	if (conn->session)
		conn->service->handle(conn->session, event, STR(""));
}

void conn_touch(struct conn *conn) { conn->active_tick_ms = clock_tick_ms(); }

void conn_free(struct conn *conn)
{
	struct loop *loop = conn->loop;

	atomic_fetch_sub_explicit(&loop->load, 1, memory_order_relaxed);
	conn->gone(conn, conn->gone_user);
	free(conn->rest);
	free(conn);
}

static void let_go(uv_handle_t *handle)
{
	struct conn *c = CONTAINER(handle, struct conn, uv);
	struct loop *loop = c->loop;

	by_id_remove(c);
	conn_deliver(c, CONN_CLOSED);
	c->session = NULL;
	c->closed = true;
	if (!c->read_under_way)
		conn_free(c);
	loop_close_if_stopping(loop);
}

void conn_end(struct conn *conn, const char *why)
{
	if (conn->ended)
		return;
	conn->ended = true;
	if (!conn->why)
		conn->why = why;
	loop_timer_set(conn->loop, &conn->timer, 0);
	loop_timer_set(conn->loop, &conn->retry, 0);
	loop_turn_remove(&conn->turn);
	output_drop(&conn->out, conn->loop);
	uv_close(&conn->uv.handle, let_go);
}

void conn_abort(struct conn *conn) { conn_end(conn, "aborted"); }

void conn_abort_all(struct loop *loop, const char *why)
{
	struct link *at = loop->conns.next, *next;

	for (; at != &loop->conns; at = next) {
		next = at->next; /* memory goes in close callbacks only, so the ring stands still */
		conn_end(CONTAINER(at, struct conn, in_loop), why);
	}
}

void conn_shutdown_all(struct loop *loop)
{
	struct link *at = loop->conns.next, *next;

	for (; at != &loop->conns; at = next) {
		struct conn *c = CONTAINER(at, struct conn, in_loop);
		next = at->next;
		if (!c->ended && !c->closing)
			conn_deliver(c, CONN_SHUTDOWN);
	}
}

/* --- time-outs --- */

static void timer_fired(struct timer *timer)
{
	struct conn *c = CONTAINER(timer, struct conn, timer);

	if (c->closing) {
		conn_end(c, "peer does not read");
		return;
	}
	/* Octets only note their time: moving the deadline waits until it would fire. */
	int64_t left_ms = c->active_tick_ms + c->timeout_ms - clock_tick_ms();
	if (left_ms > 0) {
		loop_timer_set(c->loop, timer, left_ms);
		return;
	}
	conn_touch(c);
	loop_timer_set(c->loop, timer, c->timeout_ms);
	conn_deliver(c, CONN_TIMED_OUT);
}

static void retry_fired(struct timer *timer) { conn_flush(CONTAINER(timer, struct conn, retry)); }

void conn_set_timeout(struct conn *conn, int64_t ms)
{
	if (conn->closing || conn->ended)
		return;
	conn->timeout_ms = ms;
	conn_touch(conn);
	loop_timer_set(conn->loop, &conn->timer, ms);
}

/* --- closing --- */

static void reading_stop(struct conn *c)
{
	if (c->reading)
		uv_read_stop(&c->uv.stream);
	c->reading = false;
}

static void reading_start(struct conn *c);

static void close_begin(struct conn *c, const char *why)
{
	if (c->closing || c->ended)
		return;
	c->closing = true;
	c->why = why;
	c->rest_len = 0;
	reading_stop(c);
	loop_timer_set(c->loop, &c->timer, LIMIT_CLOSE_MS);
	loop_turn_add(c->loop, &c->turn);
}

void conn_close(struct conn *conn) { close_begin(conn, "closed"); }

/* A socket closed over input not read answers with a reset, which may overtake the last reply (RFC 9293
 * §3.6.1). Then our side ends first, and the input is read and dropped for a while. */
void conn_output_done(struct conn *c)
{
	int unread = 0;
	uv_os_fd_t fd;

	if (c->at_eof || uv_fileno(&c->uv.handle, &fd) != 0 || ioctl(fd, FIONREAD, &unread) != 0 ||
	    unread == 0 || shutdown(fd, SHUT_WR) != 0) {
		conn_end(c, c->why);
		return;
	}
	c->lingering = true;
	loop_timer_set(c->loop, &c->timer, LIMIT_LINGER_MS);
	reading_start(c);
}

/* --- input --- */

static bool rest_keep(struct conn *c, str octets)
{
	size_t room = REST_MIN;

	if (octets.len == 0) {
		free(c->rest);
		c->rest = NULL;
		c->rest_len = c->rest_room = 0;
		return true;
	}
	while (room < octets.len)
		room *= 2;
	if (room > c->rest_room || room <= c->rest_room / 4) {
		/* Not realloc: `octets` may lie in the former one. Smaller ones too: half a line left of a
		 * large batch must not hold a large buffer for as long as its client is idle. */
		char *bigger = malloc(room);
		if (!bigger)
			return false;
		memcpy(bigger, octets.ptr, octets.len);
		free(c->rest);
		c->rest = bigger;
		c->rest_room = (uint32_t)room;
	} else {
		memmove(c->rest, octets.ptr, octets.len);
	}
	c->rest_len = (uint32_t)octets.len;
	return true;
}

/* Offers all that is there and keeps what is not consumed. */
static void offer(struct conn *c, str octets)
{
	c->offer_due = false;
	size_t used = octets.len ? c->service->handle(c->session, CONN_OCTETS, octets) : 0;

	assert(used <= octets.len);
	if (c->ended || c->closing) {
		rest_keep(c, STR(""));
		return;
	}
	str left = str_from(octets, used);
	if (!rest_keep(c, left)) {
		conn_end(c, "out of memory");
		return;
	}
	if (left.len == LIMIT_READ_BUFFER) {
		/* Full: an owner that pauses gets the rest later, one that waits for more never will. */
		if (c->paused)
			reading_stop(c);
		else if (used == 0 && !c->offer_due)
			conn_end(c, "input was not consumed");
	}
	if (c->at_eof && !c->paused && !c->offer_due)
		close_begin(c, "closed by the peer");
}

/* `size` octets stand in the loop's read buffer behind room for the rest. */
static void conn_took_octets(struct conn *c, size_t size)
{
	char *buffer = c->loop->read_buffer;

	conn_touch(c);
	if (c->rest_len)
		memcpy(buffer, c->rest, c->rest_len);
	str octets = { buffer, c->rest_len + size };
	if (!c->paused) {
		offer(c, octets);
		return;
	}
	/* What a paused connection still sends is kept once; the rest waits in its socket. */
	reading_stop(c);
	if (!rest_keep(c, octets))
		conn_end(c, "out of memory");
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = CONTAINER(handle, struct conn, uv);

	(void)suggested;
	assert(c->rest_len < LIMIT_READ_BUFFER);
	*buf = uv_buf_init(c->loop->read_buffer + c->rest_len, LIMIT_READ_BUFFER - c->rest_len);
}

static void took(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = CONTAINER(stream, struct conn, uv);

	(void)buf;
	if (n == 0)
		return; /* nothing there after all */
	if (c->lingering) {
		if (n < 0)
			conn_end(c, c->why);
		return;
	}
	if (n > 0) {
		conn_took_octets(c, (size_t)n);
		return;
	}
	if (n != UV_EOF) {
		conn_end(c, "reset by the peer");
		return;
	}
	/* What it sent before is still answered; what it left unfinished never will be. */
	reading_stop(c);
	c->at_eof = true;
	if (!c->paused && !c->offer_due)
		close_begin(c, "closed by the peer");
}

static void reading_start(struct conn *c)
{
	if (c->reading || c->at_eof)
		return;
	c->reading = true;
	if (uv_read_start(&c->uv.stream, give_buffer, took) != 0)
		conn_end(c, "socket can't be read");
}

void conn_pause(struct conn *conn) { conn->paused = true; }

void conn_resume(struct conn *conn)
{
	conn->paused = false;
	if (conn->ended || conn->closing)
		return;
	conn->offer_due = true;
	loop_turn_add(conn->loop, &conn->turn);
}

static void turn_run(struct turn *turn)
{
	struct conn *c = CONTAINER(turn, struct conn, turn);

	if (c->offer_due && !c->paused && !c->closing) {
		offer(c, (str){ c->rest, c->rest_len });
		if (!c->ended && !c->closing && !c->paused && c->rest_len < LIMIT_READ_BUFFER)
			reading_start(c);
	}
	if (!c->ended)
		conn_flush(c);
}

/* --- opening --- */

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

static void open_run(struct post *post)
{
	struct conn *c = CONTAINER(post, struct conn, opening);

	if (c->loop->stopping || !by_id_add(c)) {
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
	c->session = c->service->open(c, c->service);
	if (!c->session) {
		conn_end(c, "out of memory");
		return;
	}
	conn_deliver(c, CONN_OPENED);
	if (!c->ended && !c->closing)
		reading_start(c);
}

err conn_new(struct loop *loop, struct work *work, const struct conn_service *service,
             struct conn_socket socket, void (*gone)(struct conn *conn, void *user), void *gone_user,
             struct conn **out)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NO_MEMORY;
	c->loop = loop;
	c->work = work;
	c->service = service;
	c->fd = socket.fd;
	c->is_unix = socket.is_unix;
	c->peer = socket.peer;
	c->peer_port = socket.peer_port;
	c->gone = gone;
	c->gone_user = gone_user;
	c->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	c->opening.run = open_run;
	c->turn.run = turn_run;
	c->timer.fire = timer_fired;
	c->retry.fire = retry_fired;
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
