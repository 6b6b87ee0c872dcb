/* bench/message.h: the messages of the load, made again by whoever wants to check them.
 *
 * A message is wholly given by a spec and its number: a few header fields of its own (number, run,
 * Message-ID, To) in front of one of at most MESSAGE_POOL bodies made from the seed (fewer where they are
 * big). So the generator spends nothing on making mail, and the collector needs no copy to see whether an
 * octet changed. They look like real mail: trace and signature fields, text, text with HTML, from 12 KB on an
 * attachment in base64; lines of at most 76 octets, some of which begin with a dot or are one. Sizes go
 * evenly from half to one and a half times the mean.
 *
 * Known weakness: after the head, message N and message N + MESSAGE_POOL are the same octets, so a
 * store that compresses across messages would look better than on real mail.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	MESSAGE_POOL = 256,
	MESSAGE_HEAD_MAX = 512,
	MESSAGE_ADDRESS_MAX = 128,
	MESSAGE_RUN_MAX = 32,
	MESSAGE_SIZE_MIN = 1500, /* mean; the fields alone are about 1 KB */
	MESSAGE_SIZE_MAX = 16 * 1024 * 1024,
};

struct message_spec {
	uint64_t seed;
	size_t mean_size;                     /* octets as stored, line ends CRLF */
	unsigned users;                       /* mailboxes the messages are spread over */
	char recipients[MESSAGE_ADDRESS_MAX]; /* with one %d: user%d@shop.example */
	char run[MESSAGE_RUN_MAX]; /* letters, digits, hyphen: tells runs into the same mailboxes apart */
};

struct message {
	char head[MESSAGE_HEAD_MAX];
	size_t head_len;
	const char *rest; /* as stored: what follows the head */
	size_t rest_len;
	const char *wire; /* the same as DATA carries it: dots doubled, the final dot at the end (RFC 5321
	                     §4.5.2) */
	size_t wire_len;
};

struct message_pool;

/* The spec is borrowed for the pool's life. */
struct message_pool *message_pool_new(const struct message_spec *spec);
void message_pool_free(struct message_pool *pool);

/* Message `seq`; rest and wire live as long as the pool. */
void message_make(const struct message_pool *pool, uint64_t seq, struct message *out);

/* Which of the spec's users gets message `seq`, and an address from a pattern. */
unsigned message_user(const struct message_spec *spec, uint64_t seq);
void message_address(const char *pattern, unsigned user, char out[static MESSAGE_ADDRESS_MAX]);

/* The spec as the first line of a file of acknowledged numbers, and back; read returns 0 on success. */
void message_spec_write(const struct message_spec *spec, FILE *out);
int message_spec_read(FILE *in, struct message_spec *spec);

#endif
