#include "session/session.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"

/* --- what happens next --- */

static void apply(struct session *s, enum next next)
{
	switch (next) {
	case NEXT_COMMAND:
		s->mode = NEXT_COMMAND;
		arena_reset(&s->command_arena);
		return;
	case NEXT_OCTETS:
		s->mode = NEXT_OCTETS;
		return;
	case NEXT_WAIT:
		assert(s->wait_begun);
		s->waiting = true;
		conn_pause(s->conn);
		return;
	case NEXT_TLS:
		assert(s->protocol->secured);
		s->mode = NEXT_COMMAND;
		arena_reset(&s->command_arena);
		s->securing = true;
		if (conn_start_tls(s->conn).code !=
		    ERR_OK) /* out of memory, or the last certificate is gone */
			session_abort(s);
		return;
	case NEXT_CLOSE:
		s->closing = true;
		conn_close(s->conn);
		return;
	}
	assert(false);
}

/* The same after a handler of the protocol, with the shutdown that waited for it. */
static void handled(struct session *s, enum next next)
{
	apply(s, next);
	if (s->stopping && s->mode == NEXT_COMMAND && !s->waiting && !s->securing && !s->closing)
		apply(s, s->protocol->shutdown(s));
}

/* --- input --- */

static enum next command_line(struct session *s, str in)
{
	str line;

	/* Handlers keep slices of their line over a wait; the read buffer is another's by then. */
	if (arena_copy(&s->command_arena, in, &line).code != ERR_OK)
		return NEXT_CLOSE;
	return s->protocol->line(s, line);
}

/* Takes one line from the front of `in`; false where there is none yet. */
static bool take_line(struct session *s, str in, size_t *used)
{
	str line;

	switch (line_cut(&s->cutter, in, &line, used)) {
	case LINE_PART:
		return false;
	case LINE_WHOLE:
		handled(s, command_line(s, line));
		return true;
	case LINE_TOO_LONG:
		handled(s, s->protocol->line_too_long(s));
		return true;
	}
	assert(false);
	return false;
}

static bool take_octets(struct session *s, str in, size_t *used)
{
	*used = 0;
	enum next next = s->protocol->octets(s, in, used);
	assert(*used <= in.len);
	handled(s, next);
	return next != NEXT_OCTETS || *used > 0;
}

static size_t take_input(struct session *s, str octets)
{
	size_t at = 0;

	for (unsigned turns = 0; at < octets.len && !s->waiting && !s->securing && !s->closing; turns++) {
		size_t used;
		bool went_on;

		if (conn_full(s->conn)) {
			conn_pause(s->conn); /* until CONN_DRAINED */
			break;
		}
		if (turns == LIMIT_TURN_LINES) {
			conn_resume(s->conn);
			break;
		}
		went_on = s->mode == NEXT_OCTETS ? take_octets(s, str_from(octets, at), &used)
		                                 : take_line(s, str_from(octets, at), &used);
		at += used;
		if (!went_on)
			break;
	}
	return at;
}

/* --- waiting --- */

void session_wait_begin(struct session *s, struct session_wait *wait,
                        enum next (*resumed)(struct session *s, struct session_wait *wait),
                        void (*abandoned)(struct session_wait *wait))
{
	assert(!s->wait_begun);
	s->wait_begun = true;
	*wait = (struct session_wait){
		.session_id = s->id, .loop = conn_loop(s->conn), .resumed = resumed, .abandoned = abandoned
	};
}

/* After the wait: `next` is what its continuation said. */
static void go_on(struct session *s, enum next next)
{
	handled(s, next);
	if (s->waiting || s->securing || s->closing)
		return;
	/* The client's time begins when it has its reply. */
	if (s->timeout_ms)
		conn_set_timeout(s->conn, s->timeout_ms);
	conn_resume(s->conn);
}

void session_wake(struct session_wait *wait)
{
	struct session *s = conn_find_session(wait->loop, wait->session_id);

	if (!s || s->closing) {
		wait->abandoned(wait);
		return;
	}
	assert(s->wait_begun && s->waiting && !s->on_drained);
	s->wait_begun = s->waiting = false;
	go_on(s, wait->resumed(s, wait));
}

void session_wait_drained(struct session *s, enum next (*resumed)(struct session *s))
{
	assert(!s->wait_begun && conn_full(s->conn));
	s->wait_begun = true;
	s->on_drained = resumed;
}

static void drained(struct session *s)
{
	enum next (*resumed)(struct session * s) = s->on_drained;

	if (s->closing || s->securing)
		return;
	if (!s->waiting) {
		conn_resume(s->conn); /* take_input paused it */
		return;
	}
	if (!resumed)
		return; /* the command waits for something else */
	s->on_drained = NULL;
	s->wait_begun = s->waiting = false;
	go_on(s, resumed(s));
}

static void job_done(struct job *job) { session_wake(&((struct session_job *)(void *)job)->wait); }

/* --- events --- */

static void log_session(const struct session *s, enum log_event event, str why)
{
	char text[64];
	struct buf peer;

	buf_init_fixed(&peer, text, sizeof text);
	ip_format_peer(&peer, s->peer);
	log_event(event, LOG_INT("session", s->id), LOG_STR("service", str_of(s->protocol->service.name)),
	          LOG_STR("remote_ip", buf_str(&peer)), LOG_INT("remote_port", s->peer_port),
	          { why.len ? "why" : NULL, LOG_FIELD_STR, why, 0 }, LOG_INT(s->did[0].name, s->did[0].count),
	          LOG_INT(s->did[1].name, s->did[1].count));
}

static void log_secured(const struct session *s)
{
	struct conn_tls_description tls;

	if (conn_tls_describe(s->conn, &tls))
		log_event(EV_SESSION_SECURED, LOG_INT("session", s->id),
		          LOG_STR("service", str_of(s->protocol->service.name)),
		          LOG_STR("version", tls.version), LOG_STR("cipher", tls.cipher),
		          LOG_STR("group", tls.group), LOG_STR("server_name", tls.server_name),
		          LOG_INT("resumed", tls.resumed));
}

static void secured(struct session *s)
{
	size_t dropped = conn_tls_dropped(s->conn);

	log_secured(s);
	if (dropped)
		log_event(EV_PLAINTEXT_DROPPED, LOG_INT("session", s->id),
		          LOG_STR("service", str_of(s->protocol->service.name)), LOG_INT("octets", dropped));
	s->securing = false;
	s->cutter = (struct line_cutter){ .line_max = s->protocol->line_max,
		                          .strict = s->protocol->strict_line_ends };
	handled(s, s->protocol->secured(s));
}

static void closed(struct session *s)
{
	if (s->protocol->closed)
		s->protocol->closed(s);
	log_session(s, EV_SESSION_CLOSED, conn_why(s->conn));
	arena_reset(&s->command_arena);
	free(s);
}

static size_t session_handle(void *session, enum conn_event event, str octets)
{
	struct session *s = session;

	switch (event) {
	case CONN_OPENED:
		log_session(s, EV_SESSION_OPENED, STR(""));
		log_secured(s);
		handled(s, s->protocol->opened(s));
		return 0;
	case CONN_SECURED:
		secured(s);
		return 0;
	case CONN_OCTETS:
		return take_input(s, octets);
	case CONN_DRAINED:
		drained(s);
		return 0;
	case CONN_TIMED_OUT:
		/* Whoever waits for us is not idle; whom we wait for to read is. */
		if ((!s->waiting || s->on_drained) && !s->closing)
			apply(s, s->protocol->timed_out(s));
		return 0;
	case CONN_SHUTDOWN:
		s->stopping = true;
		if (!s->waiting && !s->securing && !s->closing)
			apply(s, s->protocol->shutdown(s));
		return 0;
	case CONN_CLOSED:
		closed(s);
		return 0;
	}
	assert(false);
	return 0;
}

static void *session_open(struct conn *conn, const struct conn_service *service)
{
	const struct session_protocol *protocol = service->detail;
	struct session *s = calloc(1, protocol->size);

	if (!s)
		return NULL;
	s->protocol = protocol;
	s->conn = conn;
	s->server = service->user;
	s->id = conn_id(conn);
	s->peer = conn_peer(conn, &s->peer_port);
	s->mode = NEXT_COMMAND;
	s->cutter =
		(struct line_cutter){ .line_max = protocol->line_max, .strict = protocol->strict_line_ends };
	arena_init(&s->command_arena, loop_arena_pool(conn_loop(conn)), LIMIT_COMMAND_ARENA);
	return s;
}

struct conn_service session_service(const struct session_protocol *protocol, void *server)
{
	struct conn_service service = protocol->service;

	assert(protocol->size >= sizeof(struct session));
	assert(protocol->line_max < LIMIT_READ_BUFFER);
	service.open = session_open;
	service.handle = session_handle;
	service.user = server;
	service.detail = protocol;
	return service;
}

/* --- for protocols --- */

void session_abort(struct session *s)
{
	s->closing = true;
	conn_abort(s->conn);
}

void session_write(struct session *s, str octets)
{
	if (conn_write(s->conn, octets).code == ERR_OK)
		return;
	s->closing = true;
	conn_close(s->conn);
}

void session_set_timeout(struct session *s, int64_t ms)
{
	s->timeout_ms = ms;
	conn_set_timeout(s->conn, ms);
}

void session_set_line_max(struct session *s, size_t octets)
{
	assert(octets < LIMIT_READ_BUFFER);
	s->cutter.line_max = octets;
}

err session_submit(struct session *s, struct work *work, enum work_class class, struct session_job *job,
                   void (*run)(struct job *job),
                   enum next (*resumed)(struct session *s, struct session_wait *wait),
                   void (*abandoned)(struct session_wait *wait))
{
	static_assert(offsetof(struct session_job, job) == 0, "job_done finds the session's job by its job");

	job->job = (struct job){ .run = run, .done = job_done };
	assert(!s->wait_begun);
	/* Done comes by the loop's post box, so never before the wait is noted down. But the worker may have
	 * the job already: what it sees has to be complete before. */
	session_wait_begin(s, &job->wait, resumed, abandoned);
	err e = job->first ? work_submit_first(work, class, &job->job) : work_submit(work, class, &job->job);
	if (e.code != ERR_OK)
		s->wait_begun = false;
	return e;
}
