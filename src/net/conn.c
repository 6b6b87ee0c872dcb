#include "net/conn_internal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { REST_MIN = 256, BY_ID_MIN = 64 };

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

bool conn_lost_output(const struct conn *conn) { return conn->lost_output; }

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

bool conn_list(struct conn *c)
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

void conn_log_refused(const struct conn_service *service, ip peer, const char *why)
{
	char text[64];
	struct buf b;

	buf_init_fixed(&b, text, sizeof text);
	ip_format_peer(&b, peer);
	log_event(EV_SESSION_REFUSED, LOG_STR("service", str_of(service->name)),
	          LOG_STR("remote_ip", buf_str(&b)), LOG_STR("why", str_of(why)));
}

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
	conn->host->gone(conn, conn->host->user);
	conn_tls_free(conn);
	free(conn->rest);
	free(conn);
}

static void let_go(uv_handle_t *handle)
{
	struct conn *c = CONTAINER(handle, struct conn, uv);
	struct loop *loop = c->loop;

	by_id_remove(c);
	if (!c->session && c->why)
		conn_log_refused(c->service, c->peer, c->why);
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
	conn->lost_output = output_waiting(&conn->out) > 0 || output_waiting(conn_wire(conn)) > 0;
	output_drop(&conn->out, conn->loop);
	conn_tls_end(conn);
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
		if (!c->session)
			conn_end(c, "server stops");
		else if (!c->ended && !c->closing)
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
	if (c->stage != CONN_SERVED) {
		conn_end(c, c->stage == CONN_CONNECTING  ? "no answer in time"
		            : c->stage == CONN_IN_HEADER ? "no PROXY header in time"
		                                         : "no TLS handshake in time");
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
	if (conn->stage == CONN_SERVED)
		loop_timer_set(conn->loop, &conn->timer, ms);
}

/* --- closing --- */

void conn_stop_reading(struct conn *c)
{
	if (c->reading)
		uv_read_stop(&c->uv.stream);
	c->reading = false;
}

void conn_begin_close(struct conn *c, const char *why)
{
	if (c->closing || c->ended)
		return;
	c->closing = true;
	c->why = why;
	c->rest_len = 0;
	conn_stop_reading(c);
	loop_timer_set(c->loop, &c->timer, LIMIT_CLOSE_MS);
	loop_turn_add(c->loop, &c->turn);
}

void conn_close(struct conn *conn)
{
	if (conn->stage == CONN_CONNECTING)
		conn_end(conn, "closed");
	else
		conn_begin_close(conn, "closed");
}

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
	conn_start_reading(c);
}

/* --- input --- */

bool conn_keep_rest(struct conn *c, str octets)
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
		conn_keep_rest(c, STR(""));
		return;
	}
	if (c->stage == CONN_IN_HANDSHAKE) { /* conn_start_tls was called */
		conn_tls_drop(c, octets.len - used);
		return;
	}
	str left = str_from(octets, used);
	if (!conn_keep_rest(c, left)) {
		conn_end(c, "out of memory");
		return;
	}
	if (left.len == LIMIT_READ_BUFFER) {
		/* Full: an owner that pauses gets the rest later, one that waits for more never will. */
		if (c->paused)
			conn_stop_reading(c);
		else if (used == 0 && !c->offer_due)
			conn_end(c, "input was not consumed");
	}
	if (c->at_eof && !c->paused && !c->offer_due)
		conn_begin_close(c, "closed by the peer");
}

void conn_offer_sealed(struct conn *c, bool again)
{
	char *buffer = c->loop->read_buffer;

	if (c->rest_len)
		memcpy(buffer, c->rest, c->rest_len);
	size_t got = conn_tls_read(c, buffer + c->rest_len, LIMIT_READ_BUFFER - c->rest_len);
	if (c->ended || c->closing)
		return;
	if (got || again || c->at_eof)
		offer(c, (str){ buffer, c->rest_len + got });
	if (c->ended || c->closing || c->paused || !conn_tls_has_more(c))
		return;
	c->offer_due = true;
	loop_turn_add(c->loop, &c->turn);
}

/* `size` octets stand in the loop's read buffer behind room for the rest. */
static void took_octets(struct conn *c, size_t size)
{
	char *buffer = c->loop->read_buffer;

	conn_touch(c);
	if (c->rest_len)
		memcpy(buffer, c->rest, c->rest_len);
	str octets = { buffer, c->rest_len + size };
	if (c->stage == CONN_IN_HEADER) {
		conn_proxy_took(c, octets);
		return;
	}
	if (!c->paused) {
		offer(c, octets);
		return;
	}
	/* What a paused connection still sends is kept once; the rest waits in its socket. */
	conn_stop_reading(c);
	if (!conn_keep_rest(c, octets))
		conn_end(c, "out of memory");
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = CONTAINER(handle, struct conn, uv);

	(void)suggested;
	assert(c->rest_len < LIMIT_READ_BUFFER);
	if (c->tls)
		*buf = uv_buf_init(c->loop->sealed_buffer, LIMIT_READ_BUFFER);
	else
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
	if (n > 0 && c->tls)
		conn_tls_took(c, (size_t)n);
	else if (n > 0)
		took_octets(c, (size_t)n);
	if (n > 0)
		return;
	if (n != UV_EOF || c->stage != CONN_SERVED) {
		conn_end(c, n != UV_EOF                  ? "reset by the peer"
		            : c->stage == CONN_IN_HEADER ? "closed before its PROXY header"
		                                         : "closed in the TLS handshake");
		return;
	}
	/* What it sent before is still answered; what it left unfinished never will be. */
	conn_stop_reading(c);
	c->at_eof = true;
	if (!c->paused && !c->offer_due)
		conn_begin_close(c, "closed by the peer");
}

void conn_start_reading(struct conn *c)
{
	if (c->reading || c->at_eof || c->ended)
		return;
	c->reading = true;
	if (uv_read_start(&c->uv.stream, give_buffer, took) != 0)
		conn_end(c, "socket can't be read");
}

void conn_pause(struct conn *conn) { conn->paused = true; }

void conn_resume(struct conn *conn)
{
	conn->paused = false;
	if (conn->ended || conn->closing || conn->stage != CONN_SERVED)
		return;
	conn->offer_due = true;
	loop_turn_add(conn->loop, &conn->turn);
}

static void turn_run(struct turn *turn)
{
	struct conn *c = CONTAINER(turn, struct conn, turn);

	if (c->stage == CONN_IN_HANDSHAKE)
		conn_tls_turn(c);
	if (c->ended)
		return;
	if (c->offer_due && !c->paused && !c->closing && c->stage == CONN_SERVED) {
		if (c->tls)
			conn_offer_sealed(c, true);
		else
			offer(c, (str){ c->rest, c->rest_len });
		if (c->tls)
			conn_tls_settle(c);
		if (!c->ended && !c->closing && !c->paused && c->rest_len < LIMIT_READ_BUFFER &&
		    !(c->tls && conn_tls_has_more(c)))
			conn_start_reading(c);
	}
	if (!c->ended)
		conn_flush(c);
}

void conn_set_callbacks(struct conn *c)
{
	c->turn.run = turn_run;
	c->timer.fire = timer_fired;
	c->retry.fire = retry_fired;
}
