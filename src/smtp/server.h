/* smtp/server.h: the receiving side of SMTP, submission and LMTP: what all its sessions share.
 *
 * A session greets, takes EHLO or HELO, MAIL, RCPT and DATA, and hands one commit to the store for each
 * message: 250 after DATA means that it is durable. Mail is taken for the domains of the store's directory
 * and, of whoever may relay, for any other. In what the services differ stands in smtp/role.h.
 *
 * RFC 5321, RFC 2033; PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), CHUNKING and BINARYMIME
 * (RFC 3030), SMTPUTF8 (RFC 6531), ENHANCEDSTATUSCODES (RFC 2034), STARTTLS (RFC 3207), AUTH (RFC 4954), DSN
 * (RFC 3461, RFC 6533), FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852), MT-PRIORITY (RFC 6710), LIMITS (RFC
 * 9422). Every reply stands in smtp/replies.def and in doc/replies.md.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/conn.h"
#include "smtp/role.h"

struct auth;
struct flight;
struct local_allowances;
struct smtp_server;
struct store;

struct smtp_server_options {
	struct store *store;
	struct work *work;
	struct auth *auth;     /* whose logins submission takes */
	struct flight *flight; /* NULL: no slots are set and nothing is quarantined (tests) */
	str hostname; /* of the greeting, the Received field, and our name in Authentication-Results */
	str data_dir; /* quarantined/ is below it, and auth.key */
	struct limits limits;
};

/* `options` and its strings are copied; what its pointers name must outlive the server. ERR_NOSPACE;
 * ERR_LIMIT: hostname is longer than LIMIT_DOMAIN. */
err smtp_server_new(const struct smtp_server_options *options, struct smtp_server **out) MUST_USE;

/* What acceptor_add serves a listener of that role with. Lives as long as the server. */
struct conn_service smtp_server_service(struct smtp_server *server, enum smtp_role_name role);

/* Any thread. What logins of this machine may send as, besides their own address; copied, for sessions that
 * begin from now on. ERR_NOSPACE: the former stays. */
err smtp_server_allow(struct smtp_server *server, const struct local_allowances *allowed) MUST_USE;

/* Any thread. New limits hold for transactions begun from now on. */
void smtp_server_set_limits(struct smtp_server *server, const struct limits *limits);

/* Any thread. From here on peers of these networks may send to anybody without logging in; copied.
 * ERR_NOSPACE: the former ones stay. */
err smtp_server_set_relay_from(struct smtp_server *server, const ip_network *networks, size_t count) MUST_USE;

/* After the last session is gone. NULL is legal. */
void smtp_server_free(struct smtp_server *server);

#endif
