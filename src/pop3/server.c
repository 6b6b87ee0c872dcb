#include "pop3/server.h"

#include <stdlib.h>

#include "pop3/session_internal.h"

static err fill(struct pop3_server *server, const struct pop3_server_options *options)
{
	struct buf refusal;

	if (options->hostname.len > LIMIT_DOMAIN)
		return (err){ ERR_LIMIT, 0, "the hostname is too long" };
	TRY(maildrop_locks_new(&server->locks));
	TRY(arena_copy(&server->arena, options->hostname, &server->hostname));
	buf_init(&refusal, &server->arena, LIMIT_POP3_REPLY);
	pop3_reply_add(&refusal, POP3_REPLY_TOO_MANY_CONNECTIONS, server->hostname);
	buf_add(&refusal, CRLF);
	TRY(buf_err(&refusal));
	server->refusal = buf_str(&refusal);
	server->store = options->store;
	server->flight = options->flight;
	server->work = options->work;
	server->auth = options->auth;
	server->over_tls = pop3_protocol;
	server->over_tls.service.name = "pop3s";
	pop3_server_set_limits(server, &options->limits);
	return OK;
}

err pop3_server_new(const struct pop3_server_options *options, struct pop3_server **out)
{
	struct pop3_server *server = calloc(1, sizeof *server);
	err e;

	if (!server)
		return ERR_NO_MEMORY;
	arena_init(&server->arena, NULL, 16 * LIMIT_KB);
	e = fill(server, options);
	if (e.code != ERR_OK) {
		pop3_server_free(server);
		return e;
	}
	*out = server;
	return OK;
}

struct conn_service pop3_server_service(struct pop3_server *server, bool tls)
{
	struct conn_service service = session_service(tls ? &server->over_tls : &pop3_protocol, server);

	service.refusal = server->refusal;
	return service;
}

void pop3_server_set_limits(struct pop3_server *server, const struct limits *limits)
{
	atomic_store(&server->idle_s, limits->pop3_idle_s);
	atomic_store(&server->views.max_octets, limits->mailbox_views_octets);
}

void pop3_server_free(struct pop3_server *server)
{
	if (!server)
		return;
	maildrop_locks_free(server->locks);
	arena_reset(&server->arena);
	free(server);
}
