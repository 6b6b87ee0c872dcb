/* smtp/parameters.h: the parameters of MAIL and RCPT, read strictly: what can't be obeyed must be refused
 * before the message is taken. Which of them a service offers is smtp/cmd_hello.c's to say and the commands'
 * to ask.
 *
 * SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), AUTH (RFC 4954 §5), RET, ENVID, NOTIFY,
 * ORCPT (RFC 3461 §4; RFC 6533 §3), HOLDFOR, HOLDUNTIL (RFC 4865), BY (RFC 2852), MT-PRIORITY (RFC 6710).
 * Pure.
 */
#ifndef SMTP_PARAMETERS_H
#define SMTP_PARAMETERS_H

#include "base/arena.h"
#include "base/scan.h"

struct smtp_mail_parameters {
	uint64_t size; /* 0: not said */
	bool has_size, has_body, has_auth;
	bool binary; /* BODY=BINARYMIME */
	bool smtputf8;
	char ret; /* 'F' full, 'H' headers, 0: not said */
	bool has_envid;
	str envid;     /* decoded: printable ASCII; empty: not said */
	bool has_hold; /* by one of: */
	int64_t hold_for_s, hold_until_ms;
	char by_mode; /* 'R', 'N', 0: not said */
	bool by_trace;
	int64_t by_s; /* > 0 with 'R' */
	bool has_priority;
	int8_t priority; /* -9..9 */
};

/* Reads what follows the reverse-path: *( SP esmtp-param ) to the end. Decoded texts live in `arena`.
 * ERR_SYNTAX not well-formed, twice, or a value that can't be   ERR_LIMIT too long   ERR_NOSPACE
 * ERR_MISSING a parameter that no service offers. *out is untouched then. */
err smtp_mail_parameters_parse(scan *s, struct arena *arena, struct smtp_mail_parameters *out) MUST_USE;

struct smtp_rcpt_parameters {
	bool has_notify, has_orcpt;
	uint8_t notify; /* QUEUE_NOTIFY_..., 0: not said */
	str orcpt; /* "rfc822;ann@shop.example", decoded: printable ASCII, with utf-8 also other UTF-8; empty:
	              not said */
	bool is_wide; /* was not sent as ASCII: needs SMTPUTF8 */
};

/* The same for RCPT. */
err smtp_rcpt_parameters_parse(scan *s, struct arena *arena, struct smtp_rcpt_parameters *out) MUST_USE;

#endif
