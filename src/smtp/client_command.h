/* smtp/client_command.h: MAIL and RCPT as another server takes them, and what it can't take. Pure. */
#ifndef SMTP_CLIENT_COMMAND_H
#define SMTP_CLIENT_COMMAND_H

#include "base/buf.h"
#include "smtp/client_hello.h"
#include "store/queue.h"

/* What is said of a message. */
struct client_mail {
	str reverse_path; /* without brackets; empty: null */
	uint64_t size;    /* octets as they go out */
	enum queue_body body;
	bool smtputf8;
	str envid;       /* decoded; empty: none */
	char ret;        /* 'F', 'H', 0 */
	int8_t priority; /* 0: nothing is said */
	char by_mode;    /* 'R', 'N', 0: nothing is said */
	bool by_trace;
	int64_t by_s; /* seconds left, in 'N' below 0 too */
};

enum client_lack {
	LACKS_NOTHING,
	LACKS_SIZE,       /* the message is larger than it takes: RFC 1870 §6.1 */
	LACKS_8BITMIME,   /* RFC 6152 §3 */
	LACKS_BINARYMIME, /* RFC 3030 §3 */
	LACKS_SMTPUTF8,   /* RFC 6531 §3.4 */
	LACKS_DELIVERBY,  /* it must be returned in time, or was said to be: RFC 2852 §4.1.4.1 */
};

/* The first thing that keeps the message from being sent as it is. */
enum client_lack client_lacks(const struct smtp_hello *hello, const struct client_mail *mail);

/* "MAIL FROM:<...> ..." with CRLF; a parameter only where the server offered it. */
void client_mail_add(struct buf *out, const struct smtp_hello *hello, const struct client_mail *mail);

/* What a recipient's NOTIFY is for a server that may know nothing of BY: where a time was named, and is not
 * over, it tells of delays (RFC 2852 §4.1.4.2). */
uint8_t client_notify(const struct smtp_hello *hello, const struct client_mail *mail, uint8_t notify);

/* "RCPT TO:<...> ..." with CRLF. `orcpt` is decoded, "rfc822;ann@shop.example"; empty: none was given. */
void client_rcpt_add(struct buf *out, const struct smtp_hello *hello, str forward_path, uint8_t notify,
                     str orcpt);

/* As xtext (RFC 3461 §4): octets that no parameter may have as "+" and two digits. */
void client_xtext_add(struct buf *out, str octets);

#endif
