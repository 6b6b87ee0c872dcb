/* smtp/client_hello.h: what a server says that it can: the reply to EHLO or LHLO. Pure. */
#ifndef SMTP_CLIENT_HELLO_H
#define SMTP_CLIENT_HELLO_H

#include "base/str.h"

enum hello_extension {
	HELLO_PIPELINING = 1,          /* RFC 2920 */
	HELLO_SIZE = 1 << 1,           /* RFC 1870 */
	HELLO_8BITMIME = 1 << 2,       /* RFC 6152 */
	HELLO_CHUNKING = 1 << 3,       /* RFC 3030 */
	HELLO_BINARYMIME = 1 << 4,     /* RFC 3030 */
	HELLO_SMTPUTF8 = 1 << 5,       /* RFC 6531 */
	HELLO_DSN = 1 << 6,            /* RFC 3461 */
	HELLO_STARTTLS = 1 << 7,       /* RFC 3207 */
	HELLO_STATUS_CODES = 1 << 8,   /* RFC 2034 */
	HELLO_DELIVERBY = 1 << 9,      /* RFC 2852 */
	HELLO_PRIORITY = 1 << 10,      /* RFC 6710 */
	HELLO_FUTURERELEASE = 1 << 11, /* RFC 4865 */
	HELLO_REQUIRETLS = 1 << 12,    /* RFC 8689 */
};

enum hello_mechanism {
	HELLO_AUTH_PLAIN = 1,
	HELLO_AUTH_LOGIN = 1 << 1,
	HELLO_AUTH_CRAM_MD5 = 1 << 2,
	HELLO_AUTH_SCRAM_SHA_256 = 1 << 3,
	HELLO_AUTH_XOAUTH2 = 1 << 4,
	HELLO_AUTH_OAUTHBEARER = 1 << 5,
};

struct smtp_hello {
	unsigned extensions;                          /* HELLO_... */
	unsigned mechanisms;                          /* HELLO_AUTH_... */
	uint64_t size;                                /* octets of a message; 0: not said, or no limit */
	uint32_t mail_max, rcpt_max, rcpt_domain_max; /* RFC 9422 (LIMITS); 0: not said */
	uint32_t by_min_s;                            /* the least that DELIVERBY takes; 0: not said */
};

/* `text` is the reply's, lines with LF between; the first line is a name and a greeting. What is not known is
 * passed over. */
void smtp_hello_parse(str text, struct smtp_hello *out);

#endif
