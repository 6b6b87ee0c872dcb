/* bench/smtp_sink.c: an SMTP server that takes everything and keeps nothing: what the generator, the kernel
 * and the wire allow at most. On SIGTERM or SIGINT it prints what came, as one JSON object.
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

enum { EVENTS = 256, THREADS_MAX = 64, READ_MAX = 256 * 1024 };

static const char usage[] = "usage: smtp-sink HOST:PORT [--threads N] [--count-ids]\n";

struct connection {
	int fd;
	bool wants_room; /* replies did not fit: EPOLLOUT instead of EPOLLIN */
	struct sink_session session;
};

struct worker {
	pthread_t thread;
	int epoll_fd, listener, stop_fd;
	char *octets; /* READ_MAX, shared by the connections of this worker */
	struct id_set *ids;
	uint64_t connections, messages, message_octets;
};

static void open_connection(struct worker *w)
{
	int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct connection *c = tool_alloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	static const char greeting[] = "220 sink.example ESMTP\r\n";
	sink_session_init(&c->session, w->ids);
	c->fd = fd;
	w->connections++;
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
		uint64_t messages = c->session.messages, octets = c->session.octets;
		size_t used = sink_session_push(&c->session, w->octets + at, (size_t)n - at);
		w->messages += c->session.messages - messages;
		w->message_octets += c->session.octets - octets;
		if (used == 0 && c->session.quit)
			break;
		if (!send_replies(w, c) || (used == 0 && c->wants_room))
			return false;
		at += used;
	}
	return !c->session.quit;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(w->epoll_fd, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			tool_die("epoll: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &w->stop_fd)
				return NULL;
			if (events[i].data.ptr == &w->listener)
				open_connection(w);
			else if (!serve(w, events[i].data.ptr))
				close_connection(events[i].data.ptr);
		}
	}
}

static void start_worker(struct worker *w, const struct tool_address *address, bool shared, int stop_fd,
                         struct id_set *ids)
{
	*w = (struct worker){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		              .listener = tool_listen(address, shared),
		              .stop_fd = stop_fd,
		              .octets = tool_alloc(1, READ_MAX),
		              .ids = ids };
	struct epoll_event listening = { .events = EPOLLIN, .data.ptr = &w->listener };
	struct epoll_event stopping = { .events = EPOLLIN, .data.ptr = &w->stop_fd };
	epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->listener, &listening);
	epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &stopping);
	if (pthread_create(&w->thread, NULL, work, w) != 0)
		tool_die("no thread");
}

static void report(const struct worker *workers, unsigned n, struct id_set *ids)
{
	uint64_t connections = 0, messages = 0, octets = 0;
	struct timespec cpu;

	for (unsigned i = 0; i < n; i++) {
		connections += workers[i].connections;
		messages += workers[i].messages;
		octets += workers[i].message_octets;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("{\"connections\":%llu,\"messages\":%llu,\"octets\":%llu,\"cpu_s\":%.3f",
	       (unsigned long long)connections, (unsigned long long)messages, (unsigned long long)octets,
	       (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	if (ids != NULL)
		printf(",\"unique_ids\":%llu,\"duplicates\":%llu", (unsigned long long)id_set_unique(ids),
		       (unsigned long long)id_set_duplicates(ids));
	printf("}\n");
}

struct options {
	struct tool_address address;
	unsigned threads;
	bool count_ids;
};

static struct options read_options(int argc, char **argv)
{
	static const struct option long_options[] = { { "threads", required_argument, NULL, 't' },
		                                      { "count-ids", no_argument, NULL, 'i' },
		                                      { 0 } };
	struct options o = { .threads = 1 };
	bool understood = true;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 't')
			o.threads = (unsigned)tool_number("--threads", optarg, 1, THREADS_MAX);
		else if (option == 'i')
			o.count_ids = true;
		else
			understood = false;
	}
	if (!understood || optind != argc - 1) {
		fputs(usage, stderr);
		exit(64);
	}
	o.address = tool_address_parse(argv[optind]);
	return o;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	const struct options o = read_options(argc, argv);
	struct id_set *ids = o.count_ids ? id_set_new() : NULL;
	sigset_t stop;
	int got;

	tool_raise_descriptor_limit();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < o.threads; i++)
		start_worker(&workers[i], &o.address, o.threads > 1, stop_fd, ids);
	fputs("listening\n", stderr);
	sigwait(&stop, &got);
	if (write(stop_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) != sizeof(uint64_t))
		tool_die("stopping: %s", strerror(errno));
	for (unsigned i = 0; i < o.threads; i++) {
		pthread_join(workers[i].thread, NULL);
		close(workers[i].listener);
		close(workers[i].epoll_fd);
		free(workers[i].octets);
	}
	report(workers, o.threads, ids);
	if (ids != NULL)
		id_set_free(ids);
	return 0;
}
