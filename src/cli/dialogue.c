#include "cli/dialogue.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
	file from, to; /* FILE_NONE: there comes no more; nobody takes it */
	size_t at, len;
	char octets[DIALOGUE_OCTETS];
};

static bool is_passing(int number) { return number == EINTR || number == EAGAIN; }

static bool is_gone(int number) { return number == EPIPE || number == ECONNRESET; }

static err take(struct arena *arena, struct way *w)
{
	ssize_t n = read(w->from, w->octets, sizeof w->octets);

	if (n < 0 && is_passing(errno))
		return OK;
	if (n < 0 && !is_gone(errno))
		return err_errno(arena, errno, "reading the dialogue");
	if (n <= 0)
		w->from = FILE_NONE;
	w->at = 0;
	w->len = n > 0 ? (size_t)n : 0;
	return OK;
}

/* Into a socket what has room; into a pipe that poll called ready PIPE_BUF never blocks (pipe(7)). */
static err give(struct arena *arena, struct way *w)
{
	size_t some = w->len - w->at;

	ssize_t n = send(w->to, w->octets + w->at, some, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK)
		n = write(w->to, w->octets + w->at, some < PIPE_BUF ? some : PIPE_BUF);
	if (n >= 0) {
		w->at += (size_t)n;
		return OK;
	}
	if (is_passing(errno))
		return OK;
	if (!is_gone(errno))
		return err_errno(arena, errno, "passing the dialogue on");
	w->to = FILE_NONE;
	return OK;
}

static bool is_full(const struct way *w) { return w->at < w->len; }

/* What poll is asked about a way: its source while it is empty, else its target. */
static struct pollfd next_step(const struct way *w)
{
	return is_full(w) ? (struct pollfd){ .fd = w->to, .events = POLLOUT }
	                  : (struct pollfd){ .fd = w->from, .events = POLLIN };
}

static err step(struct arena *arena, struct way *w, bool ready)
{
	if (ready)
		TRY(is_full(w) ? give(arena, w) : take(arena, w));
	if (w->to == FILE_NONE)
		w->at = w->len;
	return OK;
}

err dialogue_pass(struct arena *arena, file server, file in, file out)
{
	struct way *up = arena_new(arena, struct way, 1), *down = arena_new(arena, struct way, 1);
	bool told = false; /* the server, that no more comes */

	if (!up || !down)
		return ERR_NO_MEMORY;
	up->from = in;
	up->to = down->from = server;
	down->to = out;
	while (down->from != FILE_NONE || is_full(down)) {
		struct pollfd waiting[] = { next_step(down), next_step(up) };
		if (poll(waiting, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_errno(arena, errno, "waiting for the dialogue");
		}
		TRY(step(arena, down, waiting[0].revents != 0));
		TRY(step(arena, up, waiting[1].revents != 0));
		if (down->to == FILE_NONE)
			return (err){ ERR_IO, EPIPE, "nobody reads the dialogue any more" };
		if (up->from == FILE_NONE && !is_full(up) && !told) {
			(void)shutdown(server, SHUT_WR);
			told = true;
		}
	}
	return OK;
}
