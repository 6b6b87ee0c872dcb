/* smtp/client_internal.h: the conversation as its files see it: client.c (the connection, its events and its
 * end), client_begin.c (greeting to TLS), client_login.c (AUTH), client_message.c (MAIL
 * to DATA), client_content.c (the rest of a message), client_answer.c (what becomes of recipients).
 *
 * One step at a time is waited for: what the next reply answers. `due` counts the replies that are owed for
 * what was written; one that nobody owes is never taken for an answer (RFC 2920 §3.1).
 */
#ifndef SMTP_CLIENT_INTERNAL_H
#define SMTP_CLIENT_INTERNAL_H

#include "auth/sasl_client.h"
#include "net/work.h"
#include "smtp/client.h"

/* What the next reply answers. */
enum client_step {
	STEP_CONNECT,
	STEP_HANDSHAKE,
	STEP_GREETING,
	STEP_EHLO, /* or LHLO */
	STEP_HELO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_PROOF, /* a worker computes; nothing is owed */
	STEP_IDLE,
	STEP_RSET,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_HELD, /* the content's end waits for smtp_client_release; nothing is owed */
	STEP_END,
	STEP_QUIT,
	STEP_OVER, /* the connection is being ended */
	STEP_COUNT
};

/* One message under way. */
struct client_transaction {
	struct client_message *message;
	size_t asked;    /* recipients that are asked for: the first ones */
	size_t at;       /* the one that the next reply to RCPT, or in LMTP to the content, is about */
	size_t accepted; /* by RCPT */
	bool pipelined, chunk, hold;
	bool refused; /* MAIL was; the other answers don't count */
	bool content; /* the content was written, perhaps not its end */
	bool nobodys; /* DATA was accepted though no recipient was: a dot alone went out */
	bool settled; /* all have their answers; DONE waits for the loop's next turn */
};

/* One login. */
struct client_login {
	struct sasl_client sasl;
	struct arena arena;
	struct smtp_client *client;
	struct job job;
	err worked;
};

struct smtp_client {
	struct smtp_client_options options;
	struct smtp_client_times times;
	struct conn *conn; /* NULL: closed */
	enum client_step step;
	size_t due;
	struct timer timer;
	struct client_reply_parser parser;
	struct smtp_hello hello;
	str tls; /* version */
	struct client_login *login;
	unsigned mechanisms; /* that were not refused yet */
	struct client_transaction tx;
	uint32_t messages;
	size_t domain_count;
	uint64_t domains[LIMIT_CLIENT_DOMAINS]; /* hashes */
	bool rset_due;                          /* a transaction was given up without content */
	bool last;                              /* no further message */
	bool opened, secured;
	struct post post;
	unsigned pending; /* posts and jobs that come back: it lives until then */
	/* the end */
	enum client_end end;
	uint16_t end_code;
	struct smtp_status end_status;
	size_t said_len;
	char said[LIMIT_QUEUE_REPLY];
	char why[LIMIT_CLIENT_WHY];
};

/* --- client.c --- */

/* Waits for what answers `step`, with its time-out. */
void client_await(struct smtp_client *c, enum client_step step);
void client_write(struct smtp_client *c, str octets);
/* A command with CRLF that one reply is owed for. */
void client_say(struct smtp_client *c, str line);
/* Notes why it ends; the first counts. `reply` may be NULL. */
void client_note_end(struct smtp_client *c, enum client_end end, const struct client_reply *reply,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Ends at once. */
void client_drop(struct smtp_client *c);
/* The server answered what makes no sense here. */
void client_broken(struct smtp_client *c, const struct client_reply *reply);
/* Says QUIT and ends without waiting for its answer: it was refused. */
void client_leave(struct smtp_client *c);
/* A message may come now: READY the first time. */
void client_be_ready(struct smtp_client *c);
/* Says DONE. */
void client_message_over(struct smtp_client *c);
/* Tells of DONE from the loop's next turn. */
void client_post(struct smtp_client *c);
/* A job is back: goes on, or to the end where the connection is gone. True: go on. */
bool client_is_back(struct smtp_client *c);

/* --- client_begin.c --- */
void client_hail(struct smtp_client *c); /* EHLO */
void client_take_greeting(struct smtp_client *c, const struct client_reply *reply);
void client_take_ehlo(struct smtp_client *c, const struct client_reply *reply);
void client_take_helo(struct smtp_client *c, const struct client_reply *reply);
void client_take_starttls(struct smtp_client *c, const struct client_reply *reply);
void client_start_tls(struct smtp_client *c);
void client_secured(struct smtp_client *c);

/* --- client_login.c --- */
void client_begin_login(struct smtp_client *c);
void client_take_auth(struct smtp_client *c, const struct client_reply *reply);
void client_forget_login(struct smtp_client *c);

/* --- client_message.c: MAIL to DATA --- */
void client_take_rset(struct smtp_client *c, const struct client_reply *reply);
void client_take_mail(struct smtp_client *c, const struct client_reply *reply);
void client_take_rcpt(struct smtp_client *c, const struct client_reply *reply);
void client_take_data(struct smtp_client *c, const struct client_reply *reply);

/* --- client_content.c: the content and what is said to it --- */
/* As one chunk, or by DATA? */
bool client_wants_chunk(const struct smtp_client *c, const struct client_message *m);
void client_write_chunk(struct smtp_client *c);
/* After 354: the content, and its end where it is not held. */
void client_write_data(struct smtp_client *c);
void client_write_end(struct smtp_client *c);
/* All that was written is out. */
void client_content_drained(struct smtp_client *c);
/* Before the content's end was sent. */
void client_take_held(struct smtp_client *c, const struct client_reply *reply);
void client_take_end(struct smtp_client *c, const struct client_reply *reply);

/* --- client_answer.c: what becomes of recipients --- */
struct client_recipient *client_recipient_at(const struct smtp_client *c, size_t i);
/* Taken by RCPT, and nothing was said of it since. */
bool client_is_accepted(const struct client_recipient *r);
enum client_fate client_fate_of(const struct client_reply *reply);
/* "550 5.1.1 no such user", in the message's arena. */
str client_keep_reply(const struct smtp_client *c, const struct client_reply *reply);
void client_settle(struct client_recipient *r, enum client_fate fate, const struct client_reply *reply,
                   str kept);
/* The same answer for all that the server took, or for `everybody` that was to be asked. */
void client_settle_all(struct smtp_client *c, enum client_fate fate, const struct client_reply *reply,
                       bool everybody);
/* Nobody answered. */
void client_settle_unanswered(struct client_recipient *r, enum client_fate fate, str words);
/* 421 where the content is answered. */
void client_content_shut(struct smtp_client *c, const struct client_reply *reply);
/* The connection is gone: those without an answer get ours. `damaged`: the content could not be read. */
void client_message_lost(struct smtp_client *c, bool damaged);
/* 3xx where nothing was asked to go on: ends the conversation. */
bool client_is_senseless(struct smtp_client *c, const struct client_reply *reply);

static inline unsigned client_class(const struct client_reply *reply) { return reply->code / 100u; }

#endif
