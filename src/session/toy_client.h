/* session/toy_client.h: a blocking client for the tests of toy_server: what fails ends the test. */
#ifndef SESSION_TOY_CLIENT_H
#define SESSION_TOY_CLIENT_H

#include <stdint.h>

#include "base/str.h"

struct toy_tls;

struct client {
	int fd;
	struct toy_tls *tls; /* NULL: in the clear */
	char in[1 << 16];
	size_t from, len;
	char line[4096]; /* the last one taken */
};

/* From here on toy servers begin with TLS, and so do clients. */
void toy_begin_with_tls(void);
bool toy_begins_with_tls(void);

/* Shakes hands, for a server that asked for it. */
void secure(struct client *c);

/* A connected socket; waits at most 20 s for each octet. `receive_octets` bounds its buffer; 0: the system's.
 */
int dial(uint16_t port, int receive_octets);
int dial_unix(const char *path);

/* Connects and expects the greeting. */
struct client *greet(uint16_t port);
struct client *client_new(int fd);
void hang_up(struct client *c);

void give(struct client *c, str octets);
void give_z(struct client *c, const char *text);

/* One octet; -1 at the end, -2 after a reset. */
int octet(struct client *c);

/* A line without its CRLF, until the next is taken; "<end>", "<reset>". */
str take(struct client *c);
void expect(struct client *c, const char *want);

/* Waits up to 10 s until *counter is `want`. */
void wait_for(_Atomic uint32_t *counter, uint32_t want);

void pause_ms(long ms);

#endif
