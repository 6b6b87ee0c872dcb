#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/conn_internal.h"
#include "net/peer_count.h"

struct listener {
	uv_poll_t poll;
	struct listener *next;
	struct acceptor *acceptor;
	const struct conn_service *service;
	struct listen_manner manner;
	int fd;
};

/* What the acceptor has each loop do. */
struct errand {
	struct post post;
	struct loop *loop;
};

struct acceptor {
	struct loops *loops;
	struct loop *loop; /* the first: all below that is not atomic or locked is its thread's */
	struct conn_host host;
	struct listener *listeners;
	struct timer pause;    /* set: out of descriptors, nothing is accepted */
	struct timer patience; /* of the shutdown */
	int reserve;           /* descriptor to be given up when there is no other */
	bool stopped;
	_Atomic uint32_t total, per_address, per_network; /* limits */
	_Atomic uint32_t connections;
	struct peer_count peers;
	pthread_mutex_t proxies_lock; /* guards the next two */
	ip_network *proxies;
	size_t proxy_count;
	struct errand *shutdown_errands, *abort_errands; /* one a loop */

	struct post shutdown_post, empty_post;
	_Atomic bool draining, told;
	int64_t patience_ms;
	void (*finished)(void *user);
	void *finished_user;
};

/* --- one connection --- */

static const char stranger[] = "not in network.proxy_from";

static void refuse(const struct listener *l, int fd, ip peer, const char *why)
{
	str said = l->service->refusal;

	/* Best effort: a fresh socket has room for one line, and nobody waits for a peer that we refuse. One
	 * that expects TLS first could not read it, and a stranger is told nothing. */
	if (said.len && !l->manner.tls_first && why != stranger &&
	    send(fd, said.ptr, said.len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		shutdown(fd, SHUT_WR);
	close(fd);
	conn_log_refused(l->service, peer, why);
}

/* The last connection and the shutdown itself may both find that none is left: one of them tells. */
static void tell_if_empty(struct acceptor *a)
{
	if (atomic_load(&a->draining) && !atomic_exchange(&a->told, true))
		loop_post(a->loop, &a->empty_post);
}

/* Any loop: a connection's memory goes. */
static void conn_gone(struct conn *conn, void *user)
{
	struct acceptor *a = user;

	if (conn->is_counted)
		peer_count_remove(&a->peers, conn->peer);
	if (atomic_fetch_sub(&a->connections, 1) == 1)
		tell_if_empty(a);
}

/* Counts one more of `peer`, or says why not. */
static const char *count_peer(struct acceptor *a, bool is_unix, ip peer, bool *counted)
{
	*counted = false;
	if (is_unix || ip_is_loopback(peer))
		return NULL;
	err e = peer_count_add(&a->peers, peer, atomic_load(&a->per_address), atomic_load(&a->per_network));
	*counted = e.code == ERR_OK;
	return e.code == ERR_OK ? NULL : e.code == ERR_LIMIT ? "connections_per_address" : "out of memory";
}

/* Any loop: whom a proxy passes on. */
static const char *admit(struct conn *conn, void *user)
{
	return count_peer(user, conn->is_unix, conn->peer, &conn->is_counted);
}

static bool is_proxy(struct acceptor *a, const struct conn_socket *socket)
{
	bool is = false;

	pthread_mutex_lock(&a->proxies_lock);
	for (size_t i = 0; i < a->proxy_count && !is; i++)
		is = !socket->is_unix && ip_in(socket->peer, a->proxies[i]);
	pthread_mutex_unlock(&a->proxies_lock);
	return is;
}

static const char *limit_reached(const struct listener *l, struct conn_socket *socket)
{
	struct acceptor *a = l->acceptor;

	if (atomic_load(&a->connections) >= atomic_load(&a->total))
		return "connections";
	/* A proxy itself is not counted: those whom it passes on are, once they are known. */
	if (l->manner.proxy)
		return is_proxy(a, socket) ? NULL : stranger;
	return count_peer(a, socket->is_unix, socket->peer, &socket->is_counted);
}

static struct loop *least_loaded(struct acceptor *a)
{
	struct loop *best = a->loop;

	for (unsigned i = 1; i < loops_count(a->loops); i++) {
		struct loop *loop = loops_get(a->loops, i);
		if (atomic_load_explicit(&loop->load, memory_order_relaxed) <
		    atomic_load_explicit(&best->load, memory_order_relaxed))
			best = loop;
	}
	return best;
}

static void serve(struct listener *l, struct conn_socket socket)
{
	struct acceptor *a = l->acceptor;
	const char *limit = limit_reached(l, &socket);
	struct conn *conn;

	if (limit) {
		refuse(l, socket.fd, socket.peer, limit);
		return;
	}
	atomic_fetch_add(&a->connections, 1);
	err e = conn_new(least_loaded(a), &a->host, l->service, l->manner, socket, &conn);
	if (e.code != ERR_OK) {
		atomic_fetch_sub(&a->connections, 1);
		if (socket.is_counted)
			peer_count_remove(&a->peers, socket.peer);
		refuse(l, socket.fd, socket.peer, e.what);
		return;
	}
	conn_start(conn);
}

/* --- listening --- */

static void poll_all(struct acceptor *a, bool on);

static void pause_over(struct timer *timer)
{
	struct acceptor *a = CONTAINER(timer, struct acceptor, pause);

	if (!a->stopped)
		poll_all(a, true);
}

static int accept_one(int listener, struct conn_socket *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t size = sizeof sa;

	*out = (struct conn_socket){ .fd = accept4(listener, (struct sockaddr *)&sa, &size,
		                                   SOCK_NONBLOCK | SOCK_CLOEXEC) };
	if (out->fd < 0)
		return errno;
	if (sa.ss_family == AF_UNIX) {
		out->is_unix = true;
		return 0;
	}
	err e = ip_of_sockaddr((struct sockaddr *)&sa, &out->peer, &out->peer_port);
	assert(e.code == ERR_OK); /* we listen on nothing else */
	return 0;
}

/* Errors of accept(2) that are about the one connection it took: the next may be well. */
static bool is_about_peer(int number)
{
	switch (number) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ETIMEDOUT:
	case ENETDOWN:
	case ENETUNREACH:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static int reserve_open(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

/* Out of descriptors: the one kept back takes the next in line, who is told so, and all others wait in the
 * backlog until some may have closed. Without this the listener stays readable and the loop spins. */
static void run_short(struct listener *l)
{
	struct acceptor *a = l->acceptor;
	struct conn_socket socket;

	if (a->reserve >= 0) {
		close(a->reserve);
		if (accept_one(l->fd, &socket) == 0)
			refuse(l, socket.fd, socket.peer, "out of descriptors");
	}
	a->reserve = reserve_open(); /* where this fails too it is tried again at the next shortage */
	poll_all(a, false);
	loop_timer_set(a->loop, &a->pause, LIMIT_ACCEPT_PAUSE_MS);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = CONTAINER(poll, struct listener, poll);
	struct acceptor *a = l->acceptor;

	(void)status;
	(void)events;
	for (unsigned i = 0; i < LIMIT_ACCEPT_TURN && !a->stopped; i++) {
		struct conn_socket socket;
		int failed = accept_one(l->fd, &socket);
		if (failed == 0) {
			serve(l, socket);
			continue;
		}
		if (failed == EAGAIN)
			return;
		if (!is_about_peer(failed)) {
			run_short(l); /* EMFILE and its kin; for whatever else, too, a pause beats a busy loop
			               */
			return;
		}
	}
}

static void poll_all(struct acceptor *a, bool on)
{
	for (struct listener *l = a->listeners; l; l = l->next) {
		if (uv_is_closing((uv_handle_t *)&l->poll))
			continue;
		if (on)
			uv_poll_start(&l->poll, UV_READABLE, readable);
		else
			uv_poll_stop(&l->poll);
	}
}

static void listener_closed(uv_handle_t *handle) { free(CONTAINER(handle, struct listener, poll)); }

/* Stops accepting for good; the descriptors stay open, and what connects meanwhile waits for the next server
 * that gets them. */
static void stop_accepting(struct acceptor *a)
{
	a->stopped = true;
	loop_timer_set(a->loop, &a->pause, 0);
	while (a->listeners) {
		struct listener *l = a->listeners;
		a->listeners = l->next;
		uv_close((uv_handle_t *)&l->poll, listener_closed);
	}
}

err acceptor_add(struct acceptor *acceptor, int fd, const struct conn_service *service,
                 struct listen_manner manner)
{
	struct listener *l = calloc(1, sizeof *l);

	if (!l)
		return ERR_NO_MEMORY;
	int failed = uv_poll_init(&acceptor->loop->uv, &l->poll, fd);
	if (failed) {
		free(l);
		return (err){ ERR_IO, (uint32_t)-failed, "the listening socket can't be waited for" };
	}
	l->acceptor = acceptor;
	l->service = service;
	l->manner = manner;
	l->fd = fd;
	l->next = acceptor->listeners;
	acceptor->listeners = l;
	if (!timer_is_set(&acceptor->pause))
		uv_poll_start(&l->poll, UV_READABLE, readable);
	return OK;
}

/* --- shutdown --- */

static void send_errands(struct acceptor *a, struct errand *errands, void (*run)(struct post *post))
{
	for (unsigned i = 0; i < loops_count(a->loops); i++) {
		errands[i].loop = loops_get(a->loops, i);
		errands[i].post.run = run;
		loop_post(errands[i].loop, &errands[i].post);
	}
}

static void shutdown_loop(struct post *post)
{
	conn_shutdown_all(CONTAINER(post, struct errand, post)->loop);
}

static void abort_loop(struct post *post)
{
	conn_abort_all(CONTAINER(post, struct errand, post)->loop, "server stopped");
}

static void patience_over(struct timer *timer)
{
	struct acceptor *a = CONTAINER(timer, struct acceptor, patience);

	send_errands(a, a->abort_errands, abort_loop);
}

static void all_gone(struct post *post)
{
	struct acceptor *a = CONTAINER(post, struct acceptor, empty_post);

	loop_timer_set(a->loop, &a->patience, 0);
	a->finished(a->finished_user);
}

static void shutdown_run(struct post *post)
{
	struct acceptor *a = CONTAINER(post, struct acceptor, shutdown_post);

	stop_accepting(a);
	atomic_store(&a->draining, true);
	loop_timer_set(a->loop, &a->patience, a->patience_ms > 0 ? a->patience_ms : 1);
	send_errands(a, a->shutdown_errands, shutdown_loop);
	if (atomic_load(&a->connections) == 0)
		tell_if_empty(a);
}

void acceptor_shutdown(struct acceptor *acceptor, int64_t patience_ms, void (*finished)(void *user),
                       void *user)
{
	acceptor->patience_ms = patience_ms;
	acceptor->finished = finished;
	acceptor->finished_user = user;
	loop_post(acceptor->loop, &acceptor->shutdown_post);
}

/* --- life --- */

void acceptor_set_tls(struct acceptor *acceptor, struct tls *tls) { acceptor->host.tls = tls; }

err acceptor_set_proxy_from(struct acceptor *acceptor, const ip_network *networks, size_t count)
{
	ip_network *copy = calloc(count ? count : 1, sizeof *copy);

	if (!copy)
		return ERR_NO_MEMORY;
	if (count)
		memcpy(copy, networks, count * sizeof *copy);
	pthread_mutex_lock(&acceptor->proxies_lock);
	ip_network *former = acceptor->proxies;
	acceptor->proxies = copy;
	acceptor->proxy_count = count;
	pthread_mutex_unlock(&acceptor->proxies_lock);
	free(former);
	return OK;
}

void acceptor_set_limits(struct acceptor *acceptor, struct connection_limits limits)
{
	atomic_store(&acceptor->total, limits.total);
	atomic_store(&acceptor->per_address, limits.per_address);
	atomic_store(&acceptor->per_network, limits.per_network);
}

uint32_t acceptor_connections(const struct acceptor *acceptor) { return atomic_load(&acceptor->connections); }

err acceptor_new(struct loops *loops, struct work *work, struct connection_limits limits,
                 struct acceptor **out)
{
	struct acceptor *a = calloc(1, sizeof *a);

	if (!a)
		return ERR_NO_MEMORY;
	a->shutdown_errands = calloc(loops_count(loops), sizeof *a->shutdown_errands);
	a->abort_errands = calloc(loops_count(loops), sizeof *a->abort_errands);
	if (!a->shutdown_errands || !a->abort_errands) {
		free(a->shutdown_errands);
		free(a->abort_errands);
		free(a);
		return ERR_NO_MEMORY;
	}
	a->loops = loops;
	a->loop = loops_get(loops, 0);
	a->host = (struct conn_host){ .work = work, .gone = conn_gone, .admit = admit, .user = a };
	a->pause.fire = pause_over;
	a->patience.fire = patience_over;
	a->shutdown_post.run = shutdown_run;
	a->empty_post.run = all_gone;
	a->reserve = reserve_open();
	acceptor_set_limits(a, limits);
	peer_count_init(&a->peers);
	pthread_mutex_init(&a->proxies_lock, NULL);
	*out = a;
	return OK;
}

void acceptor_free(struct acceptor *acceptor)
{
	if (!acceptor)
		return;
	stop_accepting(acceptor);
	if (acceptor->reserve >= 0)
		close(acceptor->reserve);
	peer_count_fini(&acceptor->peers);
	pthread_mutex_destroy(&acceptor->proxies_lock);
	free(acceptor->proxies);
	free(acceptor->shutdown_errands);
	free(acceptor->abort_errands);
	free(acceptor);
}
