#include "net/conn_internal.h"

#include <stdlib.h>

enum { PARTS_MAX = 32, RETRY_MS = 100 };

/* --- adding --- */

static bool takes_output(const struct conn *c) { return !c->closing && !c->ended; }

static const err closing_err = { ERR_CLOSED, 0, "connection is closing" };

static err queued(struct conn *c, err e)
{
	loop_turn_add(c->loop, &c->turn);
	return e;
}

err conn_write(struct conn *conn, str octets)
{
	if (!takes_output(conn))
		return closing_err;
	return queued(conn, output_add(&conn->out, conn->loop, octets));
}

err conn_write_dot_stuffed(struct conn *conn, str octets)
{
	if (!takes_output(conn))
		return closing_err;
	return queued(conn, output_add_dot_stuffed(&conn->out, conn->loop, octets));
}

err conn_write_dot_end(struct conn *conn)
{
	if (!takes_output(conn))
		return closing_err;
	return queued(conn, output_add_dot_end(&conn->out, conn->loop));
}

err conn_write_range(struct conn *conn, const struct conn_range *range)
{
	if (!takes_output(conn)) {
		if (range->release)
			range->release(range->owner);
		return closing_err;
	}
	return queued(conn, output_add_range(&conn->out, range));
}

bool conn_full(const struct conn *conn) { return output_waiting(&conn->out) > LIMIT_OUTPUT_QUEUE; }

bool conn_at_line_start(const struct conn *conn) { return conn->out.at_line_start; }

/* --- cold ranges --- */

struct range_read {
	struct job job;
	struct conn *conn;
	struct output_read read;
};

static void range_run(struct job *job) { output_read_run(&CONTAINER(job, struct range_read, job)->read); }

static void fail(struct conn *c, enum output_state state)
{
	assert(state == OUTPUT_DAMAGED || state == OUTPUT_NO_MEMORY);
	conn_end(c, state == OUTPUT_DAMAGED ? "content is damaged" : "out of memory");
}

static void range_done(struct job *job)
{
	struct range_read *r = CONTAINER(job, struct range_read, job);
	struct conn *c = r->conn;
	enum output_state state = output_read_done(&c->out, c->loop, &r->read, c->ended);

	free(r);
	c->read_under_way = false;
	if (c->closed)
		conn_free(c);
	else if (!c->ended && state != OUTPUT_READY)
		fail(c, state);
	else if (!c->ended)
		conn_flush(c);
}

static void begin_range_read(struct conn *c)
{
	struct range_read *r = malloc(sizeof *r);

	if (!r || output_read_begin(&c->out, c->loop, &r->read).code != ERR_OK) {
		free(r);
		fail(c, OUTPUT_NO_MEMORY);
		return;
	}
	r->conn = c;
	r->job = (struct job){ .run = range_run, .done = range_done };
	if (work_submit(c->host->work, WORK_READ, &r->job).code == ERR_OK) {
		c->read_under_way = true;
		return;
	}
	/* Every worker is behind: this connection's turn comes again, the others' meanwhile. */
	output_read_cancel(c->loop, &r->read);
	free(r);
	loop_timer_set(c->loop, &c->retry, RETRY_MS);
}

/* --- writing --- */

static void wrote(uv_write_t *write, int status);

static void sent(struct conn *c, size_t size)
{
	output_sent(conn_wire(c), c->loop, size);
	conn_touch(c);
}

/* Gives ready octets to the kernel; false where it takes no more now, or the connection ended. */
static bool write_ready(struct conn *c)
{
	struct iovec parts[PARTS_MAX];
	uv_buf_t bufs[PARTS_MAX];
	struct output *wire = conn_wire(c);
	size_t count = output_parts(wire, parts, PARTS_MAX), total = 0;

	for (size_t i = 0; i < count; i++) {
		bufs[i] = uv_buf_init(parts[i].iov_base, (unsigned)parts[i].iov_len);
		total += parts[i].iov_len;
	}
	int n = uv_try_write(&c->uv.stream, bufs, (unsigned)count);
	if (n < 0 && n != UV_EAGAIN) {
		conn_end(c, "peer is gone");
		return false;
	}
	if (n > 0)
		sent(c, (size_t)n);
	if (n > 0 && (size_t)n == total)
		return true;
	/* The socket is full: libuv waits for it with what is left. */
	count = output_parts(wire, parts, PARTS_MAX);
	c->write_octets = 0;
	for (size_t i = 0; i < count; i++) {
		bufs[i] = uv_buf_init(parts[i].iov_base, (unsigned)parts[i].iov_len);
		c->write_octets += parts[i].iov_len;
	}
	if (uv_write(&c->write, &c->uv.stream, bufs, (unsigned)count, wrote) != 0) {
		conn_end(c, "out of memory");
		return false;
	}
	c->writing = true;
	return false;
}

static void wrote(uv_write_t *write, int status)
{
	struct conn *c = CONTAINER(write, struct conn, write);

	c->writing = false;
	if (c->ended)
		return;
	if (status < 0) {
		conn_end(c, "peer is gone");
		return;
	}
	sent(c, c->write_octets);
	conn_flush(c);
}

static void tell_drained(struct conn *c)
{
	if (c->closing) {
		conn_output_done(c);
	} else if (c->out.was_full) {
		c->out.was_full = false;
		conn_deliver(c, CONN_DRAINED);
	}
}

void conn_flush(struct conn *c)
{
	size_t given = 0;

	while (!c->ended && !c->writing && !c->lingering) {
		bool cold = false;
		if (!c->read_under_way) {
			enum output_state state = output_fill(&c->out, c->loop);
			if (state == OUTPUT_DAMAGED || state == OUTPUT_NO_MEMORY) {
				fail(c, state);
				return;
			}
			cold = state == OUTPUT_COLD;
		}
		if (cold && !timer_is_set(&c->retry))
			begin_range_read(c);
		if (c->ended || (c->tls && !conn_tls_seal(c)))
			return;
		size_t ready = conn_wire(c)->ready_octets;
		if (ready == 0) {
			if (output_waiting(&c->out) > 0)
				return;
			if (c->tls && conn_tls_speaks_last(c))
				continue;
			tell_drained(c);
			return;
		}
		if (given >= LIMIT_OUTPUT_TURN) {
			/* A fast reader of a large file: the others have their turn first. */
			loop_turn_add(c->loop, &c->turn);
			return;
		}
		given += ready;
		if (!write_ready(c))
			return;
	}
}
