/* supervisor.h: the parent process of `postrider serve`.
 *
 * It binds and holds the sockets and the store's lock, starts the server, starts it again when it dies, hands
 * it a new configuration at SIGHUP and tells it to drain at SIGTERM. It parses nothing but the owner's
 * configuration, so it may stay root where the server must not.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "cli/command.h"

extern const struct command serve_command;

#endif
