/* smtp/role.h: the services that speak SMTP, and in what they differ. One table; nothing else asks which port
 * a client came to.
 *
 *   smtp          mail from other servers (RFC 5321): for our own domains, from anybody; what aliases of
 * these send on submission    mail from people and programs of ours (RFC 6409): who logged in sends under own
 * addresses submissions   the same under TLS from the first octet (RFC 8314) local         mail from programs
 * of this machine, by data_dir/run/submit.sock: as who they are (smtp/local.h) lmtp          mail from
 * another server of ours (RFC 2033): one reply a recipient
 */
#ifndef SMTP_ROLE_H
#define SMTP_ROLE_H

#include <stdbool.h>
#include <stddef.h>

enum smtp_role_name {
	SMTP_ROLE_MX,
	SMTP_ROLE_SUBMISSION,
	SMTP_ROLE_SUBMISSIONS,
	SMTP_ROLE_LOCAL,
	SMTP_ROLE_LMTP,
	SMTP_ROLES
};

struct smtp_role {
	const char *service; /* as in [listen] and in logs */
	enum smtp_role_name name;
	bool lmtp;         /* LHLO; after the content one reply for each recipient taken */
	bool greets_first; /* a client that speaks before it was greeted is refused */
	bool submission;   /* AUTH is offered and required, senders are checked, headers completed */
	bool local;        /* the same without AUTH: the system says who is there; Bcc goes */
	size_t line_max;   /* octets of a command line with CRLF */
};

extern const struct smtp_role smtp_roles[SMTP_ROLES];

#endif
