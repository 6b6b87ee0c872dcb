/* smtp/toy_talk.h: both ends of a conversation, for tests of smtp/client.h: ours, which notes what it is
 * told, and another server's, which plays a script. Not part of the server.
 *
 * The other end is a thread that plays a script, one line after another:
 *   S text    says the line       s text    says it without a line end, "\r" and "\n" as escapes
 *   C text    hears that line     ?         hears any line
 *   D         hears the content with its dots doubled, and the final dot
 *   B         hears the content as it is
 *   T         begins TLS          G         says garbage where TLS is due
 *   X         closes              W         says nothing any more, until the other end closes
 *   E         says octets without end
 *   L         hears the content of a BIG message p         pauses for 0.1 s
 *   H         says nothing any more, and still hears
 *   Z         pauses for 1 s and reads nothing   d         says a reply's octets slowly, without end
 *   M         takes a login by SCRAM up to the 235   m         up to a challenge that takes a worker long
 * After the last line it waits for the other end to close. */
#ifndef SMTP_TOY_TALK_H
#define SMTP_TOY_TALK_H

#include <pthread.h>
#include <semaphore.h>

#include "net/toy_tls.h"
#include "smtp/client.h"

#define CONTENT "Subject: books\r\n\r\n.a dot\r\n..two\r\nlast\r\n"
#define CONTENT_WIRE "Subject: books\r\n\r\n..a dot\r\n...two\r\nlast\r\n.\r\n"

enum { RECIPIENTS_MAX = LIMIT_TRANSACTION_RECIPIENTS, BIG_SIZE = 16 * 1000 * 1000 };

/* What a conversation is about. */
enum {
	LMTP = 1,
	HOLD = 1 << 1,
	SHORT_TIMES = 1 << 2,
	TLS_FIRST = 1 << 3,
	NO_LINE_END = 1 << 4, /* content without its last CRLF */
	EIGHT_BIT = 1 << 5,
	BINARY = 1 << 6,
	DAMAGED = 1 << 7, /* the file is shorter than the message */
	MAY = 1 << 8,     /* ROUTE_TLS_... else NONE */
	REQUIRE = 1 << 9,
	VERIFY = 1 << 10,
	LOGIN = 1 << 11,
	TOKEN = 1 << 12,
	IN_CLEAR = 1 << 13, /* a password may go in the clear */
	NEVER_RELEASE = 1 << 14,
	ABORT = 1 << 15,   /* as soon as a message was given */
	LATE = 1 << 16,    /* released after a while */
	STAY = 1 << 17,    /* says QUIT never */
	LIMITED = 1 << 18, /* not all recipients are asked for */
	WHOLE = 1 << 19,   /* it matters what comes in one piece */
	BIG = 1 << 20,     /* BIG_SIZE octets of content */
	UNIX = 1 << 21,
};

/* The other end. */
struct peer {
	int listening, fd;
	uint16_t port;
	char path[64]; /* of a unix socket; else empty */
	const char *script;
	size_t stop_after; /* lines of the script; then it closes */
	bool split;        /* every octet alone */
	const struct tls_certificate *certificate;
	struct toy_tls *tls;
	char wrong[256];
	pthread_t thread;
};

/* Our end. */
struct ours {
	struct post post;
	struct smtp_client_options options;
	struct smtp_client *client;
	unsigned flags;
	int fd;
	size_t messages, recipients; /* to be sent, and of each */
	size_t given;
	struct client_message message;
	struct client_recipient to[RECIPIENTS_MAX];
	struct arena arena;
	/* what was seen */
	char fates[2 * RECIPIENTS_MAX]; /* one letter a recipient, '/' behind each message */
	size_t fates_len;
	char reply[256]; /* of the last recipient with one */
	bool ready, began, dotted, sending, wrong;
	enum client_end end;
	uint16_t code;
	char said[600], why[256];
	char unheard[256]; /* by the other end: what the script expected */
	enum client_lack lack;
	err begun;
	struct timer timer;
	sem_t done;
};

struct row {
	const char *name;
	unsigned flags;
	size_t messages, recipients;
	const char *script;
	const char *fates;
	enum client_end end;
	const char *reply; /* of the last recipient with one; NULL: not looked at */
};

/* Pieces of scripts. */
#define HELLO "S 220 hi\nC EHLO me.example\n"
#define PLAIN HELLO "S 250 mx\n"
#define PIPE HELLO "S 250-mx\nS 250 PIPELINING\n"
#define CHUNK HELLO "S 250-mx\nS 250-PIPELINING\nS 250 CHUNKING\n"
#define MAIL "C MAIL FROM:<me@here.example>\n"
#define ANN "C RCPT TO:<ann@shop.example>\n"
#define BOB "C RCPT TO:<bob@shop.example>\n"
#define CY "C RCPT TO:<cy@other.example>\n"
#define OK250 "S 250 ok\n"
#define QUIT "C QUIT\nS 221 bye\n"
#define BDAT "C BDAT 39 LAST\nB\n"
#define HELLO_TLS "S 220 hi\nC EHLO me.example\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nT\n"

/* The other end: listens, and plays its script; waits for its end. */
void peer_start(struct peer *p);
void peer_end(struct peer *p);

/* Plays a row; the script ends, and the connection, after `stop_after` lines; `split`: each octet of the
 * other end comes alone. What no conversation may show is asserted. */
struct ours talk(const struct row *row, size_t stop_after, bool split);
/* The same to its end: is it what the row expects? Says so where not. */
bool talk_goes(const struct row *row, bool split);

/* Before the first and after the last. */
void talk_set_up(void);
void talk_tear_down(void);

#endif
