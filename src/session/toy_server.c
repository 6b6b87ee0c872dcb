#include "session/toy_server.h"

#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "net/link.h"
#include "net/selfsigned.h"
#include "session/session.h"
#include "session/toy_client.h"

struct toy {
	struct session session;
	struct toy_server *server;
	uint64_t octets;
	uint64_t counted, count_to;
	uint32_t crc;
	char tail[5];
	size_t tail_len;
};

struct toy_wait {
	struct session_job job;
	struct toy_server *server;
	uint64_t ms;
	str text;
	char octets[];
};

static struct toy *toy_of(struct session *s) { return (struct toy *)(void *)s; }

static void say(struct session *s, str text)
{
	session_write(s, text);
	session_write(s, CRLF);
}

static void say_numbers(struct session *s, uint64_t a, uint64_t b)
{
	char text[64];
	struct buf out;

	buf_init_fixed(&out, text, sizeof text);
	buf_add_format(&out, "250 %ju %ju", (uintmax_t)a, (uintmax_t)b);
	say(s, buf_str(&out));
}

static enum next opened(struct session *s)
{
	struct toy *t = toy_of(s);

	t->server = s->server;
	t->server->opened++;
	session_set_timeout(s, t->server->timeout_ms);
	say(s, STR("hello"));
	return NEXT_COMMAND;
}

/* --- WAIT --- */

static void wait_run(struct job *job)
{
	struct toy_wait *w = (struct toy_wait *)(void *)job;
	struct timespec pause = { (time_t)(w->ms / 1000), (long)(w->ms % 1000) * 1000000 };

	if (w->ms)
		nanosleep(&pause, NULL);
}

static enum next wait_resumed(struct session *s, struct session_wait *wait)
{
	struct toy_wait *w = CONTAINER(wait, struct toy_wait, job.wait);

	say(s, w->text);
	free(w);
	return NEXT_COMMAND;
}

static void wait_abandoned(struct session_wait *wait)
{
	struct toy_wait *w = CONTAINER(wait, struct toy_wait, job.wait);

	w->server->abandoned++;
	free(w);
}

static err wait_begin(struct session *s, uint64_t ms, str text)
{
	struct toy_server *server = toy_of(s)->server;
	struct toy_wait *w = calloc(1, sizeof *w + text.len);

	if (!w)
		return ERR_NO_MEMORY;
	memcpy(w->octets, text.ptr, text.len);
	w->text = (str){ w->octets, text.len };
	w->server = server;
	w->ms = ms;
	err e = session_submit(s, server->work, WORK_READ, &w->job, wait_run, wait_resumed, wait_abandoned);
	if (e.code != ERR_OK)
		free(w);
	return e;
}

static enum next cmd_wait(struct session *s, str args)
{
	uint64_t ms;

	if (!str_to_u64(str_cut(&args, ' '), 10000, &ms)) {
		say(s, STR("500 WAIT"));
		return NEXT_COMMAND;
	}
	if (wait_begin(s, ms, args).code == ERR_OK)
		return NEXT_WAIT;
	say(s, STR("421 busy"));
	return NEXT_COMMAND;
}

static enum next cmd_hold(struct session *s, str args)
{
	uint64_t ms = 0;

	(void)s;
	if (!str_to_u64(args, 999, &ms))
		return NEXT_CLOSE;
	struct timespec pause = { 0, (long)ms * 1000000 };
	nanosleep(&pause, NULL);
	return NEXT_COMMAND;
}

/* --- DATA --- */

static enum next cmd_data(struct session *s, str args)
{
	struct toy *t = toy_of(s);

	(void)args;
	t->octets = 0;
	t->crc = 0;
	memcpy(t->tail, "\r\n", 2);
	t->tail_len = 2;
	say(s, STR("354"));
	return NEXT_OCTETS;
}

static enum next octets(struct session *s, str in, size_t *used)
{
	struct toy *t = toy_of(s);

	for (*used = 0; *used < in.len;) {
		char c = in.ptr[(*used)++];
		if (t->tail_len == sizeof t->tail)
			memmove(t->tail, t->tail + 1, --t->tail_len);
		t->tail[t->tail_len++] = c;
		t->octets++;
		t->crc = crc32c(t->crc, (str){ &c, 1 });
		if (t->tail_len == 5 && memcmp(t->tail, "\r\n.\r\n", 5) == 0) {
			say_numbers(s, t->octets, t->crc);
			return NEXT_COMMAND;
		}
	}
	return NEXT_OCTETS;
}

/* --- ranges --- */

static void release(void *owner) { ((struct toy_server *)owner)->released++; }

static enum next cmd_range(struct session *s, str args, bool dot_stuff)
{
	struct toy_server *server = toy_of(s)->server;
	struct conn_range range = {
		.fd = server->content_fd, .dot_stuff = dot_stuff, .owner = server, .release = release
	};

	if (!str_to_u64(str_cut(&args, ' '), INT64_MAX, &range.offset) ||
	    !str_to_u64(args, INT64_MAX, &range.size)) {
		say(s, STR("500 range"));
		return NEXT_COMMAND;
	}
	if (dot_stuff)
		say(s, STR("+"));
	err e = conn_write_range(s->conn, &range);
	if (e.code == ERR_OK && dot_stuff)
		e = conn_write_dot_end(s->conn);
	return e.code == ERR_OK ? NEXT_COMMAND : NEXT_CLOSE;
}

static enum next cmd_big(struct session *s, str args)
{
	uint64_t size;
	char *text = str_to_u64(args, 1u << 28, &size) ? malloc(size + 1) : NULL;

	if (!text)
		return NEXT_CLOSE;
	memset(text, 'x', size + 1);
	say(s, (str){ text, size });
	free(text);
	return NEXT_COMMAND;
}

/* --- COUNT: more than the queue takes --- */

static enum next count_on(struct session *s)
{
	struct toy *t = toy_of(s);

	while (t->counted < t->count_to) {
		char text[24];
		struct buf b;
		if (conn_full(s->conn)) {
			session_wait_drained(s, count_on);
			return NEXT_WAIT;
		}
		buf_init_fixed(&b, text, sizeof text);
		buf_add_u64(&b, ++t->counted);
		say(s, buf_str(&b));
	}
	return NEXT_COMMAND;
}

static enum next cmd_count(struct session *s, str args)
{
	struct toy *t = toy_of(s);

	t->counted = 0;
	return str_to_u64(args, 1u << 30, &t->count_to) ? count_on(s) : NEXT_CLOSE;
}

static enum next cmd_leave(struct session *s, str args)
{
	uint64_t ms = 0;

	cmd_big(s, STR("3000000"));
	if (!str_to_u64(args, 1000, &ms) || wait_begin(s, ms, STR("never said")).code != ERR_OK)
		session_abort(s);
	return NEXT_CLOSE;
}

static enum next cmd_seq(struct session *s, str args)
{
	char text[16];
	struct buf b;

	(void)args;
	buf_init_fixed(&b, text, sizeof text);
	buf_add_u64(&b, ++toy_of(s)->server->sequence);
	say(s, buf_str(&b));
	return NEXT_COMMAND;
}

static enum next cmd_uid(struct session *s, str args)
{
	char text[16];
	struct buf b;
	uint32_t uid;

	(void)args;
	buf_init_fixed(&b, text, sizeof text);
	if (conn_peer_uid(s->conn, &uid))
		buf_add_u64(&b, uid);
	else
		buf_add(&b, STR("none"));
	say(s, buf_str(&b));
	return NEXT_COMMAND;
}

/* --- TLS, PROXY --- */

static enum next cmd_tls(struct session *s, str args)
{
	(void)args;
	if (!conn_can_start_tls(s->conn)) {
		say(s, STR("454"));
		return NEXT_COMMAND;
	}
	say(s, STR("220"));
	return NEXT_TLS;
}

static enum next secured(struct session *s)
{
	toy_of(s)->server->secured++;
	return NEXT_COMMAND;
}

static enum next cmd_about(struct session *s, str args)
{
	struct conn_tls_description tls;
	char text[512];
	struct buf b;

	(void)args;
	buf_init_fixed(&b, text, sizeof text);
	if (conn_tls_describe(s->conn, &tls))
		buf_add_format(&b, "%s %s %s %u " STR_FMT " %s", tls.version.ptr, tls.cipher.ptr,
		               tls.group.ptr, tls.bits, STR_ARG(tls.server_name),
		               tls.resumed ? "resumed" : "new");
	else
		buf_add(&b, STR("clear"));
	say(s, buf_str(&b));
	return NEXT_COMMAND;
}

static enum next cmd_bind(struct session *s, str args)
{
	enum conn_tls_binding kind =
		str_eq(args, STR("exporter")) ? CONN_TLS_EXPORTER : CONN_TLS_SERVER_END_POINT;
	char octets[CONN_TLS_BINDING_MAX], text[2 * CONN_TLS_BINDING_MAX];
	struct buf binding, hex;

	buf_init_fixed(&binding, octets, sizeof octets);
	buf_init_fixed(&hex, text, sizeof text);
	if (conn_tls_binding(s->conn, kind, &binding).code == ERR_OK)
		buf_add_hex(&hex, buf_str(&binding));
	else
		buf_add(&hex, STR("none"));
	say(s, buf_str(&hex));
	return NEXT_COMMAND;
}

static enum next cmd_peer(struct session *s, str args)
{
	char text[128];
	struct buf b;
	uint16_t port;

	(void)args;
	buf_init_fixed(&b, text, sizeof text);
	ip_format(&b, conn_peer(s->conn, &port));
	buf_add_format(&b, " %u ", port);
	ip_format(&b, conn_local(s->conn, &port));
	buf_add_format(&b, " %u", port);
	say(s, buf_str(&b));
	return NEXT_COMMAND;
}

static enum next cmd_echo(struct session *s, str args)
{
	say(s, args);
	return NEXT_COMMAND;
}

static enum next cmd_file(struct session *s, str args) { return cmd_range(s, args, false); }

static enum next cmd_stuff(struct session *s, str args) { return cmd_range(s, args, true); }

static enum next cmd_abort(struct session *s, str args)
{
	(void)args;
	session_abort(s);
	return NEXT_COMMAND;
}

static enum next cmd_quit(struct session *s, str args)
{
	(void)args;
	say(s, STR("bye"));
	return NEXT_CLOSE;
}

static const struct {
	str verb;
	enum next (*does)(struct session *s, str args);
} commands[] = {
	{ STR_INIT("ECHO"), cmd_echo }, { STR_INIT("WAIT"), cmd_wait },   { STR_INIT("DATA"), cmd_data },
	{ STR_INIT("FILE"), cmd_file }, { STR_INIT("STUFF"), cmd_stuff }, { STR_INIT("COUNT"), cmd_count },
	{ STR_INIT("BIG"), cmd_big },   { STR_INIT("UID"), cmd_uid },     { STR_INIT("HOLD"), cmd_hold },
	{ STR_INIT("SEQ"), cmd_seq },   { STR_INIT("LEAVE"), cmd_leave }, { STR_INIT("ABORT"), cmd_abort },
	{ STR_INIT("TLS"), cmd_tls },   { STR_INIT("ABOUT"), cmd_about }, { STR_INIT("BIND"), cmd_bind },
	{ STR_INIT("PEER"), cmd_peer }, { STR_INIT("QUIT"), cmd_quit },
};

static enum next line(struct session *s, str in)
{
	str args = in;
	str verb = str_cut(&args, ' ');

	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (str_eq(verb, commands[i].verb))
			return commands[i].does(s, args);
	session_write(s, STR("500 "));
	say(s, in);
	return NEXT_COMMAND;
}

static enum next too_long(struct session *s)
{
	say(s, STR("500 too long"));
	return NEXT_COMMAND;
}

static enum next timed_out(struct session *s)
{
	toy_of(s)->server->timed_out++;
	say(s, STR("421 idle"));
	return NEXT_CLOSE;
}

static enum next shutting_down(struct session *s)
{
	if (s->mode == NEXT_OCTETS)
		return NEXT_OCTETS;
	say(s, STR("421 stopping"));
	return NEXT_CLOSE;
}

static void closed(struct session *s) { toy_of(s)->server->closed++; }

static const struct session_protocol protocol = {
	.service = { .name = "toy", .refusal = STR_INIT("421 too many\r\n") },
	.size = sizeof(struct toy),
	.line_max = 1024,
	.strict_line_ends = true,
	.opened = opened,
	.line = line,
	.line_too_long = too_long,
	.octets = octets,
	.secured = secured,
	.timed_out = timed_out,
	.shutdown = shutting_down,
	.closed = closed,
};

/* --- life --- */

static void must(err e)
{
	if (e.code == ERR_OK)
		return;
	fprintf(stderr, "toy server: %s\n", e.what);
	abort();
}

struct tls *toy_tls_server(const char *hostname)
{
	struct tls_certificate item = { .file = STR("toy.pem") };
	struct arena arena;
	struct tls *tls;

	arena_init(&arena, NULL, 1 << 20);
	must(tls_new(&tls));
	must(certificate_make_self_signed(&arena, str_of(hostname), &item.chain, &item.key));
	must(tls_load(tls, &arena, &item, 1));
	arena_reset(&arena);
	return tls;
}

static void bind_loopback(struct toy_server *toy, struct arena *arena)
{
	struct sockaddr_in sa = { 0 };
	socklen_t size = sizeof sa;
	ip address = { { 0 } };

	must(ip_parse(STR("127.0.0.1"), &address));
	must(listen_bind_ip(arena, address, 0, &toy->listener));
	getsockname(toy->listener, (struct sockaddr *)&sa, &size);
	toy->port = ntohs(sa.sin_port);
}

void toy_server_start(struct toy_server *toy, unsigned loops, struct connection_limits limits,
                      const char *path)
{
	struct arena arena;

	arena_init(&arena, NULL, 65536);
	if (path)
		must(listen_bind_unix(&arena, str_of(path), 0600, &toy->listener));
	else
		bind_loopback(toy, &arena);
	arena_reset(&arena);
	if (!toy->timeout_ms)
		toy->timeout_ms = 60000;
	must(loops_new(loops, &toy->loops));
	must(work_new(&toy->work));
	must(acceptor_new(toy->loops, toy->work, limits, &toy->acceptor));
	if (toy_begins_with_tls()) {
		toy->tls = toy_tls_server("toy.example");
		toy->manner.tls_first = true;
	}
	acceptor_set_tls(toy->acceptor, toy->tls);
	toy->service = session_service(&protocol, toy);
	must(acceptor_add(toy->acceptor, toy->listener, &toy->service, toy->manner));
	must(loops_start(toy->loops));
}

static void stopped(void *user) { sem_post(user); }

void toy_server_stop(struct toy_server *toy, int64_t patience_ms)
{
	sem_t all_gone;

	sem_init(&all_gone, 0, 0);
	acceptor_shutdown(toy->acceptor, patience_ms, stopped, &all_gone);
	while (sem_wait(&all_gone) != 0)
		;
	sem_destroy(&all_gone);
	work_free(toy->work);
	loops_stop(toy->loops);
	acceptor_free(toy->acceptor);
	loops_free(toy->loops);
	tls_free(toy->tls);
	close(toy->listener);
}
