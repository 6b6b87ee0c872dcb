/* bench/smtp_sink.c: an SMTP server that takes everything and keeps nothing: what the generator, the kernel
 * and the wire allow at most. On SIGTERM or SIGINT it prints what came, as one JSON object.
 *
 * As the other end of a server that sends it listens on many addresses, writes down when it took what, and
 * can be a bad one: silent, slow, or with a 4xx for everybody.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "id_set.h"
#include "sink_session.h"
#include "tool.h"

enum { EVENTS = 256, THREADS_MAX = 64, ADDRESSES_MAX = 4096, READ_MAX = 256 * 1024 };

static const char usage[] =
	"usage: smtp-sink HOST:PORT... [--threads N] [--count-ids] [--log FILE (Message-ID ns recipients)]\n"
	"                 [--rcpt-reply '450 4.7.1 Later'] [--delay-ms N (before each answer)] [--silent]\n";

struct connection {
	int fd;
	bool wants_room; /* replies did not fit: EPOLLOUT instead of EPOLLIN */
	int64_t due_ns;  /* while it rests: when it is served */
	struct connection *next_resting;
	struct sink_session session;
};

struct options {
	struct tool_address *addresses;
	size_t address_count;
	unsigned threads;
	int64_t delay_ns;
	bool count_ids, silent;
	const char *log;
	struct sink_plan plan;
};

struct worker {
	pthread_t thread;
	const struct options *options;
	int epoll_fd, stop_fd;
	int *listeners; /* one for each address */
	char *octets;   /* READ_MAX, shared by the connections of this worker */
	struct connection *first_resting, **last_resting; /* in the order in which they are due */
	uint64_t connections, messages, message_octets, delivered, refused;
};

static void open_connection(struct worker *w, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct connection *c = tool_alloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	static const char greeting[] = "220 sink.example ESMTP\r\n";
	sink_session_init(&c->session, &w->options->plan);
	c->fd = fd;
	w->connections++;
	if (w->options->silent)
		return; /* until the other end has had enough, or for ever */
	if (send(fd, greeting, sizeof greeting - 1, MSG_NOSIGNAL) < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		tool_die("taking a connection: %s", strerror(errno));
}

static void close_connection(struct connection *c)
{
	close(c->fd);
	sink_session_fini(&c->session);
	free(c);
}

static void want_room(const struct worker *w, struct connection *c, bool wanted)
{
	if (c->wants_room == wanted)
		return;
	struct epoll_event e = { .events = wanted ? EPOLLOUT : EPOLLIN, .data.ptr = c };
	c->wants_room = wanted;
	epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* False when the connection is over. */
static bool send_replies(const struct worker *w, struct connection *c)
{
	struct sink_session *s = &c->session;

	if (s->replies_len == 0)
		return !s->quit;
	ssize_t n = send(c->fd, s->replies, s->replies_len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return false;
	size_t sent = n > 0 ? (size_t)n : 0;
	memmove(s->replies, s->replies + sent, s->replies_len - sent);
	s->replies_len -= sent;
	want_room(w, c, s->replies_len > 0);
	return s->replies_len > 0 || !s->quit;
}

static void count(struct worker *w, struct sink_session *s)
{
	w->messages += s->messages;
	w->message_octets += s->octets;
	w->delivered += s->delivered;
	w->refused += s->refused;
	s->messages = s->octets = s->delivered = s->refused = 0;
}

/* False when the connection is over. A peer that pipelines more than SINK_REPLIES_MAX of replies without
 * reading any is no benchmark of ours and is left waiting in push's place: the rest of the chunk is pushed
 * when replies could be sent at once, else the connection ends. */
static bool serve(struct worker *w, struct connection *c)
{
	if (c->wants_room)
		return send_replies(w, c);
	ssize_t n = recv(c->fd, w->octets, READ_MAX, 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	for (size_t at = 0; at < (size_t)n;) {
		size_t used = sink_session_push(&c->session, w->octets + at, (size_t)n - at);
		count(w, &c->session);
		if (used == 0 && c->session.quit)
			break;
		if (!send_replies(w, c) || (used == 0 && c->wants_room))
			return false;
		at += used;
	}
	return !c->session.quit;
}

/* What came is left in the socket until it is due. */
static void rest(struct worker *w, struct connection *c)
{
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->due_ns = tool_now_ns() + w->options->delay_ns;
	c->next_resting = NULL;
	*w->last_resting = c;
	w->last_resting = &c->next_resting;
}

static void serve_rested(struct worker *w)
{
	while (w->first_resting != NULL && w->first_resting->due_ns <= tool_now_ns()) {
		struct connection *c = w->first_resting;
		w->first_resting = c->next_resting;
		if (w->first_resting == NULL)
			w->last_resting = &w->first_resting;
		struct epoll_event e = { .events = c->wants_room ? EPOLLOUT : EPOLLIN, .data.ptr = c };
		epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
		if (!serve(w, c))
			close_connection(c);
	}
}

static int wait_ms(const struct worker *w)
{
	if (w->first_resting == NULL)
		return -1;
	int64_t left = w->first_resting->due_ns - tool_now_ns();
	return left > 0 ? (int)(left / 1000000) + 1 : 0;
}

static bool is_listener(const struct worker *w, const void *what)
{
	const int *fd = what;
	return fd >= w->listeners && fd < w->listeners + w->options->address_count;
}

/* False: the end. */
static bool handle(struct worker *w, void *what)
{
	if (what == &w->stop_fd)
		return false;
	if (is_listener(w, what))
		open_connection(w, *(int *)what);
	else if (w->options->delay_ns > 0)
		rest(w, what);
	else if (!serve(w, what))
		close_connection(what);
	return true;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(w->epoll_fd, events, EVENTS, wait_ms(w));
		if (n < 0 && errno != EINTR)
			tool_die("epoll: %s", strerror(errno));
		for (int i = 0; i < n; i++)
			if (!handle(w, events[i].data.ptr))
				return NULL;
		serve_rested(w);
	}
}

static void watch(struct worker *w, int *fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = fd };

	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, *fd, &e) != 0)
		tool_die("epoll: %s", strerror(errno));
}

static void start_worker(struct worker *w, const struct options *o, int stop_fd)
{
	*w = (struct worker){ .options = o,
		              .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		              .stop_fd = stop_fd,
		              .listeners = tool_alloc(o->address_count, sizeof *w->listeners),
		              .octets = tool_alloc(1, READ_MAX) };
	w->last_resting = &w->first_resting;
	for (size_t i = 0; i < o->address_count; i++) {
		w->listeners[i] = tool_listen(&o->addresses[i], o->threads > 1);
		watch(w, &w->listeners[i]);
	}
	watch(w, &w->stop_fd);
	if (pthread_create(&w->thread, NULL, work, w) != 0)
		tool_die("no thread");
}

static void report(const struct worker *workers, unsigned n, struct id_set *ids)
{
	uint64_t connections = 0, messages = 0, octets = 0, delivered = 0, refused = 0;
	struct timespec cpu;

	for (unsigned i = 0; i < n; i++) {
		connections += workers[i].connections;
		messages += workers[i].messages;
		octets += workers[i].message_octets;
		delivered += workers[i].delivered;
		refused += workers[i].refused;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("{\"connections\":%llu,\"messages\":%llu,\"octets\":%llu,\"recipients\":%llu,\"refused\":%llu,"
	       "\"cpu_s\":%.3f",
	       (unsigned long long)connections, (unsigned long long)messages, (unsigned long long)octets,
	       (unsigned long long)delivered, (unsigned long long)refused,
	       (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	if (ids != NULL)
		printf(",\"unique_ids\":%llu,\"duplicates\":%llu", (unsigned long long)id_set_unique(ids),
		       (unsigned long long)id_set_duplicates(ids));
	printf("}\n");
}

/* One line is one write into the stream, which has a lock of its own. */
static void write_down(void *user, const char *id, size_t len, unsigned recipients)
{
	fprintf(user, "%.*s %lld %u\n", (int)len, id, (long long)tool_now_ns(), recipients);
}

static void set_option(struct options *o, int option, const char *value)
{
	static const int64_t MS = 1000000;

	if (option == 't')
		o->threads = (unsigned)tool_number("--threads", value, 1, THREADS_MAX);
	else if (option == 'i')
		o->count_ids = true;
	else if (option == 'l')
		o->log = value;
	else if (option == 'r')
		o->plan.rcpt_reply = value;
	else if (option == 'd')
		o->delay_ns = (int64_t)tool_number("--delay-ms", value, 1, 3600000) * MS;
	else if (option == 's')
		o->silent = true;
}

static struct options read_options(int argc, char **argv)
{
	static const struct option long_options[] = { { "threads", required_argument, NULL, 't' },
		                                      { "count-ids", no_argument, NULL, 'i' },
		                                      { "log", required_argument, NULL, 'l' },
		                                      { "rcpt-reply", required_argument, NULL, 'r' },
		                                      { "delay-ms", required_argument, NULL, 'd' },
		                                      { "silent", no_argument, NULL, 's' },
		                                      { 0 } };
	struct options o = { .threads = 1 };
	bool understood = true;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		understood &= option != '?';
		set_option(&o, option, optarg);
	}
	if (!understood || optind == argc || argc - optind > ADDRESSES_MAX ||
	    (o.plan.rcpt_reply != NULL && strlen(o.plan.rcpt_reply) > 200)) {
		fputs(usage, stderr);
		exit(64);
	}
	o.address_count = (size_t)(argc - optind);
	o.addresses = tool_alloc(o.address_count, sizeof *o.addresses);
	for (size_t i = 0; i < o.address_count; i++)
		o.addresses[i] = tool_address_parse(argv[optind + (int)i]);
	o.plan.ids = o.count_ids ? id_set_new() : NULL;
	if (o.log != NULL) {
		o.plan.user = fopen(o.log, "w");
		o.plan.took = write_down;
		if (o.plan.user == NULL)
			tool_die("%s: %s", o.log, strerror(errno));
	}
	return o;
}

static void stop_worker(struct worker *w)
{
	pthread_join(w->thread, NULL);
	for (size_t i = 0; i < w->options->address_count; i++)
		close(w->listeners[i]);
	close(w->epoll_fd);
	free(w->listeners);
	free(w->octets);
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	struct options o = read_options(argc, argv);
	sigset_t stop;
	int got;

	tool_raise_descriptor_limit();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < o.threads; i++)
		start_worker(&workers[i], &o, stop_fd);
	fputs("listening\n", stderr);
	sigwait(&stop, &got);
	if (write(stop_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) != sizeof(uint64_t))
		tool_die("stopping: %s", strerror(errno));
	for (unsigned i = 0; i < o.threads; i++)
		stop_worker(&workers[i]);
	if (o.log != NULL && fclose(o.plan.user) != 0)
		tool_die("%s: %s", o.log, strerror(errno));
	report(workers, o.threads, o.plan.ids);
	if (o.plan.ids != NULL)
		id_set_free(o.plan.ids);
	free(o.addresses);
	return 0;
}
