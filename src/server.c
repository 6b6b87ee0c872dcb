#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/flight.h"
#include "base/log.h"
#include "cli/exit.h"
#include "deliver/local_login.h"
#include "deliver/address.h"
#include "http/control.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/work.h"
#include "pop3/server.h"
#include "sending.h"
#include "smtp/server.h"
#include "store/store.h"

enum {
	DRAIN_PATIENCE_MS = 30000,
	SENDING_PATIENCE_MS = 60000,
	LONGEST_SLEEP_MS = 3600 * 1000,
	ATTACHED = 2,
	DRAINED_PARTS = 2
};

/* RFC 8314 §3: under TLS from the first octet. */
static const bool tls_first[CONFIG_PROTOCOLS] = {
	[CONFIG_SUBMISSIONS] = true, [CONFIG_IMAPS] = true, [CONFIG_POP3S] = true, [CONFIG_HTTPS] = true
};

struct server {
	const struct server_start *start;
	struct arena arena; /* error sentences */
	struct loops *loops;
	struct work *work;
	struct tls *tls;
	int64_t keys_due_ms;   /* of session tickets: their next change */
	int64_t places_due_ms; /* where people logged in: written next */
	struct store *store;
	struct flight *flight;
	struct acceptor *acceptor;
	struct auth *auth;
	struct smtp_server *smtp;
	struct pop3_server *pop3;
	struct sending *sending;
	struct control control;
	struct conn_service services[CONFIG_PROTOCOLS], control_conn_service, local_service;
	bool newer_store; /* why it could not be opened */
	int drained;      /* eventfd: one for the last connection, one for the end of sending */
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

/* Keys that are not kept cost a full handshake after a restart, and nothing else. */
static void say_keys_failed(err e)
{
	if (e.code != ERR_OK)
		log_event(EV_TICKETS_FAILED, LOG_Z("what", e.what));
}

static err open_tls(struct server *s)
{
	const struct certificates *certificates = s->start->certificates;
	str path;

	TRY(tls_new(&s->tls));
	TRY(tls_load(s->tls, &s->arena, certificates->item, certificates->count));
	TRY(file_path(&s->arena, s->start->config->data_dir, STR("ticket.keys"), &path));
	say_keys_failed(tls_tickets_open(s->tls, &s->arena, path));
	return OK;
}

static err open_auth(struct server *s)
{
	const struct config *config = s->start->config;
	struct auth_options options = { .store = s->store,
		                        .work = s->work,
		                        .data_dir = config->data_dir,
		                        .normalise = address_normalise,
		                        .plaintext_loopback =
		                                config->auth.plaintext == CONFIG_PLAINTEXT_LOOPBACK,
		                        .scram = config->auth.scram };

	return auth_new(&s->arena, &options, &s->auth);
}

/* [submit] allow, for programs of this machine. */
static err allow_locals(struct server *s, const struct config *config)
{
	const struct config_allowances *from = &config->submit.allow;
	struct local_allowance items[LIMIT_CONFIG_LIST];

	assert(from->count <= LIMIT_CONFIG_LIST);
	for (size_t i = 0; i < from->count; i++)
		items[i] = (struct local_allowance){ from->item[i].user, from->item[i].from };
	return smtp_server_allow(s->smtp, &(struct local_allowances){ items, from->count });
}

static err open_protocols(struct server *s)
{
	const struct config *config = s->start->config;
	struct smtp_server_options smtp = { .store = s->store,
		                            .work = s->work,
		                            .auth = s->auth,
		                            .flight = s->flight,
		                            .hostname = config->hostname,
		                            .data_dir = config->data_dir,
		                            .limits = config->limits };
	struct pop3_server_options pop3 = { .store = s->store,
		                            .flight = s->flight,
		                            .work = s->work,
		                            .hostname = config->hostname,
		                            .auth = s->auth,
		                            .limits = config->limits };

	TRY(smtp_server_new(&smtp, &s->smtp));
	s->services[CONFIG_SMTP] = smtp_server_service(s->smtp, SMTP_ROLE_MX);
	TRY(smtp_server_set_relay_from(s->smtp, config->network.relay_from.item,
	                               config->network.relay_from.count));
	s->services[CONFIG_SUBMISSION] = smtp_server_service(s->smtp, SMTP_ROLE_SUBMISSION);
	s->services[CONFIG_SUBMISSIONS] = smtp_server_service(s->smtp, SMTP_ROLE_SUBMISSIONS);
	s->services[CONFIG_LMTP] = smtp_server_service(s->smtp, SMTP_ROLE_LMTP);
	s->local_service = smtp_server_service(s->smtp, SMTP_ROLE_LOCAL);
	TRY(allow_locals(s, config));
	TRY(pop3_server_new(&pop3, &s->pop3));
	s->services[CONFIG_POP3] = pop3_server_service(s->pop3, false);
	s->services[CONFIG_POP3S] = pop3_server_service(s->pop3, true);
	TRY(sending_open(&s->arena, s->store, s->work, s->loops, s->flight, config, &s->sending));
	s->control_conn_service = control_service(&s->control, s->store, s->work, config, s->flight);
	s->control.outbound = sending_control(s->sending);
	return OK;
}

static err begin_accepting(struct server *s)
{
	const struct listeners *listeners = s->start->listeners;
	const struct config_networks *proxies = &s->start->config->network.proxy_from;

	TRY(acceptor_new(s->loops, s->work, connection_limits(&s->start->config->limits), &s->acceptor));
	acceptor_set_tls(s->acceptor, s->tls);
	TRY(acceptor_set_proxy_from(s->acceptor, proxies->item, proxies->count));
	for (size_t i = 0; i < listeners->count; i++) {
		const struct listener *l = &listeners->items[i];
		const struct conn_service *service = &s->services[l->protocol];
		struct listen_manner manner = { .tls_first = tls_first[l->protocol],
			                        .proxy = l->configured->proxy };
		if (!service->handle) /* the configuration's reader refuses what is not served */
			return err_new(&s->arena, ERR_SYNTAX, "listen.%s is not served by this version",
			               config_protocol_name(l->protocol));
		TRY(acceptor_add(s->acceptor, l->fd, service, manner));
	}
	TRY(acceptor_add(s->acceptor, listeners->control, &s->control_conn_service,
	                 (struct listen_manner){ .proxy = false }));
	TRY(acceptor_add(s->acceptor, listeners->submit, &s->local_service,
	                 (struct listen_manner){ .proxy = false }));
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
	TRY(open_tls(s));
	TRY(open_auth(s));
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

static err read_attached(struct arena *arena, file f, size_t max_octets, str *out)
{
	struct stat about;

	if (f < 0 || fstat(f, &about) != 0 || about.st_size < 0 || (size_t)about.st_size > max_octets)
		return (err){ ERR_IO, 0, "the configuration did not arrive" };
	size_t size = (size_t)about.st_size;
	char *octets = arena_alloc(arena, size + 1);
	TRY(octets ? file_read_at(f, octets, size, 0) : ERR_NO_MEMORY);
	*out = (str){ octets, size };
	return OK;
}

/* The parent has checked it and found no key that needs a restart; what it says now holds from here on. What
 * may fail for want of memory comes first, so that all of it holds or nothing. */
static err apply(struct server *s, struct arena *arena, str config_text, str certificates_text)
{
	struct certificates certificates;
	struct config *config;

	TRY(config_parse(arena, s->start->config_path, config_text, &config));
	TRY(certificates_parse(arena, certificates_text, &certificates));
	TRY(tls_load(s->tls, arena, certificates.item, certificates.count));
	TRY(acceptor_set_proxy_from(s->acceptor, config->network.proxy_from.item,
	                            config->network.proxy_from.count));
	TRY(smtp_server_set_relay_from(s->smtp, config->network.relay_from.item,
	                               config->network.relay_from.count));
	TRY(allow_locals(s, config));
	acceptor_set_limits(s->acceptor, connection_limits(&config->limits));
	auth_set_plaintext(s->auth, config->auth.plaintext == CONFIG_PLAINTEXT_LOOPBACK);
	smtp_server_set_limits(s->smtp, &config->limits);
	pop3_server_set_limits(s->pop3, &config->limits);
	return OK;
}

static void reload(struct server *s, const file attached[static ATTACHED])
{
	str config_text = { 0 }, certificates_text = { 0 };
	struct arena arena;

	arena_init(&arena, NULL, 4 * LIMIT_CONFIG_FILE + 2 * LIMIT_CERTIFICATES);
	err e = read_attached(&arena, attached[0], LIMIT_CONFIG_FILE, &config_text);
	if (e.code == ERR_OK)
		e = read_attached(&arena, attached[1], 2 * LIMIT_CERTIFICATES, &certificates_text);
	if (e.code == ERR_OK)
		e = apply(s, &arena, config_text, certificates_text);
	if (e.code == ERR_OK)
		log_event(EV_CONFIG_LOADED, LOG_STR("file", s->start->config_path));
	else
		log_event(EV_CONFIG_REFUSED, LOG_STR("file", s->start->config_path), LOG_Z("what", e.what));
	if (certificates_text.len)
		explicit_bzero((void *)(uintptr_t)certificates_text.ptr, certificates_text.len);
	arena_reset(&arena);
}

/* The parent's next word, with the descriptors that came along. 0: the parent is gone. */
static char hear_parent(struct server *s, file attached[static ATTACHED])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(ATTACHED * sizeof(int))];
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
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(ATTACHED * sizeof(int)))
		memcpy(attached, CMSG_DATA(header), ATTACHED * sizeof(int));
	return word;
}

static void save_places(struct server *s)
{
	struct arena arena;

	arena_init(&arena, NULL, 4 * LIMIT_MB);
	err e = auth_save(s->auth, &arena);
	if (e.code != ERR_OK)
		log_event(EV_PLACES_FAILED, LOG_Z("what", e.what));
	arena_reset(&arena);
	s->places_due_ms = clock_now() + LIMIT_GUESS_SAVE_MS;
}

static void turn_keys(struct server *s)
{
	struct arena arena;

	arena_init(&arena, NULL, LIMIT_MB);
	say_keys_failed(tls_tickets_turn(s->tls, &arena, &s->keys_due_ms));
	arena_reset(&arena);
}

/* Until the parent says something; meanwhile what is due is done. */
static void await_parent(struct server *s)
{
	struct pollfd waiting = { .fd = s->start->channel, .events = POLLIN };

	for (;;) {
		int64_t now_ms = clock_now();
		if (s->keys_due_ms <= now_ms)
			turn_keys(s);
		if (s->places_due_ms <= now_ms)
			save_places(s);
		int64_t due_ms = s->keys_due_ms < s->places_due_ms ? s->keys_due_ms : s->places_due_ms;
		int64_t left_ms = due_ms < now_ms + LONGEST_SLEEP_MS ? due_ms - now_ms : LONGEST_SLEEP_MS;
		if (poll(&waiting, 1, (int)(left_ms > 0 ? left_ms : 0)) != 0)
			return;
	}
}

static void serve_until_drained(struct server *s)
{
	for (;;) {
		file attached[ATTACHED] = { FILE_NONE, FILE_NONE };

		await_parent(s);
		switch (hear_parent(s, attached)) {
		case SERVER_RELOAD:
			reload(s, attached);
			break;
		case SERVER_DRAIN:
			return;
		case 0: /* the lifeline's thread ends the process */
			pause();
			break;
		}
		for (size_t i = 0; i < ATTACHED; i++)
			file_close(&attached[i]);
	}
}

/* --- closing, in the order in which each may still need what comes after it --- */

static void one_drained(void *user)
{
	const uint64_t one = 1;

	if (write(((struct server *)user)->drained, &one, sizeof one) < 0)
		abort(); /* an eventfd takes 2^64 - 2 of them */
}

static void drain(struct server *s)
{
	uint64_t count, all = 0;

	sending_stop(s->sending, SENDING_PATIENCE_MS, one_drained, s);
	acceptor_shutdown(s->acceptor, DRAIN_PATIENCE_MS, one_drained, s);
	while (all < DRAINED_PARTS) {
		if (read(s->drained, &count, sizeof count) > 0)
			all += count;
		else if (errno != EINTR)
			break;
	}
}

static void close_all(struct server *s)
{
	work_free(s->work);
	if (s->store)
		store_close(s->store);
	if (s->loops)
		loops_stop(s->loops);
	sending_close(s->sending);
	acceptor_free(s->acceptor);
	smtp_server_free(s->smtp);
	pop3_server_free(s->pop3);
	if (s->auth)
		save_places(s);
	auth_free(s->auth);
	tls_free(s->tls);
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
		sending_start(s.sending);
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
