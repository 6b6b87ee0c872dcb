/* smtp/session_internal.h: the session and the server as the commands see them. For smtp/ only. */
#ifndef SMTP_SESSION_INTERNAL_H
#define SMTP_SESSION_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/digest.h"
#include "session/sasl.h"
#include "session/session.h"
#include "smtp/local.h"
#include "smtp/reply.h"
#include "smtp/server.h"
#include "smtp/tx.h"

enum smtp_state {
	SMTP_STATE_NEW,     /* no EHLO or HELO yet */
	SMTP_STATE_READY,   /* no transaction */
	SMTP_STATE_MAIL,    /* reverse-path taken */
	SMTP_STATE_RCPT,    /* at least one forward-path taken */
	SMTP_STATE_DATA,    /* 354 said; input is content */
	SMTP_STATE_CHUNK,   /* input is a chunk of content (BDAT) */
	SMTP_STATE_CHUNKS,  /* between two chunks */
	SMTP_STATE_REFUSED, /* nothing but QUIT is heard */
};

struct smtp_session {
	struct session session; /* first */
	struct smtp_server *server;
	const struct smtp_role *role;
	struct smtp_local *local; /* NULL but in the local role */
	struct smtp_tx *tx;       /* NULL: none, or lent */
	enum smtp_state state;
	struct identity *identity; /* who logged in, or NULL */
	struct sasl sasl;
	bool trusted; /* its peer is of network.relay_from */
	bool heard;   /* its first line came */
	bool esmtp;
	uint32_t errors;       /* 5xx since the last message taken */
	uint32_t transactions; /* so far */
	/* The chunk under way. Where it was refused its octets are dropped, in whatever state it came. */
	struct {
		uint64_t left; /* octets still to come */
		uint32_t owed; /* LMTP: forward-paths taken before a chunk was refused; the last chunk has a
		                  reply for each of them */
		bool last, refused;
		enum smtp_reply refusal;
	} chunk;
	size_t hello_len;
	char hello[LIMIT_DOMAIN];
};

/* One role of a server: what its sessions are given. */
struct smtp_service {
	struct smtp_server *server;
	const struct smtp_role *role;
	struct session_protocol protocol;
};

struct smtp_server {
	struct store *store;
	struct work *work;
	struct auth *auth;
	struct flight *flight;
	struct digest srs_key;
	str hostname;
	str aside_dir; /* octets of quarantined messages */
	str refusal;   /* for connections over a limit */
	struct smtp_service services[SMTP_ROLES];
	struct smtp_locals locals;
	struct arena arena;
	pthread_mutex_t relay_lock; /* over relay_from */
	ip_network *relay_from;
	size_t relay_from_count;
	_Atomic uint64_t sequence; /* of message ids */
	_Atomic uint64_t message_size_octets;
	_Atomic uint32_t recipients, transactions, idle_s;
	/* Each loop's own: taken at its first message. */
	struct {
		bool taken;
		struct flight_slot *slot;
	} loops[LIMIT_LOOPS];
};

/* Is `peer` of network.relay_from? */
bool smtp_server_trusts(struct smtp_server *server, ip peer);

extern const struct session_protocol smtp_protocol; /* smtp/session.c; without what is a role's */

/* Says it and what happens next: a 221 or 421 closes, one 5xx too many closes with 421. */
enum next smtp_say(struct smtp_session *s, enum smtp_reply reply);
enum next smtp_say_with(struct smtp_session *s, enum smtp_reply reply, str detail);

/* The two halves of it, for LMTP's several replies that count as one. */
void smtp_write(struct smtp_session *s, enum smtp_reply reply, str detail);
enum next smtp_count(struct smtp_session *s, enum smtp_reply reply);

/* What is said to a client that has not introduced itself. */
enum smtp_reply smtp_hello_first(const struct smtp_session *s);

/* Says why parameters of MAIL or RCPT were not read. */
enum next smtp_say_parameters(struct smtp_session *s, err e);

/* Are the extensions of submission by people and programs elsewhere offered here: FUTURERELEASE (RFC 4865
 * §4.2), DELIVERBY, MT-PRIORITY? */
bool smtp_offers_timing(const struct smtp_session *s);

/* Why a forward-path is not taken. */
enum smtp_reply smtp_reply_of_route(enum route_answer answer);

/* Forgets the transaction, if any; the session is as after EHLO. */
void smtp_rollback(struct smtp_session *s);

static inline str smtp_hello(const struct smtp_session *s) { return (str){ s->hello, s->hello_len }; }

/* --- commands: one file each --- */
enum next smtp_cmd_ehlo(struct smtp_session *s, str argument);
enum next smtp_cmd_helo(struct smtp_session *s, str argument);
enum next smtp_cmd_mail(struct smtp_session *s, str argument);
enum next smtp_cmd_rcpt(struct smtp_session *s, str argument);
enum next smtp_cmd_data(struct smtp_session *s, str argument);
enum next smtp_cmd_bdat(struct smtp_session *s, str argument);
enum next smtp_cmd_starttls(struct smtp_session *s, str argument);
enum next smtp_cmd_auth(struct smtp_session *s, str argument);
extern const struct sasl_protocol smtp_sasl;
enum next smtp_secured(struct session *session); /* after its handshake */

/* --- a message, by DATA or BDAT (cmd_data.c) --- */

/* Before its first octet; `counted`: by BDAT. ERR_NOSPACE; the transaction is to be rolled back then. */
err smtp_message_begin(struct smtp_session *s, bool counted) MUST_USE;

/* Takes octets of it: NEXT_OCTETS, NEXT_WAIT, or after the final dot of DATA as smtp_message_end. */
enum next smtp_message_octets(struct smtp_session *s, str octets, size_t *used);

/* It is complete: the commit, or why not. */
enum next smtp_message_end(struct smtp_session *s);

/* The one place where a transaction that got as far as its message ends (finish.c). `e` is why, where a reply
 * wants to know. */
enum next smtp_message_finish(struct smtp_session *s, enum smtp_reply reply, err e);

/* --- submission (submission.c); each is content with a session of another role --- */

/* MAIL_OK, or why this client may not send yet. */
enum smtp_reply smtp_may_send(const struct smtp_session *s);

/* MAIL_OK, or why it may not with this reverse-path. */
enum smtp_reply smtp_check_reverse_path(struct smtp_session *s, const struct smtp_path *path);

/* Takes one recipient of this transaction out of the app's limit. False: it is used up for *wait_ms. */
bool smtp_limit_take(struct smtp_session *s, int64_t *wait_ms);

/* Gives back so many of what was taken, if it was: a recipient was refused, or the message not accepted. */
void smtp_limit_give_back(struct smtp_tx *tx, uint32_t recipients);

/* Before the first octet: the header will be completed and its From and Sender read. ERR_NOSPACE. */
err smtp_submission_begin(struct smtp_session *s) MUST_USE;

/* The message is there: ACCEPTED, or why From and Sender are not to be sent; *why says it in words. */
enum smtp_reply smtp_check_origin(struct smtp_session *s, err *why);

/* --- a chunk (cmd_bdat.c) --- */

/* Input while a chunk is under way. */
enum next smtp_chunk_octets(struct smtp_session *s, str octets, size_t *used);

/* All octets so far are taken: the chunk ends here or goes on. */
enum next smtp_chunk_taken(struct smtp_session *s);

#endif
