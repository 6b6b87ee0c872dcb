/* pop3/server.h: POP3: what all its sessions share.
 *
 * A session logs in with USER and PASS, has the account's INBOX for itself until it ends, as it was at the
 * login, and deletes with QUIT what DELE marked: +OK means that it is gone from the disk. A connection that
 * is lost or times out deletes nothing (RFC 1939 §6). Passwords are taken where nobody can read them on
 * their way: over TLS, and from loopback, if the owner says so.
 *
 * RFC 1939 without APOP; CAPA and response codes: RFC 2449, RFC 3206; STLS: RFC 2595; AUTH:
 * RFC 5034; UTF8 and LANG: RFC 6856, RFC
 * 6858.
 * Every reply stands in pop3/replies.def and in doc/pop3-replies.md.
 */
#ifndef POP3_SERVER_H
#define POP3_SERVER_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/conn.h"

struct auth;
struct pop3_server;
struct store;

struct pop3_server_options {
	struct store *store;
	struct work *work;
	struct flight *flight; /* base/flight.h */
	str hostname;          /* of the greeting */
	struct auth *auth;
	struct limits limits;
};

/* `options` and its strings are copied; what its pointers name must outlive the server. ERR_NOSPACE;
 * ERR_LIMIT: hostname is longer than LIMIT_DOMAIN. */
err pop3_server_new(const struct pop3_server_options *options, struct pop3_server **out) MUST_USE;

/* What acceptor_add serves POP3 with, for a listener with TLS from the first octet where `tls`: that is
 * "pop3s" in events. Lives as long as the server. */
struct conn_service pop3_server_service(struct pop3_server *server, bool tls);

/* Any thread. The time-out holds for sessions begun from now on, the rest at once. */
void pop3_server_set_limits(struct pop3_server *server, const struct limits *limits);

/* After the last session is gone and the store answered its last commit. NULL is legal. */
void pop3_server_free(struct pop3_server *server);

#endif
