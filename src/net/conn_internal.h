/* net/conn_internal.h: the connection as conn_open.c, conn_proxy.c and conn_tls.c (its beginning), conn.c
 * (input, time-outs, its end) and conn_output.c see it.
 *
 * Life: made on the accepting loop (conn_new), opened on its own by a post, ended by conn_end from wherever;
 * libuv's close callback says CONN_CLOSED and the memory goes there, or when the last read of a range under
 * way is back from its worker. Before the session opens there may be a PROXY header and a TLS handshake.
 *
 * TLS has its place between socket and session. Octets just read are opened into the loop's read buffer,
 * behind `rest`, as if they had been read there; of those not yet opened nothing is kept but while the
 * session is paused. Ready output is sealed record by record into a second queue of the same kind, from which
 * libuv writes. So ranges, dot-stuffing, pausing and time-outs know nothing of it.
 */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "net/conn.h"
#include "net/listen.h"
#include "net/loop_internal.h"
#include "net/output.h"

struct conn_tls;

enum conn_stage {
	CONN_CONNECTING,   /* one of ours: the other end has not answered yet */
	CONN_IN_HEADER,    /* a PROXY header is due */
	CONN_IN_HANDSHAKE, /* before the session opens, or after conn_start_tls */
	CONN_SERVED,
};

/* Who accepted it. */
struct conn_host {
	struct work *work;
	struct tls *tls; /* NULL: nothing begins TLS */
	/* On the connection's loop: its memory goes, the descriptor is closed. */
	void (*gone)(struct conn *conn, void *user);
	/* On the connection's loop: the peer that a PROXY header names is known. Why it may not come, or
	 * NULL. */
	const char *(*admit)(struct conn *conn, void *user);
	void *user;
};

struct conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	uv_write_t write;
	uv_connect_t connect;   /* of one of ours */
	err_code connect_error; /* how that ended */
	size_t write_octets;    /* that `write` waits with */
	struct loop *loop;
	const struct conn_host *host;
	const struct conn_service *service;
	void *session;        /* NULL: no events yet, or any more */
	struct conn_tls *tls; /* NULL: in the clear */
	struct post opening;
	struct link in_loop;
	struct conn *next_by_id;
	struct turn turn;
	struct timer timer; /* the time-out, or while closing its end */
	struct timer retry; /* of a read for which the queue had no room */
	uint64_t id;
	const char *why; /* how it ended */
	int fd;          /* until libuv has it */
	ip peer, local;
	uint16_t peer_port, local_port;
	struct listen_manner manner;
	enum conn_stage stage;
	bool is_unix;
	bool is_counted; /* by the limits per address */

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
	bool lost_output; /* something waited when it ended */

	char *rest; /* input not consumed; NULL when there is none */
	uint32_t rest_len, rest_room;
	int64_t timeout_ms, active_tick_ms;
	struct output out;
};

/* What the acceptor knows of a fresh socket. */
struct conn_socket {
	int fd;
	bool is_unix, is_counted;
	ip peer;
	uint16_t peer_port;
};

/* Any thread. Makes the connection; conn_start hands it to its loop. `host` and `service` are borrowed for
 * its life. ERR_NOSPACE: the descriptor is still the caller's. */
err conn_new(struct loop *loop, const struct conn_host *host, const struct conn_service *service,
             struct listen_manner manner, struct conn_socket socket, struct conn **out) MUST_USE;
void conn_start(struct conn *conn);

/* Any thread. Says that one ended before its session opened. */
void conn_log_refused(const struct conn_service *service, ip peer, const char *why);

/* Loop thread. CONN_SHUTDOWN to every connection of the loop. */
void conn_shutdown_all(struct loop *loop);

/* --- conn.c's, for the others --- */

/* Ends it at once; `why` is a literal. Legal more than once. */
void conn_end(struct conn *conn, const char *why);
void conn_deliver(struct conn *conn, enum conn_event event);
/* An octet came or went. */
void conn_touch(struct conn *conn);
/* Everything is out of a closing connection. */
void conn_output_done(struct conn *conn);
void conn_free(struct conn *conn);
/* No more input is offered; what is queued goes out, then the end. `why` lives as long as the connection. */
void conn_begin_close(struct conn *conn, const char *why);
void conn_start_reading(struct conn *conn);
void conn_stop_reading(struct conn *conn);
/* Keeps `octets`, which may be part of what is kept, to be offered again. False without memory. */
bool conn_keep_rest(struct conn *conn, str octets);
/* Sets its turn and its timers' functions. */
void conn_set_callbacks(struct conn *conn);
/* Puts it among its loop's; conn_end takes it out. False without memory. */
bool conn_list(struct conn *conn);
/* Offers what can be opened of what came under TLS; with `again` also where nothing new can. */
void conn_offer_sealed(struct conn *conn, bool again);

/* --- conn_open.c's --- */

/* The next stage with what came already: the handshake or the session. */
void conn_go_on(struct conn *conn, str octets);
void conn_open_session(struct conn *conn);

/* --- conn_output.c's --- */

/* Writes what is there and tells about it. */
void conn_flush(struct conn *conn);

/* --- conn_proxy.c's --- */

/* `octets` are all that came. */
void conn_proxy_took(struct conn *conn, str octets);

/* --- conn_tls.c's --- */

/* The handshake of a connection under TLS from its first octet, of which `octets` came already. */
void conn_tls_first(struct conn *conn, str octets);
/* `size` octets stand in the loop's sealed buffer. */
void conn_tls_took(struct conn *conn, size_t size);
/* In a turn of the loop: the handshake goes on with what came, or waits for the next turn. */
void conn_tls_turn(struct conn *conn);
/* Opens up to `room` octets into `to`; how many. May begin to close. */
size_t conn_tls_read(struct conn *conn, char *to, size_t room);
/* More could be opened without anything read. */
bool conn_tls_has_more(const struct conn *conn);
/* Keeps what is not opened yet in a place of its own, or frees that. */
void conn_tls_settle(struct conn *conn);
/* What the socket is written from. */
struct output *conn_wire(struct conn *conn);
/* Seals ready output; false where the connection ended. */
bool conn_tls_seal(struct conn *conn);
/* All is written: true where TLS itself has something more to say now. */
bool conn_tls_speaks_last(struct conn *conn);
/* Octets that came in the clear when the handshake was due. */
void conn_tls_drop(struct conn *conn, size_t size);
void conn_tls_end(struct conn *conn); /* at conn_end */
void conn_tls_free(struct conn *conn);

#endif
