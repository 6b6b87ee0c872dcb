/* session/sasl.h: logging in, for any line protocol: AUTH with its challenges, and names with passwords as
 * POP3's USER and PASS or IMAP's LOGIN have them.
 *
 * A protocol embeds struct sasl in its session, fills in its first three fields when the session opens, hands
 * over the text after AUTH (sasl_begin), and from then on each line while sasl_is_open. It says a challenge
 * in its own form and hears the end once. The exchange itself is allocated only while it lasts. Events
 * auth.succeeded and auth.failed are logged here.
 *
 * Loop thread. RFC 4422, RFC 4954 (SMTP), RFC 5034 (POP3).
 */
#ifndef SESSION_SASL_H
#define SESSION_SASL_H

#include "auth/auth.h"
#include "auth/identity.h"
#include "session/session.h"

enum sasl_end {                   /* what SMTP says (RFC 4954 §4 and §6) */
	        SASL_END_GRANTED, /* 235 2.7.0: `identity` is the protocol's from here on */
	        SASL_END_REFUSED, /* 535 5.7.8: `failures` counts it */
	        SASL_END_LATER, /* 454 4.7.0: not checked; a client must not ask its user for another password
	                         */
	        SASL_END_CANCELLED,    /* 501 5.7.0: "*" */
	        SASL_END_NOT_BASE64,   /* 501 5.5.2 */
	        SASL_END_MALFORMED,    /* 501 5.5.2: no message of the mechanism */
	        SASL_END_TOO_LONG,     /* 500 5.5.6: over LIMIT_SASL_LINE */
	        SASL_END_NO_MECHANISM, /* 504 5.5.4: unknown, or -PLUS without TLS */
	        SASL_END_NEEDS_TLS,    /* 538 5.7.11: no password may be sent over this connection */
};

struct sasl_protocol {
	/* Says the challenge, which may be empty: "334 " base64 CRLF, "+ " base64 CRLF. */
	void (*challenge)(struct session *s, str base64);
	/* Replies. `identity` is NULL but for SASL_END_GRANTED; identity_free is the protocol's. */
	enum next (*ended)(struct session *s, enum sasl_end end, struct identity *identity);
};

struct sasl_exchange;

struct sasl {
	const struct sasl_protocol *protocol;
	struct auth *auth;
	const char *service;            /* in events: "submission", "pop3" */
	uint32_t failures;              /* logins refused on this connection */
	struct sasl_exchange *exchange; /* private to sasl.c; NULL: none is under way */
};

/* May a password be sent over this connection? Without, neither AUTH nor USER is to be offered. */
bool sasl_takes_passwords(const struct session *s, const struct sasl *sasl);

/* Appends what is offered on this connection, each with a space before it: " PLAIN LOGIN". Nothing where no
 * password may be sent. */
void sasl_add_mechanisms(const struct session *s, const struct sasl *sasl, struct buf *out);

/* AUTH: `arguments` is "mechanism [SP initial-response]". */
enum next sasl_begin(struct session *s, struct sasl *sasl, str arguments);

static inline bool sasl_is_open(const struct sasl *sasl) { return sasl->exchange != NULL; }

/* While it is open: what session_protocol's `line` and `line_too_long` hear. */
enum next sasl_line(struct session *s, struct sasl *sasl, str line);
enum next sasl_line_too_long(struct session *s, struct sasl *sasl);

/* A name and a password; `ended` hears of it, as SASL_END_GRANTED, _REFUSED, _LATER or _NEEDS_TLS. `command`
 * is what the event calls it: "USER". */
enum next sasl_password(struct session *s, struct sasl *sasl, const char *command, str name, str password);

/* The session is closed. */
void sasl_closed(struct session *s, struct sasl *sasl);

#endif
