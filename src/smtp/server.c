#include "smtp/server.h"

#include <stdlib.h>

#include "auth/key.h"
#include "base/file.h"
#include "base/random.h"
#include "smtp/session_internal.h"

/* Octets of quarantined messages; made at start, so that keeping one needs no directory. */
static err make_aside_dir(struct smtp_server *server, str data_dir)
{
	struct buf path;

	buf_init(&path, &server->arena, LIMIT_PATH_NAME / 2);
	buf_add(&path, data_dir);
	buf_add(&path, STR("/quarantined"));
	TRY(buf_err(&path));
	server->aside_dir = buf_str(&path);
	return directory_make(&server->arena, server->aside_dir, 0700);
}

static err fill(struct smtp_server *server, const struct smtp_server_options *options)
{
	struct buf refusal;

	if (options->hostname.len > LIMIT_DOMAIN)
		return (err){ ERR_LIMIT, 0, "the hostname is too long" };
	TRY(arena_copy(&server->arena, options->hostname, &server->hostname));
	TRY(make_aside_dir(server, options->data_dir));
	TRY(key_load(&server->arena, options->data_dir, KEY_SRS, &server->srs_key));
	buf_init(&refusal, &server->arena, LIMIT_SMTP_REPLY);
	smtp_reply_add(&refusal, SMTP_REPLY_TOO_MANY_CONNECTIONS, server->hostname);
	buf_add(&refusal, CRLF);
	TRY(buf_err(&refusal));
	server->refusal = buf_str(&refusal);
	server->store = options->store;
	server->work = options->work;
	server->auth = options->auth;
	server->flight = options->flight;
	for (size_t i = 0; i < SMTP_ROLES; i++) {
		struct smtp_service *service = &server->services[i];

		*service = (struct smtp_service){ server, &smtp_roles[i], smtp_protocol };
		service->protocol.service.name = smtp_roles[i].service;
		service->protocol.line_max = smtp_roles[i].line_max;
	}
	smtp_locals_init(&server->locals);
	atomic_init(&server->sequence, random_u64());
	smtp_server_set_limits(server, &options->limits);
	return OK;
}

err smtp_server_new(const struct smtp_server_options *options, struct smtp_server **out)
{
	struct smtp_server *server = calloc(1, sizeof *server);
	err e;

	if (!server)
		return ERR_NO_MEMORY;
	arena_init(&server->arena, NULL, 64 * LIMIT_KB);
	pthread_mutex_init(&server->relay_lock, NULL);
	e = fill(server, options);
	if (e.code != ERR_OK) {
		smtp_server_free(server);
		return e;
	}
	*out = server;
	return OK;
}

struct conn_service smtp_server_service(struct smtp_server *server, enum smtp_role_name role)
{
	struct smtp_service *shared = &server->services[role];
	struct conn_service service = session_service(&shared->protocol, shared);

	service.refusal = server->refusal;
	return service;
}

err smtp_server_allow(struct smtp_server *server, const struct local_allowances *allowed)
{
	return smtp_locals_allow(&server->locals, allowed);
}

void smtp_server_set_limits(struct smtp_server *server, const struct limits *limits)
{
	atomic_store(&server->message_size_octets, limits->message_size_octets);
	atomic_store(&server->recipients, limits->recipients);
	atomic_store(&server->transactions, limits->transactions);
	atomic_store(&server->idle_s, limits->smtp_idle_s);
}

err smtp_server_set_relay_from(struct smtp_server *server, const ip_network *networks, size_t count)
{
	ip_network *copy = count > 0 ? malloc(count * sizeof *copy) : NULL, *former;

	if (count > 0 && !copy)
		return ERR_NO_MEMORY;
	if (count > 0)
		memcpy(copy, networks, count * sizeof *copy);
	pthread_mutex_lock(&server->relay_lock);
	former = server->relay_from;
	server->relay_from = copy;
	server->relay_from_count = count;
	pthread_mutex_unlock(&server->relay_lock);
	free(former);
	return OK;
}

bool smtp_server_trusts(struct smtp_server *server, ip peer)
{
	bool trusted = false;

	pthread_mutex_lock(&server->relay_lock);
	for (size_t i = 0; i < server->relay_from_count && !trusted; i++)
		trusted = ip_in(peer, server->relay_from[i]);
	pthread_mutex_unlock(&server->relay_lock);
	return trusted;
}

void smtp_server_free(struct smtp_server *server)
{
	if (!server)
		return;
	pthread_mutex_destroy(&server->relay_lock);
	free(server->relay_from);
	smtp_locals_fini(&server->locals);
	arena_reset(&server->arena);
	free(server);
}
