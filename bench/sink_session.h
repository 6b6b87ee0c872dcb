/* bench/sink_session.h: one receiving SMTP session that keeps nothing: commands in, replies out, messages
 * only looked at for their end. Octets are pushed in as they come, cut anywhere. No I/O.
 */
#ifndef BENCH_SINK_SESSION_H
#define BENCH_SINK_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SINK_LINE_MAX = 2048,
	SINK_REPLIES_MAX = 16384,
	SINK_HEADER_MAX = 16384,
};

struct id_set;

/* What a sink does, the same for all its sessions. All zero: takes everything, looks at nothing. */
struct sink_plan {
	struct id_set *ids;     /* counts Message-IDs */
	const char *rcpt_reply; /* to every RCPT: "450 4.7.1 Later"; NULL: it is taken */
	/* A message was taken for so many recipients; `id` is its Message-ID, or empty. NULL: nobody is told.
	 */
	void (*took)(void *user, const char *id, size_t len, unsigned recipients);
	void *user;
};

struct sink_session {
	const struct sink_plan *plan;
	bool in_message, quit;
	unsigned recipients; /* of the transaction */
	unsigned tail;       /* octets of CRLF.CRLF that the end of the last chunk matches, in a message */
	char line[SINK_LINE_MAX]; /* a command not yet whole */
	size_t line_len;
	char replies[SINK_REPLIES_MAX];
	size_t replies_len;
	uint64_t messages, octets, delivered,
		refused; /* delivered: messages times recipients; refused: RCPT */
	char *header;    /* only where ids are looked at: the first octets of the message */
	size_t header_len;
};

/* The plan is borrowed. */
void sink_session_init(struct sink_session *s, const struct sink_plan *plan);
void sink_session_fini(struct sink_session *s);

/* Takes octets; replies gather in s->replies (the caller sends and empties them). Returns how many octets
 * were used: all, unless replies must be sent first. */
size_t sink_session_push(struct sink_session *s, const char *octets, size_t len);

#endif
