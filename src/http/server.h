/* http/server.h: HTTP/1.1 over a connection of net/: one request at a time, each answered once, later.
 *
 * A whole request (head and content, both bounded) becomes a struct http_exchange, which is handed to the
 * service and belongs to it until http_answer, whether or not the client is still there. While one is under
 * way nothing more is read from that client. After a refusal (4xx, 5xx of ours) the connection is closed,
 * since where the next request begins is not sure. Loop thread throughout, but for reading the request.
 *
 * RFC 9112. No transfer codings, no upgrade, no trailers.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/arena.h"
#include "http/head.h"
#include "net/conn.h"

struct http_exchange;

struct http_service {
	const char *name; /* in logs: "control" */
	/* May this peer speak at all? Asked once a connection; NULL: everybody. */
	bool (*admit)(const struct conn *conn, void *user);
	/* Takes the exchange over. */
	void (*handle)(struct http_exchange *exchange, void *user);
	void *user;
};

/* The service that a listener serves `service` with; `service` is borrowed for the listener's life. */
struct conn_service http_conn_service(const struct http_service *service);

/* --- the request; any thread --- */
str http_method(const struct http_exchange *exchange);
str http_path(const struct http_exchange *exchange); /* the target up to "?", undecoded */
str http_content(const struct http_exchange *exchange);
/* For what is made while it is answered; it ends with the exchange. */
struct arena *http_arena(struct http_exchange *exchange);

/* Answers with JSON and frees the exchange; on the loop of http_loop. `body` is copied. */
void http_answer(struct http_exchange *exchange, unsigned status, str body);

/* The same with octets of another `type` ("text/plain"). */
void http_answer_as(struct http_exchange *exchange, unsigned status, const char *type, str body);

/* The loop on which the exchange is to be answered. */
struct loop *http_loop(const struct http_exchange *exchange);

#endif
