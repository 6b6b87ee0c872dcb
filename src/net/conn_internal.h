/* net/conn_internal.h: the connection as conn.c (life, input, time-outs) and conn_output.c see it.
 *
 * Life: made on the accepting loop (conn_new), opened on its own by a post, ended by conn_end from wherever;
 * libuv's close callback says CONN_CLOSED and the memory goes there, or when the last read of a range under
 * way is back from its worker.
 *
 * TLS has its place between socket and session: octets just read would pass it where conn_took_octets is
 * entered, before they are joined to `rest`; ready output would pass it in write_ready, where parts are taken
 * from `out` and handed to libuv. Both sides speak in slices and blocks, so ranges, dot-stuffing, pausing and
 * time-outs stay as they are.
 */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "net/conn.h"
#include "net/loop_internal.h"
#include "net/output.h"

struct conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	uv_write_t write;
	size_t write_octets; /* that `write` waits with */
	struct loop *loop;
	struct work *work;
	const struct conn_service *service;
	void *session; /* NULL: no events any more */
	struct post opening;
	struct link in_loop;
	struct conn *next_by_id;
	struct turn turn;
	struct timer timer; /* the time-out, or while closing its end */
	struct timer retry; /* of a read for which the queue had no room */
	uint64_t id;
	const char *why; /* how it ended */
	void (*gone)(struct conn *conn, void *user);
	void *gone_user;
	int fd; /* until libuv has it */
	ip peer, local;
	uint16_t peer_port, local_port;
	bool is_unix;

	bool paused;    /* by the owner */
	bool reading;   /* libuv reads */
	bool offer_due; /* in the next turn */
	bool at_eof;    /* the peer sent its last */
	bool writing;   /* libuv has `write` */
	bool closing;   /* conn_close: output, then the end */
	bool lingering; /* output is out; what the peer still sends is dropped */
	bool ended;     /* uv_close was called */
	bool closed;    /* libuv let go of it */
	bool read_under_way;

	char *rest; /* input not consumed; NULL when there is none */
	uint32_t rest_len, rest_room;
	int64_t timeout_ms, active_tick_ms;
	struct output out;
};

/* What the acceptor knows of a fresh socket. */
struct conn_socket {
	int fd;
	bool is_unix;
	ip peer;
	uint16_t peer_port;
};

/* Any thread. Makes the connection; conn_start hands it to its loop. `gone` runs there when its memory goes
 * and the descriptor is closed. ERR_NOSPACE: the descriptor is still the caller's. */
err conn_new(struct loop *loop, struct work *work, const struct conn_service *service,
             struct conn_socket socket, void (*gone)(struct conn *conn, void *user), void *gone_user,
             struct conn **out) MUST_USE;
void conn_start(struct conn *conn);

/* Loop thread. CONN_SHUTDOWN to every connection of the loop. */
void conn_shutdown_all(struct loop *loop);

/* --- between conn.c and conn_output.c --- */

/* Ends it at once; `why` is a literal. Legal more than once. */
void conn_end(struct conn *conn, const char *why);
void conn_deliver(struct conn *conn, enum conn_event event);
/* An octet came or went. */
void conn_touch(struct conn *conn);
/* Everything is out of a closing connection. */
void conn_output_done(struct conn *conn);
/* Writes what is there and tells about it. */
void conn_flush(struct conn *conn);
void conn_free(struct conn *conn);

#endif
