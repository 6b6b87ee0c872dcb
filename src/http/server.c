#include "http/server.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"

#define JSON_TYPE "application/json"

enum http_state {
	HTTP_STATE_HEAD,    /* a request line and its fields are being waited for */
	HTTP_STATE_CONTENT, /* `exchange` is being filled */
	HTTP_STATE_ANSWER,  /* the service has `exchange` */
	HTTP_STATE_CLOSING,
};

struct http_connection {
	struct conn *conn;
	const struct http_service *service;
	struct http_exchange *exchange; /* in CONTENT ours, in ANSWER the service's */
	enum http_state state;
	bool last; /* close after the answer */
};

struct http_exchange {
	struct http_connection *connection; /* NULL: the client is gone */
	struct loop *loop;
	struct arena arena;
	struct http_head head;
	char *content;
	size_t content_len;
	bool head_only; /* a HEAD request's answer has no content */
};

str http_method(const struct http_exchange *exchange) { return exchange->head.method; }

str http_path(const struct http_exchange *exchange)
{
	return str_slice(exchange->head.target, 0, str_find_char(exchange->head.target, '?'));
}

str http_content(const struct http_exchange *exchange)
{
	return (str){ exchange->content, exchange->content_len };
}

struct arena *http_arena(struct http_exchange *exchange) { return &exchange->arena; }

struct loop *http_loop(const struct http_exchange *exchange) { return exchange->loop; }

static const char *reason(unsigned status)
{
	/* clang-format off */
	static const struct { unsigned status; const char *reason; } reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
	};
	/* clang-format on */
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Answer";
}

static void write_answer(struct http_connection *c, unsigned status, const char *type, str body,
                         bool head_only)
{
	char octets[256];
	struct buf head;

	buf_init_fixed(&head, octets, sizeof octets);
	buf_add_format(&head, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status,
	               reason(status), type, body.len);
	buf_add(&head, c->last ? STR("Connection: close\r\n\r\n") : CRLF);
	err e = conn_write(c->conn, buf_str(&head));
	if (e.code == ERR_OK && !head_only)
		e = conn_write(c->conn, body);
	if (e.code != ERR_OK) {
		c->state = HTTP_STATE_CLOSING;
		conn_abort(c->conn);
	}
}

static void close_connection(struct http_connection *c)
{
	if (c->state == HTTP_STATE_CLOSING)
		return;
	c->state = HTTP_STATE_CLOSING;
	conn_close(c->conn);
}

/* Says why a request can't be taken, and closes: where the next one would begin is not known. */
static void refuse(struct http_connection *c, unsigned status)
{
	char octets[128];
	struct buf body;

	buf_init_fixed(&body, octets, sizeof octets);
	buf_add_format(&body, "{\"error\":\"syntax\",\"what\":\"%s\"}\n", reason(status));
	c->last = true;
	write_answer(c, status, JSON_TYPE, buf_str(&body), false);
	close_connection(c);
}

static void exchange_free(struct http_exchange *x)
{
	arena_reset(&x->arena);
	free(x);
}

static struct http_exchange *exchange_new(struct http_connection *c, str head)
{
	struct http_exchange *x = calloc(1, sizeof *x);
	str copy = { 0 };

	if (!x)
		return NULL;
	arena_init(&x->arena, NULL, LIMIT_ADMIN_ARENA);
	x->connection = c;
	x->loop = conn_loop(c->conn);
	if (arena_copy(&x->arena, head, &copy).code != ERR_OK || http_head_parse(copy, &x->head) != 0 ||
	    !(x->content = arena_alloc(&x->arena, x->head.content_length + 1))) {
		exchange_free(x);
		return NULL;
	}
	x->head_only = str_eq(x->head.method, STR("HEAD"));
	return x;
}

static void hand_over(struct http_connection *c)
{
	c->state = HTTP_STATE_ANSWER;
	c->last = c->last || !c->exchange->head.keep_alive;
	conn_pause(c->conn);
	c->service->handle(c->exchange, c->service->user);
}

/* Returns octets consumed: a whole head or nothing. */
static size_t read_head(struct http_connection *c, str octets)
{
	struct http_head head;
	size_t end = 0;

	/* An empty line before the request line is passed over (RFC 9112 §2.2). */
	if (str_starts(octets, CRLF))
		return CRLF.len;
	end = http_head_end(octets);
	if (end > LIMIT_HTTP_HEAD || (end == 0 && octets.len > LIMIT_HTTP_HEAD)) {
		refuse(c, 431);
		return octets.len;
	}
	if (end == 0)
		return 0;
	unsigned refusal = http_head_parse(str_slice(octets, 0, end), &head);
	if (!refusal && !(c->exchange = exchange_new(c, str_slice(octets, 0, end))))
		refusal = 503;
	if (refusal) {
		refuse(c, refusal);
		return octets.len;
	}
	c->state = HTTP_STATE_CONTENT;
	if (head.expects_continue && head.content_length > 0 &&
	    conn_write(c->conn, STR("HTTP/1.1 100 Continue\r\n\r\n")).code != ERR_OK)
		close_connection(c);
	return end;
}

static size_t read_content(struct http_connection *c, str octets)
{
	struct http_exchange *x = c->exchange;
	size_t missing = x->head.content_length - x->content_len;
	size_t n = octets.len < missing ? octets.len : missing;

	if (n)
		memcpy(x->content + x->content_len, octets.ptr, n);
	x->content_len += n;
	if (x->content_len == x->head.content_length)
		hand_over(c);
	return n;
}

static size_t read_octets(struct http_connection *c, str octets)
{
	size_t used = 0;

	while (c->state == HTTP_STATE_HEAD || c->state == HTTP_STATE_CONTENT) {
		enum http_state before = c->state;
		str rest = str_from(octets, used);
		size_t n = before == HTTP_STATE_HEAD ? read_head(c, rest) : read_content(c, rest);
		used += n;
		if (n == 0 && c->state == before)
			break;
	}
	return c->state == HTTP_STATE_CLOSING ? octets.len : used;
}

static void closed(struct http_connection *c)
{
	if (c->exchange && c->state == HTTP_STATE_CONTENT)
		exchange_free(c->exchange);
	else if (c->exchange)
		c->exchange->connection = NULL;
	free(c);
}

static void *open_connection(struct conn *conn, const struct conn_service *served)
{
	const struct http_service *service = served->user;
	struct http_connection *c = NULL;

	if (!service->admit || service->admit(conn, service->user))
		c = calloc(1, sizeof *c);
	if (c) {
		c->conn = conn;
		c->service = service;
	}
	return c;
}

static size_t handle(void *session, enum conn_event event, str octets)
{
	struct http_connection *c = session;

	switch (event) {
	case CONN_OPENED:
		conn_set_timeout(c->conn, LIMIT_HTTP_IDLE_MS);
		return 0;
	case CONN_SECURED: /* HTTP has no STARTTLS */
		return 0;
	case CONN_OCTETS:
		return read_octets(c, octets);
	case CONN_DRAINED:
		return 0;
	case CONN_TIMED_OUT:
		if (c->state == HTTP_STATE_ANSWER)
			conn_set_timeout(c->conn, LIMIT_HTTP_IDLE_MS);
		else
			close_connection(c);
		return 0;
	case CONN_SHUTDOWN:
		c->last = true;
		if (c->state != HTTP_STATE_ANSWER)
			close_connection(c);
		return 0;
	case CONN_CLOSED:
		closed(c);
		return 0;
	}
	return 0;
}

struct conn_service http_conn_service(const struct http_service *service)
{
	return (struct conn_service){
		.name = service->name,
		.open = open_connection,
		.handle = handle,
		.user = (void *)(uintptr_t)service,
		.refusal = STR(
			"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
	};
}

void http_answer(struct http_exchange *exchange, unsigned status, str body)
{
	http_answer_as(exchange, status, JSON_TYPE, body);
}

void http_answer_as(struct http_exchange *exchange, unsigned status, const char *type, str body)
{
	struct http_connection *c = exchange->connection;

	if (c && c->state == HTTP_STATE_ANSWER) {
		c->exchange = NULL;
		write_answer(c, status, type, body, exchange->head_only);
		if (c->last)
			close_connection(c);
		if (c->state == HTTP_STATE_ANSWER) {
			c->state = HTTP_STATE_HEAD;
			conn_set_timeout(c->conn, LIMIT_HTTP_IDLE_MS);
			conn_resume(c->conn);
		}
	} else if (c) {
		c->exchange = NULL;
	}
	exchange_free(exchange);
}
