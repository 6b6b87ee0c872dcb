/* net/toy_tls.h: TLS over a blocking socket, for tests. Not part of the server. */
#ifndef NET_TOY_TLS_H
#define NET_TOY_TLS_H

#include <sys/types.h>

#include "net/tls.h"

struct toy_tls;

/* Shakes hands; believes any certificate. NULL where that fails; `fd` stays the caller's. */
struct toy_tls *toy_tls_connect(int fd);

/* The same as the server, which shows `certificate`. */
struct toy_tls *toy_tls_accept(int fd, const struct tls_certificate *certificate);

/* Like recv(2) and send(2), all of it; 0 after close_notify, -1 where the connection broke. */
ssize_t toy_tls_receive(struct toy_tls *t, void *out, size_t size);
ssize_t toy_tls_send(struct toy_tls *t, const void *octets, size_t size);

/* Says close_notify. */
void toy_tls_shutdown(struct toy_tls *t);
/* Without close_notify. NULL is legal. */
void toy_tls_free(struct toy_tls *t);

enum toy_key { TOY_P256, TOY_RSA_2048, TOY_RSA_1024, TOY_ED25519 };

/* A certificate for `names` ("DNS:a.example,DNS:*.b.example"; NULL: a common name only, "common.example"),
 * signed by itself. */
struct tls_certificate toy_certificate(struct arena *arena, const char *names, enum toy_key kind);

#endif
