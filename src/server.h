/* server.h: the server process: everything that `postrider serve` does, put together.
 *
 * It is a child of the parent in supervisor.c, which gives it bound sockets, a configuration that was
 * checked, and two ties: the lifeline, whose end means that the parent is gone, and the channel, on which the
 * parent asks and the server reports.
 */
#ifndef SERVER_H
#define SERVER_H

#include "admin/certificates.h"
#include "admin/config.h"
#include "listeners.h"

/* What goes over the channel (SOCK_SEQPACKET), one octet each. */
enum server_word {
	SERVER_DRAIN = 'D',  /* parent: stop accepting, end what is under way, exit */
	SERVER_RELOAD = 'L', /* parent: a new configuration and its certificates (certificates_format), each
	                        in a descriptor that comes along, in this order */
	SERVER_READY = 'R',  /* server: mail is taken */
};

struct server_start {
	const struct config *config;
	const struct certificates *certificates;
	const struct listeners *listeners;
	str config_path; /* what sentences call the configuration */
	int lifeline;    /* read end of a pipe that the parent keeps open */
	int channel;
};

/* Runs until it is told to drain, or the parent is gone (then it exits on the spot). Returns the exit code.
 */
int server_run(const struct server_start *start);

#endif
