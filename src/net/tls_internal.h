/* net/tls_internal.h: between tls.c, which makes TLS connections, and conn_tls.c, which drives them. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* A fresh one with the first certificate, the caller's to free; its BIO speaks with `user`, see conn_tls.c.
 * NULL: no certificate, or no memory. */
SSL *tls_accept(struct tls *tls, void *user);

/* How the library reads and writes octets of a connection. */
BIO_METHOD *conn_tls_bio_method(void);

#endif
