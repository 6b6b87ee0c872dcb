#include "sink_session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "id_set.h"
#include "tool.h"

enum { REPLY_ROOM = 256 };

static const char END_OF_DATA[] = "\r\n.\r\n"; /* RFC 5321 §4.1.1.4; nothing else ends a message */

enum { END_LEN = sizeof END_OF_DATA - 1, AFTER_CRLF = 2 };

void sink_session_init(struct sink_session *s, const struct sink_plan *plan)
{
	memset(s, 0, sizeof *s);
	s->plan = plan;
	if (plan->ids != NULL || plan->took != NULL)
		s->header = tool_alloc(1, SINK_HEADER_MAX);
}

void sink_session_fini(struct sink_session *s) { free(s->header); }

static void reply(struct sink_session *s, const char *text)
{
	size_t len = strlen(text);

	memcpy(s->replies + s->replies_len, text, len); /* push made sure of REPLY_ROOM */
	s->replies_len += len;
}

static void on_mail(struct sink_session *s)
{
	s->recipients = 0;
	reply(s, "250 2.1.0 Ok\r\n");
}

static void on_reset(struct sink_session *s)
{
	s->recipients = 0;
	reply(s, "250 2.0.0 Ok\r\n");
}

static void on_rcpt(struct sink_session *s)
{
	if (s->plan->rcpt_reply != NULL) {
		s->refused++;
		reply(s, s->plan->rcpt_reply);
		reply(s, "\r\n");
		return;
	}
	s->recipients++;
	reply(s, "250 2.1.5 Ok\r\n");
}

static void on_data(struct sink_session *s)
{
	if (s->recipients == 0) {
		reply(s, "554 5.5.1 No recipients\r\n");
		return;
	}
	s->in_message = true;
	s->tail = AFTER_CRLF; /* the command's own line end begins the message's first line */
	s->header_len = 0;
	reply(s, "354 Go on\r\n");
}

static void on_quit(struct sink_session *s)
{
	s->quit = true;
	reply(s, "221 2.0.0 Bye\r\n");
}

static const struct {
	const char *verb, *reply;
	void (*does)(struct sink_session *s); /* in place of the reply */
} commands[] = {
	{ "MAIL", NULL, on_mail },
	{ "RCPT", NULL, on_rcpt },
	{ "DATA", NULL, on_data },
	{ "EHLO",
	  "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 0\r\n"
	  "250 ENHANCEDSTATUSCODES\r\n",
	  NULL },
	{ "HELO", "250 sink.example\r\n", NULL },
	{ "RSET", NULL, on_reset },
	{ "NOOP", "250 2.0.0 Ok\r\n", NULL },
	{ "QUIT", NULL, on_quit },
};

static void command(struct sink_session *s, const char *line, size_t len)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (len < 4 || strncasecmp(line, commands[i].verb, 4) != 0)
			continue;
		if (commands[i].does != NULL)
			commands[i].does(s);
		else
			reply(s, commands[i].reply);
		return;
	}
	reply(s, "500 5.5.1 What?\r\n");
}

/* The first Message-ID field of the header block, empty where there is none; a folded value is not unfolded,
 * none of ours is. */
static size_t find_id(const struct sink_session *s, const char **id)
{
	static const char name[] = "message-id:";
	const char *at = s->header, *end = s->header + s->header_len;

	*id = s->header;
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		if (line_end == NULL || line_end - at < 2)
			break;
		if ((size_t)(line_end - at) > sizeof name && strncasecmp(at, name, sizeof name - 1) == 0) {
			*id = at + sizeof name - 1;
			while (*id < line_end && (**id == ' ' || **id == '\t'))
				(*id)++;
			while (line_end > *id && (line_end[-1] == '\r' || line_end[-1] == ' '))
				line_end--;
			return (size_t)(line_end - *id);
		}
		at = line_end + 1;
	}
	return 0;
}

static void end_of_message(struct sink_session *s)
{
	s->messages++;
	s->delivered += s->recipients;
	s->in_message = false;
	if (s->header != NULL) {
		const char *id;
		size_t len = find_id(s, &id);
		if (s->plan->ids != NULL && len > 0)
			id_set_add(s->plan->ids, id, len);
		if (s->plan->took != NULL)
			s->plan->took(s->plan->user, id, len, s->recipients);
	}
	s->recipients = 0;
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
	if (s->header != NULL) {
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
