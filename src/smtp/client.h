/* smtp/client.h: one conversation with another server: connect, greeting, EHLO, TLS, login, then one message
 * after another. The sending side of SMTP, and of LMTP (RFC 2033).
 *
 * Whoever owns it (queue/) says where to and gives messages; here is the dialogue and what each recipient's
 * outcome was. Which host comes next, when to try again, and what the sender is told are the owner's.
 *
 *   smtp_client_open -> READY -> smtp_client_send -> DONE -> smtp_client_send -> ... -> smtp_client_quit ->
 * GONE
 *
 * Commands go out together where the server lets them (PIPELINING, RFC 2920), the content as one chunk where
 * it takes chunks (CHUNKING, RFC 3030) and as DATA otherwise. STARTTLS (RFC 3207), AUTH (RFC 4954), LIMITS
 * (RFC 9422), the time-outs of RFC 5321 §4.5.3.2: each bounds one answer as a whole, not the pause between
 * its octets, so that a server that dribbles holds nobody. A code counts by its first digit (RFC 5321
 * §4.2.1); one that makes no sense where it stands (3xx to MAIL, 2xx to DATA) and an answer to nothing end
 * the conversation, for from there on nobody knows what answers what.
 *
 * Of a message nobody is ever told more than was said: before the content's end is out nothing can have been
 * delivered; after it a missing answer means "perhaps" (`dotted`).
 * Loop thread.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "net/client.h"
#include "smtp/client_command.h"
#include "smtp/client_reply.h"
#include "store/route_entry.h"

struct smtp_client;

/* Why a conversation ended, or never began. */
enum client_end {
	CLIENT_END_NONE,
	CLIENT_END_QUIT,        /* we said so */
	CLIENT_END_UNREACHABLE, /* no connection */
	CLIENT_END_REFUSED,     /* the greeting, or EHLO and HELO, were answered by 4xx or 5xx: `reply` */
	CLIENT_END_TLS_LACKING, /* TLS is required and was not offered, or STARTTLS was refused: `reply` */
	CLIENT_END_TLS_FAILED,  /* the handshake failed: in the clear it may work */
	CLIENT_END_MISTRUSTED,  /* ROUTE_TLS_VERIFY, and the certificate is not to be trusted */
	CLIENT_END_LOGIN,       /* no mechanism in common, or the login was refused: then `reply` */
	CLIENT_END_BROKEN,      /* what it said is no SMTP */
	CLIENT_END_TIMEOUT,
	CLIENT_END_LOST, /* the connection ended; also a 421 (then `reply`) */
};

enum client_fate {
	CLIENT_FATE_NONE,  /* nothing came of it: the connection ended before it was asked or answered, or the
	                      server  took no more recipients in this transaction (452 4.5.3 [RFC 5321
	                      §4.5.3.1.10]; LIMITS  [RFC 9422]): it may go with another transaction at once.
	                      Nothing was delivered. */
	CLIENT_FATE_SENT,  /* 2xx after the content */
	CLIENT_FATE_LATER, /* 4xx to it, to MAIL, DATA or the content; or the connection ended after the final
	                      dot */
	CLIENT_FATE_NEVER, /* 5xx to it, to MAIL, DATA or the content */
	CLIENT_FATE_LACKS, /* the server can't take the message as it is: client_message.lack */
};

struct client_recipient {
	str forward_path; /* as RCPT takes it, without brackets */
	str orcpt;        /* decoded */
	uint8_t notify;
	/* answers */
	enum client_fate fate;
	uint16_t code; /* 0: nobody answered */
	struct smtp_status status;
	str reply;     /* "550 5.1.1 no such user": code and text, one line, lines joined by a space; in the
	                  message's     arena; or our own words where nobody answered */
	bool answered; /* `reply` is the server's */
};

struct client_message {
	struct client_mail mail; /* size is set by the caller; body as the content is */
	struct client_recipient *recipients;
	size_t count; /* 1..LIMIT_TRANSACTION_RECIPIENTS */
	int fd;       /* content: fd[offset .. offset + size), lines with CRLF; stays open until DONE */
	uint64_t offset, size;
	struct arena *arena; /* for the answers; the loop's until DONE */
	/* answers */
	enum client_lack lack;
	bool passed_dsn; /* the server offers DSN: telling of success is its duty now (RFC 3461 §5.2.2) */
	bool passed_by;  /* the server offers DELIVERBY: it watches the time now (RFC 2852 §4.1.4) */
	bool began;      /* the first command was written: an attempt */
	bool dotted;     /* the content's end went out: it may have been taken though nobody said so */
};

enum client_event {
	CLIENT_READY, /* first: whatever comes before a message is done */
	CLIENT_DONE,  /* the message that was given has its answers; the next may be given unless
	                 `smtp_client_is_ending` */
	CLIENT_GONE,  /* last: struct smtp_client is freed after the handler returns */
};

struct smtp_client_times { /* ms; RFC 5321 §4.5.3.2 in parentheses */
	int64_t connect;
	int64_t greeting; /* 5 min */
	int64_t mail;     /* 5 min */
	int64_t rcpt;     /* 5 min */
	int64_t data;     /* 2 min */
	int64_t block;    /* 3 min */
	int64_t end;      /* 10 min */
	int64_t quit;
	int64_t others; /* EHLO, STARTTLS, AUTH, RSET: 5 min */
};

/* Texts are borrowed for the conversation's life. */
struct smtp_client_options {
	struct net_client *net;
	struct loop *loop;
	struct net_target target;
	str hostname; /* ours, for EHLO */
	str host;     /* the server's name: for TLS */
	enum route_tls tls;
	bool tls_first; /* RFC 8314: port 465 */
	bool lmtp;
	str user, secret; /* user empty: no login */
	str token;        /* for XOAUTH2 and OAUTHBEARER in place of `secret`; empty: none */
	bool allow_plain; /* a password may go in the clear: loopback and unix sockets only */
	const struct smtp_client_times *times; /* NULL: RFC 5321's */
	void (*event)(void *user, struct smtp_client *client, enum client_event event);
	void *owner; /* `user` of event */
};

/* READY or GONE follows, never from within this call. ERR_NOSPACE, ERR_IO. */
err smtp_client_open(const struct smtp_client_options *options, struct smtp_client **out) MUST_USE;

/* After READY or DONE, and not when it is ending. Gives it a message, which stays the client's until DONE
 * (which comes before GONE, and never from within this call). With `hold` everything but the content's end
 * (the final dot, or with BDAT the content at all) is sent, until smtp_client_release: the owner has results
 * on the way to the disk. A message that comes to nothing is DONE without a release. */
void smtp_client_send(struct smtp_client *client, struct client_message *message, bool hold);
/* Legal at any time while a message is under way. */
void smtp_client_release(struct smtp_client *client);

/* Says QUIT as soon as nothing is under way, and waits a little for its answer. GONE follows, never from
 * within.
 */
void smtp_client_quit(struct smtp_client *client);
/* Ends at once; a message under way gets its answers. GONE follows, never from within. */
void smtp_client_abort(struct smtp_client *client);

/* It can take no further message: the other end said 421, is gone, or takes no more in one connection. GONE
 * follows without further ado. */
bool smtp_client_is_ending(const struct smtp_client *client);

/* What is known of it. */
const struct smtp_hello *smtp_client_hello(const struct smtp_client *client);
ip smtp_client_peer(const struct smtp_client *client);
/* "TLSv1.3" or empty. */
str smtp_client_tls(const struct smtp_client *client);
/* Why it is ending: at GONE, or earlier (CLIENT_END_NONE: it is not). `reply` is "554 go away", or empty;
 * `why` is a sentence for logs and notices in any case. Both live as long as the client. */
enum client_end smtp_client_end(const struct smtp_client *client, uint16_t *code, struct smtp_status *status,
                                str *reply, str *why);

#endif
