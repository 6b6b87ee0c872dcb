#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/flight.h"
#include "base/log.h"
#include "cli/exit.h"
#include "http/control.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/work.h"
#include "pop3/server.h"
#include "smtp/server.h"
#include "store/store.h"

enum { DRAIN_PATIENCE_MS = 30000 };

struct server {
	const struct server_start *start;
	struct arena arena; /* error sentences */
	struct loops *loops;
	struct work *work;
	struct store *store;
	struct flight *flight;
	struct acceptor *acceptor;
	struct smtp_server *smtp;
	struct pop3_server *pop3;
	struct control control;
	struct conn_service services[CONFIG_PROTOCOLS], control_conn_service;
	bool newer_store; /* why it could not be opened */
	int drained;      /* eventfd: the last connection is gone */
};

/* --- ties to the parent --- */

/* Nothing is saved: what was acknowledged is durable, the rest was promised to nobody. */
static void *watch_lifeline(void *arg)
{
	char octet;

	while (read(*(int *)arg, &octet, 1) < 0 && errno == EINTR)
		;
	_exit(EXIT_UNAVAILABLE);
}

static err tie_to_parent(struct server *s)
{
	static int lifeline;
	pthread_attr_t small;
	pthread_t thread;

	lifeline = s->start->lifeline;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * LIMIT_KB);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	int failed = pthread_create(&thread, &small, watch_lifeline, &lifeline);
	pthread_attr_destroy(&small);
	return failed ? err_errno(&s->arena, failed, "starting a thread") : OK;
}

/* --- opening --- */

static struct connection_limits connection_limits(const struct limits *limits)
{
	return (struct connection_limits){ limits->connections, limits->connections_per_address,
		                           limits->connections_per_network };
}

static err open_store(struct server *s)
{
	const struct config *config = s->start->config;
	struct store_options options = { .directory = config->data_dir, .limits = config->limits };

	err e = store_open(&s->arena, &options, &s->store);
	s->newer_store = e.code == ERR_DENIED;
	return e;
}

static err open_protocols(struct server *s)
{
	const struct config *config = s->start->config;
	struct smtp_server_options smtp = { .store = s->store,
		                            .work = s->work,
		                            .flight = s->flight,
		                            .hostname = config->hostname,
		                            .data_dir = config->data_dir,
		                            .limits = config->limits };
	struct pop3_server_options pop3 = { .store = s->store,
		                            .work = s->work,
		                            .hostname = config->hostname,
		                            .plaintext_loopback =
		                                    config->auth.plaintext == CONFIG_PLAINTEXT_LOOPBACK,
		                            .limits = config->limits };

	TRY(smtp_server_new(&smtp, &s->smtp));
	s->services[CONFIG_SMTP] = smtp_server_service(s->smtp);
	TRY(pop3_server_new(&pop3, &s->pop3));
	s->services[CONFIG_POP3] = pop3_server_service(s->pop3);
	s->control_conn_service = control_service(&s->control, s->store, s->work, s->flight);
	return OK;
}

static err begin_accepting(struct server *s)
{
	const struct listeners *listeners = s->start->listeners;

	TRY(acceptor_new(s->loops, s->work, connection_limits(&s->start->config->limits), &s->acceptor));
	for (size_t i = 0; i < listeners->count; i++) {
		const struct conn_service *service = &s->services[listeners->items[i].protocol];
		if (!service->handle) /* the configuration's reader refuses what is not served */
			return err_new(&s->arena, ERR_SYNTAX, "listen.%s is not served by this version",
			               config_protocol_name(listeners->items[i].protocol));
		TRY(acceptor_add(s->acceptor, listeners->items[i].fd, service));
	}
	TRY(acceptor_add(s->acceptor, listeners->control, &s->control_conn_service));
	return loops_start(s->loops);
}

static err open_all(struct server *s)
{
	/* Fixed thresholds: else the first password check (19 MB) raises the one for ever, and what a mailbox
	 * of a million messages took stays with malloc; and the other gives the pages of each message back to
	 * the kernel, only to have them zeroed for the next (a fifth of the CPU of large ones). */
	mallopt(M_MMAP_THRESHOLD, (int)LIMIT_MB);
	mallopt(M_TRIM_THRESHOLD, 4 * (int)LIMIT_MB);
	TRY(flight_open(s->start->config->data_dir, &s->flight)); /* before any thread */
	TRY(tie_to_parent(s));
	TRY(log_start_writer());
	TRY(loops_new(0, &s->loops));
	TRY(work_new(&s->work));
	TRY(open_store(s));
	TRY(open_protocols(s));
	s->drained = eventfd(0, EFD_CLOEXEC);
	if (s->drained < 0)
		return err_errno(&s->arena, errno, "making an event descriptor");
	return begin_accepting(s);
}

static void say_ready(struct server *s)
{
	const char word = SERVER_READY;
	struct buf listen;

	buf_init(&listen, &s->arena, LIMIT_LOG_LINE);
	listeners_add_json(&listen, s->start->listeners);
	log_event(EV_READY, LOG_JSON("listen", buf_str(&listen)));
	(void)send(s->start->channel, &word, 1, MSG_NOSIGNAL);
}

/* --- what the parent asks --- */

/* The parent has checked it and found no key that needs a restart; what it says now holds from here on. */
static err apply_config(struct server *s, int text_fd)
{
	struct arena arena;
	struct config *config;
	struct stat about;

	if (fstat(text_fd, &about) != 0 || about.st_size < 0 || about.st_size > LIMIT_CONFIG_FILE)
		return (err){ ERR_IO, 0, "the configuration did not arrive" };
	arena_init(&arena, NULL, 4 * LIMIT_CONFIG_FILE);
	size_t size = (size_t)about.st_size;
	char *octets = arena_alloc(&arena, size + 1);
	err e = octets ? file_read_at(text_fd, octets, size, 0) : ERR_NO_MEMORY;
	if (e.code == ERR_OK)
		e = config_parse(&arena, s->start->config_path, (str){ octets, size }, &config);
	if (e.code == ERR_OK) {
		acceptor_set_limits(s->acceptor, connection_limits(&config->limits));
		smtp_server_set_limits(s->smtp, &config->limits);
		pop3_server_set_limits(s->pop3, &config->limits);
	} else {
		log_event(EV_CONFIG_REFUSED, LOG_STR("file", s->start->config_path), LOG_Z("what", e.what));
	}
	arena_reset(&arena);
	return e;
}

/* The parent's next word, with the descriptor that came along. 0: the parent is gone. */
static char hear_parent(struct server *s, file *attached)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char word = 0;
	struct iovec part = { &word, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	ssize_t n;

	do
		n = recvmsg(s->start->channel, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(attached, CMSG_DATA(header), sizeof(int));
	return word;
}

static void serve_until_drained(struct server *s)
{
	for (;;) {
		AUTO(file) attached = FILE_NONE;

		switch (hear_parent(s, &attached)) {
		case SERVER_RELOAD:
			if (attached >= 0)
				(void)apply_config(s, attached); /* said its reason */
			break;
		case SERVER_DRAIN:
			return;
		case 0: /* the lifeline's thread ends the process */
			pause();
			break;
		}
	}
}

/* --- closing, in the order in which each may still need what comes after it --- */

static void last_connection_gone(void *user)
{
	const uint64_t one = 1;

	if (write(((struct server *)user)->drained, &one, sizeof one) < 0)
		abort(); /* an eventfd takes 2^64 - 2 of them */
}

static void drain(struct server *s)
{
	uint64_t count;

	acceptor_shutdown(s->acceptor, DRAIN_PATIENCE_MS, last_connection_gone, s);
	while (read(s->drained, &count, sizeof count) < 0 && errno == EINTR)
		;
}

static void close_all(struct server *s)
{
	work_free(s->work);
	if (s->store)
		store_close(s->store);
	if (s->loops)
		loops_stop(s->loops);
	acceptor_free(s->acceptor);
	smtp_server_free(s->smtp);
	pop3_server_free(s->pop3);
	loops_free(s->loops);
	flight_close(s->flight);
	file_close(&s->drained);
}

int server_run(const struct server_start *start)
{
	struct server s = { .start = start, .drained = FILE_NONE };
	int code = EXIT_FINE;

	/* The lifeline is what counts; this is for a parent that dies before its thread runs. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	arena_init(&s.arena, NULL, LIMIT_MB);
	err e = open_all(&s);
	if (e.code == ERR_OK) {
		say_ready(&s);
		serve_until_drained(&s);
		drain(&s);
	} else {
		log_event(EV_COMMAND_FAILED, LOG_Z("what", e.what ? e.what : "failed"));
		code = (int)(s.newer_store ? EXIT_CONFIG : exit_code_of(e.code));
	}
	close_all(&s);
	log_stop_writer();
	arena_reset(&s.arena);
	return code;
}
