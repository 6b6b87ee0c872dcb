/* listeners.h: the sockets that the parent process binds and the server serves.
 *
 * They live as long as the parent: a server that dies and comes back finds its clients waiting in the
 * backlog. A service manager may hand in sockets of its own (LISTEN_FDS, sd_listen_fds(3)); each is taken for
 * the configured listener of the same address, and one that no listener is configured for is an error.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "admin/config.h"
#include "base/arena.h"

struct listener {
	enum config_protocol protocol;
	const struct config_listener *configured;
	int fd;
};

struct listeners {
	struct listener items[LIMIT_LISTENERS];
	size_t count;
	int control; /* data_dir/control.sock: who manages */
	int submit;  /* data_dir/run/submit.sock: every login of this machine, to hand in mail */
};

/* Binds everything `config` names, and the control and submit sockets; strings stay in `config`. What is made
 * below data_dir belongs to `owner` where we are root. On failure nothing is left open that matters: the
 * process ends. The error names the key and the address. */
err listeners_bind(struct arena *arena, const struct config *config, unsigned owner,
                   struct listeners *out) MUST_USE;

/* Appends {"smtp":["127.0.0.1:25"],…}: the ready line's `listen`. */
void listeners_add_json(struct buf *out, const struct listeners *listeners);

/* Takes the names of the control and submit sockets away, so that commands know that no server runs. */
void listeners_unlink(struct arena *arena, const struct config *config);

#endif
