/* admin/certificates.h: the files of [[tls.certificates]], which the parent reads and the server uses.
 *
 * Keys are often root's, and the server is somebody else by the time it needs them: so the parent reads them
 * before its first fork and at SIGHUP, checks them (tls_check), and hands their octets on.
 */
#ifndef ADMIN_CERTIFICATES_H
#define ADMIN_CERTIFICATES_H

#include "admin/config.h"
#include "net/tls.h"

struct certificates {
	struct tls_certificate *item; /* in the order of the configuration: the first is the default */
	size_t count;
};

/* Reads and checks all that `config` names. The error names the key, the file and what is wrong. */
err certificates_load(struct arena *arena, const struct config *config, struct certificates *out) MUST_USE;

/* Wipes the keys: before their arena is reset. */
void certificates_forget(struct certificates *certificates);

/* For the way from the parent to the server: all as one text, and back. ERR_CORRUPT. */
void certificates_format(struct buf *out, const struct certificates *certificates);
err certificates_parse(struct arena *arena, str text, struct certificates *out) MUST_USE;

#endif
