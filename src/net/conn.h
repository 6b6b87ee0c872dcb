/* net/conn.h: one accepted connection: octets in, octets out, time-outs, close.
 *
 * A connection belongs to its loop; every function here is for that loop's thread. The owner (a session)
 * hears of everything through one function and an enum. Input is offered as one slice of all octets not yet
 * consumed; what is left over is kept and offered again with the next ones. While paused nothing is offered
 * and, once one read buffer is full, nothing is read, so that a fast client waits in its own socket.
 *
 * Output is a queue of byte runs (copied) and ranges of files (read when their turn comes, by
 * preadv2(RWF_NOWAIT) on the loop or, on a miss, by a WORK_READ job). It is written before
 * the loop sleeps, coalesced over all that a turn brought. An idle connection holds no buffers.
 *
 * TLS (1.2 and later, as the server) begins with the connection or where the session asks for it; below it
 * everything is the same: octets, ranges, pauses, time-outs. The handshake runs on the loop.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/buf.h"
#include "base/ip.h"
#include "net/loop.h"
#include "net/work.h"

struct conn;

enum conn_event {
	CONN_OPENED,    /* first event; the session says its greeting */
	CONN_SECURED,   /* the handshake that conn_start_tls asked for is done */
	CONN_OCTETS,    /* `octets` are all that is not consumed; the return value is how many were */
	CONN_DRAINED,   /* the output queue is empty again after conn_write* said it was full */
	CONN_TIMED_OUT, /* neither octet in nor out for the time of conn_set_timeout */
	CONN_SHUTDOWN,  /* the server stops: say so when idle (421, BYE), end what is under way */
	CONN_CLOSED,    /* last event: peer gone, or closed; `conn` is dead after the handler returns */
};

/* The one function. Returns octets consumed for CONN_OCTETS, else 0. `session` is what open returned. */
typedef size_t conn_handler(void *session, enum conn_event event, str octets);

/* What a listener serves. */
struct conn_service {
	const char *name; /* "smtp": in logs */
	/* Makes the session for a fresh connection; NULL refuses it (out of memory). Owns nothing of the
	 * conn. `service` is the one being served: where user and detail are found. */
	void *(*open)(struct conn *conn, const struct conn_service *service);
	conn_handler *handle;
	void *user;
	const void *detail; /* belongs to who filled in open */
	/* Said to a connection over a limit before it is closed, with its CRLF ("421 4.7.0 ..."). */
	str refusal;
};

/* A range of a file to be sent. `release(owner)` is called once, on the loop, when it is no longer needed. */
struct conn_range {
	int fd;
	uint64_t offset;
	uint64_t size;  /* octets */
	bool dot_stuff; /* double a dot at the beginning of a line (RFC 1939 §3, RFC 5321 §4.5.2); lines end
	                   with LF. The state "at the beginning of a line" goes on from range to range and run
	                   to run. */
	void (*release)(void *owner);
	void *owner;
};

/* --- who is there --- */
ip conn_peer(const struct conn *conn, uint16_t *port);
ip conn_local(const struct conn *conn, uint16_t *port);
struct loop *conn_loop(struct conn *conn);
/* A number unique in this process's life: for logs and for finding a session that may be gone. */
uint64_t conn_id(const struct conn *conn);

/* The session of the connection of that number on this loop, NULL where it is gone or ending. */
void *conn_find_session(struct loop *loop, uint64_t id);
/* Who is at the other end of a unix socket (SO_PEERCRED). False on any other. */
bool conn_peer_uid(const struct conn *conn, uint32_t *uid);
/* How it ended, in two or three words for the log: known when CONN_CLOSED comes. */
str conn_why(const struct conn *conn);
/* At CONN_CLOSED: some of what was written did not go out. */
bool conn_lost_output(const struct conn *conn);

/* --- who spoke first ---
 * A peer that has not got what was sent to it can't be answering it. Every segment of TCP says how far its
 * sender has received, so octets that come while ours are not acknowledged were sent before ours arrived. */
/* Octets of the peer are there and were not offered yet. */
bool conn_input_waits(const struct conn *conn);
/* Everything written so far has reached the peer's system. */
bool conn_output_arrived(const struct conn *conn);

/* --- input --- */
void conn_pause(struct conn *conn);
/* Offers what is waiting again, from the loop's next turn on. Legal without a pause: to be called again after
 * the other connections had their turn. */
void conn_resume(struct conn *conn);

/* --- output --- */
/* Appends a copy. ERR_NOSPACE: nothing was appended and the connection should be closed; ERR_CLOSED: it is
 * closing, nothing was appended. Always takes what is given (one reply is bounded by its maker); conn_full
 * says when to stop producing. */
err conn_write(struct conn *conn, str octets) MUST_USE;
/* The same with dots doubled at line beginnings, for the prefix in front of a range that is. */
err conn_write_dot_stuffed(struct conn *conn, str octets) MUST_USE;
/* Ends a dot-stuffed text: ".CRLF", after a CRLF of its own where the text did not end a line. Decided when
 * its turn comes, so that it may stand behind ranges. */
err conn_write_dot_end(struct conn *conn) MUST_USE;
/* Appends a range; a file that ends before it aborts the connection ("content is damaged"). From here on
 * release will be called, also on failure. */
err conn_write_range(struct conn *conn, const struct conn_range *range) MUST_USE;
/* More than LIMIT_OUTPUT_QUEUE waits: the session pauses until CONN_DRAINED. */
bool conn_full(const struct conn *conn);
/* Was the last octet an LF? Ranges count when they have been read: ask when the queue is empty, or leave it
 * to conn_write_dot_end. */
bool conn_at_line_start(const struct conn *conn);

/* --- TLS --- */
/* May conn_start_tls be called: there is a certificate, and the connection is in the clear. */
bool conn_can_start_tls(const struct conn *conn);
/* For STARTTLS, its reply written: once that is out TLS begins. What came before and was not consumed is
 * dropped (RFC 3207 §6, RFC 2595 §2.1): nobody vouches for it. Then CONN_SECURED, or CONN_CLOSED where the
 * handshake fails or takes over LIMIT_HANDSHAKE_MS; until then nothing else but CONN_SHUTDOWN comes, and
 * nothing may be written. ERR_MISSING no certificate   ERR_CLOSED   ERR_NOSPACE */
err conn_start_tls(struct conn *conn) MUST_USE;
/* Is the handshake done? */
bool conn_is_secure(const struct conn *conn);
/* Octets that came in the clear where the handshake was due, and were dropped. */
size_t conn_tls_dropped(const struct conn *conn);

/* As Received fields (RFC 8314 §7.4) and logs want it; slices live as long as the connection. */
struct conn_tls_description {
	str version;     /* "TLSv1.3" */
	str cipher;      /* IANA's name: "TLS_AES_256_GCM_SHA384" */
	str group;       /* IANA's name: "x25519"; "" where none is known */
	unsigned bits;   /* of the cipher's key */
	str server_name; /* what the client asked for (SNI); "" */
	bool resumed;    /* by a session ticket */
};
/* False where the connection is not secure; *out is untouched. */
bool conn_tls_describe(const struct conn *conn, struct conn_tls_description *out);

/* Channel bindings for SCRAM-…-PLUS. tls-unique is not among them: it is not defined for TLS 1.3 and broken
 * before (RFC 9266 §1). */
enum conn_tls_binding {
	CONN_TLS_EXPORTER,         /* RFC 9266: 32 octets; in 1.2 only with extended master secret */
	CONN_TLS_SERVER_END_POINT, /* RFC 5929 §4: a hash of the certificate shown */
};
enum { CONN_TLS_BINDING_MAX = 64 }; /* octets */
/* Appends the binding's octets, at most CONN_TLS_BINDING_MAX. ERR_MISSING this connection has none of that
 * kind; nothing was appended. */
err conn_tls_binding(const struct conn *conn, enum conn_tls_binding kind, struct buf *out) MUST_USE;

/* --- ends --- */
/* CONN_TIMED_OUT after `ms` without an octet in either direction, and again after as long; starts anew at
 * each call. 0: never. */
void conn_set_timeout(struct conn *conn, int64_t ms);
/* Sends what is queued (for at most 30 s), then closes. No more CONN_OCTETS. CONN_CLOSED follows, never from
 * within this call. */
void conn_close(struct conn *conn);
/* Closes at once and drops what is queued. CONN_CLOSED follows, never from within this call. */
void conn_abort(struct conn *conn);

#endif
