/* bench/load_client.h: one sending connection, as a real MTA's looks from the other side: EHLO, then for
 * each message MAIL, RCPT and DATA in one segment (RFC 2920), the message after 354, the next one after
 * the final reply; after some messages QUIT and a new connection.
 *
 * A refusal is counted under its first code and the connection rests 20 ms before its next message; a lost
 * connection is tried again after 50 ms. No number is ever sent twice, so a number seen twice is the
 * server's.
 */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include "load.h"

/* `number` makes the client's own reverse-path. Starts connecting at the first load_client_wake. */
struct load_client *load_client_new(struct load *load, unsigned number);

/* Sends message `seq`; the client is one that load->idle gave. */
void load_client_send(struct load_client *client, uint64_t seq, int64_t due_ns);

/* Unlinks the next client that can send; NULL if none. */
struct load_client *load_client_take_idle(struct load *load);

/* What epoll said about it. */
void load_client_event(struct load_client *client, uint32_t events);

/* When it wants to be woken without an event (INT64_MAX: never), and the waking. */
int64_t load_client_wake_ns(const struct load_client *client);
void load_client_wake(struct load_client *client);

/* Nothing more to send: QUIT if idle or when it comes to it; `now` cuts it off. */
void load_client_finish(struct load_client *client, bool now);

#endif
