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

struct sink_session {
	bool in_message, quit;
	unsigned tail; /* octets of CRLF.CRLF that the end of the last chunk matches, in a message */
	char line[SINK_LINE_MAX]; /* a command not yet whole */
	size_t line_len;
	char replies[SINK_REPLIES_MAX];
	size_t replies_len;
	uint64_t messages, octets;
	/* only with ids: the header block so far, until its empty line was seen or it is full */
	struct id_set *ids;
	char *header;
	size_t header_len;
};

/* `ids` may be NULL: then Message-IDs are not looked at. */
void sink_session_init(struct sink_session *s, struct id_set *ids);
void sink_session_fini(struct sink_session *s);

/* Takes octets; replies gather in s->replies (the caller sends and empties them). Returns how many octets
 * were used: all, unless replies must be sent first. */
size_t sink_session_push(struct sink_session *s, const char *octets, size_t len);

#endif
