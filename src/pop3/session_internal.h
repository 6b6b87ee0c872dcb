/* pop3/session_internal.h: the session and the server as the commands see them. For pop3/ only. */
#ifndef POP3_SESSION_INTERNAL_H
#define POP3_SESSION_INTERNAL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "pop3/ahead.h"
#include "pop3/command.h"
#include "pop3/lock.h"
#include "pop3/opened.h"
#include "pop3/reply.h"
#include "pop3/server.h"
#include "pop3/view.h"
#include "session/sasl.h"

enum pop3_state {
	POP3_STATE_AUTHORIZATION,
	POP3_STATE_TRANSACTION, /* the maildrop is locked and seen */
};

struct pop3_session {
	struct session session; /* first */
	struct pop3_server *server;
	enum pop3_state state;
	uint32_t errors; /* lines that were no commands */
	struct sasl sasl;
	bool utf8; /* UTF8 was said (RFC 6856) */

	/* From the login on: */
	bool locked; /* the maildrop is ours to unlock */
	uint64_t account_id;
	struct identity *identity; /* who logged in last; its maildrop may have been locked */
	struct pop3_view view;
	uint32_t list_next;       /* number that LIST or UIDL goes on with */
	bool listing_uids;        /* it is UIDL */
	struct pop3_want last;    /* that was asked for */
	struct pop3_ahead *ahead; /* opened for what comes next; NULL: nothing yet */

	size_t user_len;
	char user[LIMIT_PATH + 1]; /* as it came; one that fills it is too long to be an address */
	bool user_given;
};

struct pop3_server {
	struct store *store;
	struct flight *flight;
	struct work *work;
	str hostname;
	str refusal;                      /* for connections over a limit */
	struct session_protocol over_tls; /* from the first octet: the same, of another name */
	struct auth *auth;
	struct maildrop_locks *locks;
	struct view_budget views;
	_Atomic uint32_t idle_s;
	struct arena arena;
};

extern const struct session_protocol pop3_protocol; /* pop3/session.c */
extern const struct sasl_protocol pop3_sasl;        /* pop3/login.c */

/* Says it; returns NEXT_COMMAND. */
enum next pop3_say(struct pop3_session *s, enum pop3_reply reply);
enum next pop3_say_with(struct pop3_session *s, enum pop3_reply reply, str detail);

/* May this connection send a password as it is: can nobody on its way read it? */
bool pop3_takes_passwords(const struct pop3_session *s);

/* --- commands: a file for those that belong together --- */
enum next pop3_cmd_auth(struct pop3_session *s, const struct pop3_command *c);
enum next pop3_cmd_user(struct pop3_session *s, const struct pop3_command *c);
enum next pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c);
enum next pop3_cmd_stat(struct pop3_session *s, const struct pop3_command *c);
enum next pop3_cmd_list(struct pop3_session *s, const struct pop3_command *c); /* and UIDL */
enum next pop3_cmd_retr(struct pop3_session *s, const struct pop3_command *c); /* and TOP */
enum next pop3_cmd_lang(struct pop3_session *s, const struct pop3_command *c);
enum next pop3_cmd_quit(struct pop3_session *s, const struct pop3_command *c);

/* Loads the view of the account that has just logged in, and says how that went (pop3/load.c). */
enum next pop3_load(struct pop3_session *s);

/* Gives back what the login took: view, messages opened ahead, lock. Before the reply to QUIT, since the
 * client may take its time to close; legal more than once. */
void pop3_leave(struct pop3_session *s);

#endif
