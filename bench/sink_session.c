#include "sink_session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "id_set.h"
#include "tool.h"

enum { REPLY_ROOM = 256 };

static const char END_OF_DATA[] = "\r\n.\r\n"; /* RFC 5321 §4.1.1.4; nothing else ends a message */

enum { END_LEN = sizeof END_OF_DATA - 1, AFTER_CRLF = 2 };

void sink_session_init(struct sink_session *s, struct id_set *ids)
{
	memset(s, 0, sizeof *s);
	s->ids = ids;
	if (ids != NULL)
		s->header = tool_alloc(1, SINK_HEADER_MAX);
}

void sink_session_fini(struct sink_session *s) { free(s->header); }

static void reply(struct sink_session *s, const char *text)
{
	size_t len = strlen(text);

	memcpy(s->replies + s->replies_len, text, len); /* push made sure of REPLY_ROOM */
	s->replies_len += len;
}

static const struct {
	const char *verb, *reply;
} commands[] = {
	{ "MAIL", "250 2.1.0 Ok\r\n" },
	{ "RCPT", "250 2.1.5 Ok\r\n" },
	{ "DATA", "354 Go on\r\n" },
	{ "EHLO", "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 0\r\n"
	          "250 ENHANCEDSTATUSCODES\r\n" },
	{ "HELO", "250 sink.example\r\n" },
	{ "RSET", "250 2.0.0 Ok\r\n" },
	{ "NOOP", "250 2.0.0 Ok\r\n" },
	{ "QUIT", "221 2.0.0 Bye\r\n" },
};

static void command(struct sink_session *s, const char *line, size_t len)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (len < 4 || strncasecmp(line, commands[i].verb, 4) != 0)
			continue;
		reply(s, commands[i].reply);
		s->quit |= strcmp(commands[i].verb, "QUIT") == 0;
		if (strcmp(commands[i].verb, "DATA") == 0) {
			s->in_message = true;
			s->tail = AFTER_CRLF; /* the command's own line end begins the message's first line */
			s->header_len = 0;
		}
		return;
	}
	reply(s, "500 5.5.1 What?\r\n");
}

/* The first Message-ID field of the header block; a folded value is not unfolded, none of ours is. */
static void count_id(struct sink_session *s)
{
	static const char name[] = "message-id:";
	const char *at = s->header, *end = s->header + s->header_len;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		if (line_end == NULL || line_end - at < 2)
			break;
		if ((size_t)(line_end - at) > sizeof name && strncasecmp(at, name, sizeof name - 1) == 0) {
			const char *id = at + sizeof name - 1;
			while (id < line_end && (*id == ' ' || *id == '\t'))
				id++;
			while (line_end > id && (line_end[-1] == '\r' || line_end[-1] == ' '))
				line_end--;
			id_set_add(s->ids, id, (size_t)(line_end - id));
			return;
		}
		at = line_end + 1;
	}
}

static void end_of_message(struct sink_session *s)
{
	s->messages++;
	s->in_message = false;
	if (s->ids != NULL)
		count_id(s);
	reply(s, "250 2.0.0 Ok\r\n");
}

/* How far END_OF_DATA is matched after one more octet; a mismatch keeps at most a CR, for no longer prefix
 * of it is also its suffix. */
static unsigned step(unsigned matched, char octet)
{
	if (octet == END_OF_DATA[matched])
		return matched + 1;
	return octet == '\r' ? 1 : 0;
}

/* Message octets up to the end of DATA or of the chunk; returns how many were used. The middle is left to
 * memmem; only where the end may lie across two chunks are octets stepped through. */
static size_t message(struct sink_session *s, const char *octets, size_t len)
{
	size_t at = 0;

	while (at < len && s->tail > 0) {
		s->tail = step(s->tail, octets[at++]);
		if (s->tail == END_LEN)
			return at;
	}
	const char *end = memmem(octets + at, len - at, END_OF_DATA, END_LEN);
	if (end != NULL) {
		s->tail = END_LEN;
		return (size_t)(end - octets) + END_LEN;
	}
	for (at = len - at < END_LEN ? at : len - END_LEN + 1; at < len; at++)
		s->tail = step(s->tail, octets[at]);
	return len;
}

static size_t push_message(struct sink_session *s, const char *octets, size_t len)
{
	size_t used = message(s, octets, len);

	s->octets += used;
	if (s->ids != NULL) {
		size_t room = SINK_HEADER_MAX - s->header_len, n = used < room ? used : room;
		memcpy(s->header + s->header_len, octets, n);
		s->header_len += n;
	}
	if (s->tail == END_LEN)
		end_of_message(s);
	return used;
}

/* A line, joined with what is left from the last chunk; one that is too long is refused when it ends. */
static size_t push_line(struct sink_session *s, const char *octets, size_t len)
{
	const char *end = memchr(octets, '\n', len);
	size_t used = end != NULL ? (size_t)(end - octets) + 1 : len;

	if (end != NULL && s->line_len == 0) {
		command(s, octets, used);
		return used;
	}
	size_t room = sizeof s->line - s->line_len, n = used < room ? used : room;
	memcpy(s->line + s->line_len, octets, n);
	s->line_len += n;
	if (end != NULL) {
		command(s, s->line, s->line_len);
		s->line_len = 0;
	}
	return used;
}

size_t sink_session_push(struct sink_session *s, const char *octets, size_t len)
{
	size_t used = 0;

	while (used < len && !s->quit && s->replies_len + REPLY_ROOM <= sizeof s->replies)
		used += s->in_message ? push_message(s, octets + used, len - used)
		                      : push_line(s, octets + used, len - used);
	return used;
}
