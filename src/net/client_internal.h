/* net/client_internal.h: between client.c, which begins connections, and conn_tls.c, which drives their TLS.
 */
#ifndef NET_CLIENT_INTERNAL_H
#define NET_CLIENT_INTERNAL_H

#include <openssl/err.h>

#include "net/client.h"
#include "net/conn_internal.h"
#include "net/tls_internal.h"

/* A fresh one for a connection of that host, as tls_accept makes them. NULL: no memory, or a name too long.
 */
SSL *net_client_tls(const struct conn_host *host, str name, void *user);

#endif
