/* bench/load.h: one run of the load generator: what is to be sent, when the next message is due, and what
 * came of it. The main loop and the plan are in smtp_load.c; one connection's dialogue is in
 * load_client.c. One thread.
 *
 * Closed loop: every connection sends its next message as soon as it has the reply to the last.
 * Open loop (rate > 0): message N is due at start + N/rate whether or not the server keeps up, and its
 * `total` time counts from then, so that a server which stalls cannot make the load wait for it and
 * hide the stall.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/ssl.h>

#include "histogram.h"
#include "message.h"
#include "tool.h"

enum {
	LOAD_CODES = 600, /* reply codes are 200..599 (RFC 5321 §4.2) */
	LOAD_SECONDS_MAX = 24 * 3600,
	LOAD_AUTH_MAX = 512,
};

struct load_client;

struct load {
	/* the plan */
	struct tool_address server;
	struct message_spec spec;
	struct message_pool *pool;
	uint64_t count; /* messages in all; UINT64_MAX: until end_ns */
	uint64_t first_seq;
	int64_t start_ns, end_ns; /* end_ns is INT64_MAX where only the count ends it */
	double rate;              /* messages a second; 0: closed loop */
	unsigned per_connection;  /* messages before a client says QUIT and comes again */
	SSL_CTX *tls;             /* from the first octet (RFC 8314 §3.3); NULL: in clear */
	const char *login;        /* every client's, and its reverse-path; NULL: as strangers */
	char auth[LOAD_AUTH_MAX]; /* the AUTH command of that login */
	int64_t patience_ns;      /* no reply at all for so long ends the run */

	/* the state */
	int epoll_fd;
	uint64_t next;         /* messages handed out so far */
	unsigned open_clients; /* clients that have not finished */
	int waiting;           /* of them, those with a time to be woken at */
	int64_t last_reply_ns;
	struct load_client *idle; /* ready for a message, linked */

	/* what came of it */
	FILE *times; /* or NULL: one line an acknowledged number, with CLOCK_MONOTONIC's ns of the reply */
	FILE *acks;  /* one line an acknowledged number; "?N": sent whole, answer unknown */
	uint64_t sent, acknowledged, octets, unknown, errors, connections;
	uint64_t refused[LOAD_CODES];
	struct histogram reply; /* final dot written to final reply read */
	struct histogram total; /* due time to final reply read */
	uint32_t *per_second,
		*worst_us; /* acknowledged in each second of the run, and the slowest total in it */
};

/* Gives out the next message where one is due at `now_ns`: its number and when it was due. */
bool load_take(struct load *load, int64_t now_ns, uint64_t *seq, int64_t *due_ns);

/* No message will ever be due again. */
bool load_is_over(const struct load *load, int64_t now_ns);

#endif
