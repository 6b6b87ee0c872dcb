/* smtp/client_reply.h: what a server answers: replies out of octets, however they are cut. Pure.
 *
 *   250-first line CRLF   250-... CRLF   250 last line CRLF          (RFC 5321 §4.2)
 *
 * Real servers end lines with LF alone, leave the text out, put any octet into it, change the code between
 * the lines of one reply (the last one counts), and say more than anybody wants to keep: of all that a reply
 * is made. What can't be one ends the conversation: a line without three digits in front, a line or a reply
 * that does not end. Of the text LIMIT_REPLY_TEXT octets are kept, lines with LF between; what is no
 * printable character is a '?', so that it can stand in logs and notices.
 */
#ifndef SMTP_CLIENT_REPLY_H
#define SMTP_CLIENT_REPLY_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

/* X.Y.Z of RFC 3463; all zero: none was said, or one that contradicts the code. */
struct smtp_status {
	uint8_t class;
	uint16_t subject, detail;
};

struct client_reply {
	uint16_t code; /* 200..599 */
	struct smtp_status status;
	str text; /* of all lines, without codes; valid until the next push */
	size_t lines;
};

/* Fields are private to client_reply.c. */
struct client_reply_parser {
	size_t line_len, total; /* octets of the line and of the reply so far */
	size_t lines;
	uint16_t code;
	char head[4]; /* the first octets of the line */
	bool last, after_cr;
	struct smtp_status status;
	size_t text_len;
	char text[LIMIT_REPLY_TEXT];
};

void client_reply_init(struct client_reply_parser *p);

/* Takes from the front of *in up to the end of one reply. True: *out is one, *in what is behind it. False:
 * all was taken, more is needed. ERR_SYNTAX what came is no reply   ERR_LIMIT over LIMIT_REPLY octets; the
 * parser is used up then. */
err client_reply_take(struct client_reply_parser *p, str *in, struct client_reply *out, bool *found) MUST_USE;

/* The enhanced status that a reply's text begins with (RFC 2034 §4), all zero where there is none. */
struct smtp_status smtp_status_parse(str text);

#endif
