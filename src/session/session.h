/* session/session.h: the skeleton that line-oriented protocols share: lines in, one command at a time,
 * replies out, waiting for work, time-outs, shutdown.
 *
 * A protocol supplies a struct session_protocol and embeds a struct session as the FIRST member of its own
 * session struct. The skeleton cuts input into lines and calls `line` for each; a handler returns what
 * happens next. While a command waits (NEXT_WAIT) nothing further is read from this client. Between lines the
 * command arena is reset and gives its blocks back.
 *
 * Loop thread throughout. Line ends: only CR LF ends a line when `strict` (SMTP, RFC 5321 §2.3.8); else LF
 * alone is taken too (POP3 clients). A line over line_max octets is read to its end, dropped, and reported by
 * `line_too_long`.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/arena.h"
#include "net/conn.h"
#include "net/work.h"
#include "session/line.h"

struct session;

enum next {
	NEXT_COMMAND, /* replied (or nothing to say): the next line */
	NEXT_WAIT,    /* work is under way: nothing is read until session_continue */
	NEXT_OCTETS,  /* from here on input goes to `octets` (DATA, literals), until that returns something
	                 else */
	NEXT_TLS,     /* replied: TLS begins, and what the client sent behind this command is dropped. Then
	                 `secured`; a handshake that fails ends the session. Legal where conn_can_start_tls */
	NEXT_CLOSE,   /* send what is queued, close */
};

struct session_protocol {
	struct conn_service
		service; /* name, refusal; open, handle and user are filled by session_service() */
	size_t size;     /* of the protocol's own session struct, struct session first */
	size_t line_max; /* octets with the line end */
	bool strict_line_ends;
	enum next (*opened)(struct session *s); /* greeting; NEXT_CLOSE refuses */
	/* `line` is without its end and lives in the command arena: until the reply is queued, also where the
	 * command waits or takes octets. In a strict protocol it may hold bare CR and LF: the protocol
	 * refuses them in its own words. */
	enum next (*line)(struct session *s, str line);
	enum next (*line_too_long)(struct session *s); /* once its end came */
	/* Input in the octet mode: consumes some of `octets` and says so in *used. Called again with more as
	 * long as it returns NEXT_OCTETS, at once where it consumed some, else when more has come: what is
	 * not consumed may be at most LIMIT_READ_BUFFER octets less one. May return NEXT_WAIT to be paused
	 * and goes on in the mode that session_continue says. */
	enum next (*octets)(struct session *s, str octets, size_t *used);
	/* After NEXT_TLS: the session begins anew, and nothing that was said in the clear counts (RFC 3207
	 * §4.2, RFC 2595 §4). NULL where NEXT_TLS is never returned. A listener with TLS from the first octet
	 * calls `opened` after its handshake instead. */
	enum next (*secured)(struct session *s);
	enum next (*timed_out)(struct session *s); /* says so and returns NEXT_CLOSE */
	/* The server stops. Asked when no command is under way, and again after each that follows;
	 * usually says 421 and NEXT_CLOSE. A session inside DATA gets it too and may return NEXT_OCTETS to
	 * finish. */
	enum next (*shutdown)(struct session *s);
	void (*closed)(
		struct session *s); /* last call: release what the session holds; its memory goes after it */
};

/* First member of every protocol's session. Fields are for reading by protocols, for writing by the skeleton.
 */
struct session {
	const struct session_protocol *protocol;
	struct conn *conn;
	void *server;               /* what session_service was given: the protocol's shared parts */
	struct arena command_arena; /* reset after each command's reply is queued */
	uint64_t id;                /* conn_id */
	ip peer;
	uint16_t peer_port;
	/* What the session did, for session.closed; the protocol's to name and count. */
	struct {
		const char *name; /* NULL: not shown */
		uint64_t count;
	} did[2];
	/* private to session.c */
	enum next mode; /* NEXT_COMMAND or NEXT_OCTETS */
	bool wait_begun, waiting, securing, closing, stopping;
	struct line_cutter cutter;
	int64_t timeout_ms;
	enum next (*on_drained)(struct session *s);
};

/* The service that a listener serves `protocol` with. `server` reaches every session as s->server. */
struct conn_service session_service(const struct session_protocol *protocol, void *server);

/* Queues reply octets; a failure (memory) closes the connection after what is queued. */
void session_write(struct session *s, str octets);

/* Drops what is queued and ends at once: `closed` follows, nothing else. The handler returns anything. */
void session_abort(struct session *s);

/* Time without an octet in either direction until `timed_out`; not counted while a command waits. */
void session_set_timeout(struct session *s, int64_t ms);

/* Octets that the next lines may have with their ends, less than LIMIT_READ_BUFFER: the responses of AUTH are
 * longer than commands. The protocol's own line_max gives it back. */
void session_set_line_max(struct session *s, size_t octets);

/* --- waiting: one piece of work, one continuation ---
 *
 * A handler starts work and returns NEXT_WAIT; when the work is done, on this loop, the continuation runs
 * with the work's own struct, if the session still lives, and says what happens next. `abandoned` runs
 * instead where the session is gone: it releases what the work holds.
 */
struct session_wait {
	uint64_t session_id;
	struct loop *loop;
	enum next (*resumed)(struct session *s, struct session_wait *wait);
	void (*abandoned)(struct session_wait *wait);
};

/* Notes down who waits. Then hand `wait`, embedded in the work, to whoever will call session_wake. */
void session_wait_begin(struct session *s, struct session_wait *wait,
                        enum next (*resumed)(struct session *s, struct session_wait *wait),
                        void (*abandoned)(struct session_wait *wait));

/* Loop thread of that session. Exactly once for each begun wait, and not before the handler that began it has
 * returned NEXT_WAIT. */
void session_wake(struct session_wait *wait);

/* For a command that says more than the output queue takes: when conn_full, it begins this wait and returns
 * NEXT_WAIT; `resumed` runs once the queue is empty and says more. What it holds is released by `closed`
 * where the client goes meanwhile; one that does not read meets `timed_out`. */
void session_wait_drained(struct session *s, enum next (*resumed)(struct session *s));

/* A job on a work class with a session waiting for it: embed it first in the work's struct. */
struct session_job {
	struct job job;
	struct session_wait wait;
	bool first; /* set before: it goes before those that wait (work_submit_first) */
};

/* Submits and waits. ERR_BUSY: nothing was begun and the handler replies "unavailable". */
err session_submit(struct session *s, struct work *work, enum work_class class, struct session_job *job,
                   void (*run)(struct job *job),
                   enum next (*resumed)(struct session *s, struct session_wait *wait),
                   void (*abandoned)(struct session_wait *wait)) MUST_USE;

#endif
