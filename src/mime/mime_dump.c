/* mime_dump: shows summaries as JSON, one line a file, for the tests that hold them against other parsers.
 *
 * Each message is summed up in several chunkings, which must agree; its line ends are made CRLF before, as
 * they are in mail that arrives. Octets are written as the code points of Latin-1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "mime/summary.h"

enum { MESSAGE_MAX = 64u * LIMIT_MB, ARENA_MAX = 512u * LIMIT_MB };

static void put_str(str s)
{
	putchar('"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_key(const char *key, str value)
{
	printf(",\"%s\":", key);
	put_str(value);
}

static void put_parameters(const char *key, struct mime_parameters p)
{
	printf(",\"%s\":[", key);
	for (size_t i = 0; i < p.count; i++) {
		printf("%s[", i ? "," : "");
		put_str(p.list[i].name);
		putchar(',');
		put_str(p.list[i].value);
		putchar(']');
	}
	putchar(']');
}

static void put_addresses(const char *key, struct mime_addresses a)
{
	printf(",\"%s\":[", key);
	for (size_t i = 0; i < a.count; i++) {
		printf("%s{\"kind\":%d,\"doubtful\":%s", i ? "," : "", (int)a.list[i].kind,
		       a.list[i].doubtful ? "true" : "false");
		put_key("name", a.list[i].name);
		put_key("mailbox", a.list[i].mailbox);
		put_key("host", a.list[i].host);
		putchar('}');
	}
	putchar(']');
}

static void put_envelope(const struct mime_envelope *e)
{
	printf(",\"envelope\":{\"is\":true");
	put_key("date", e->date);
	put_key("subject", e->subject);
	put_key("message_id", e->message_id);
	put_key("in_reply_to", e->in_reply_to);
	put_addresses("from", e->from);
	put_addresses("sender", e->sender);
	put_addresses("reply_to", e->reply_to);
	put_addresses("to", e->to);
	put_addresses("cc", e->cc);
	put_addresses("bcc", e->bcc);
	putchar('}');
}

/* Depth is bounded by LIMIT_MIME_DEPTH. */
static void put_part(const struct mime_part *p)
{
	printf("{\"header_offset\":%ju,\"header_size\":%ju,\"body_size\":%ju,\"lines\":%ju",
	       (uintmax_t)p->header_offset, (uintmax_t)p->header_size, (uintmax_t)p->body_size,
	       (uintmax_t)p->body_lines);
	put_key("type", p->type);
	put_key("subtype", p->subtype);
	put_key("encoding", p->encoding);
	put_key("disposition", p->disposition);
	put_key("id", p->id);
	put_parameters("parameters", p->parameters);
	put_parameters("disposition_parameters", p->disposition_parameters);
	printf(",\"unclosed\":%s,\"no_boundary\":%s", p->unclosed ? "true" : "false",
	       p->no_boundary ? "true" : "false");
	if (p->envelope)
		put_envelope(p->envelope);
	printf(",\"parts\":[");
	for (const struct mime_part *c = p->child; c; c = c->next) {
		put_part(c);
		if (c->next)
			putchar(',');
	}
	printf("]}");
}

static void put_summary(const char *path, const struct mime_summary *s, size_t encoded)
{
	printf("{\"file\":");
	put_str(str_of(path));
	printf(",\"size\":%ju,\"encoded\":%zu,\"cut\":%s,\"is_reply\":%s", (uintmax_t)s->size, encoded,
	       s->cut ? "true" : "false", s->is_reply ? "true" : "false");
	if (s->has_sent)
		printf(",\"sent_ms\":%jd,\"sent_zone\":%d", (intmax_t)s->sent_ms, s->sent_zone);
	put_key("preview", s->preview);
	put_key("base_subject", s->base_subject);
	put_key("thread_id", s->thread_id);
	printf(",\"references\":[");
	for (size_t i = 0; i < s->references_count; i++) {
		if (i)
			putchar(',');
		put_str(s->references[i]);
	}
	printf("],\"root\":");
	put_part(s->root);
	printf("}\n");
}

static str summarise(struct arena *arena, str message, size_t chunk)
{
	struct mime_summary_parser *p;
	struct buf out;

	buf_init(&out, arena, LIMIT_SUMMARY);
	if (mime_summary_new(arena, &p).code != ERR_OK)
		exit(70);
	for (size_t at = 0; at < message.len; at += chunk)
		mime_summary_push(
			p, str_slice(message, at, message.len - at < chunk ? message.len : at + chunk));
	if (mime_summary_finish(p, &out).code != ERR_OK)
		exit(70);
	return buf_str(&out);
}

static str with_crlf(struct arena *arena, str s)
{
	char *p = arena_alloc(arena, 2 * s.len + 1);
	size_t len = 0;

	for (size_t i = 0; p && i < s.len; i++) {
		if (s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r'))
			p[len++] = '\r';
		p[len++] = s.ptr[i];
	}
	return p ? (str){ p, len } : STR("");
}

static bool dump(const char *path)
{
	static const size_t chunks[] = { 1, 7, 4096 };
	struct arena arena;
	struct mime_summary s;
	str message;
	bool same = true;

	arena_init(&arena, NULL, ARENA_MAX);
	err e = file_read_all(&arena, str_of(path), MESSAGE_MAX, &message);
	if (e.code != ERR_OK) {
		fprintf(stderr, "%s: %s\n", path, e.what);
		return false;
	}
	message = with_crlf(&arena, message);
	str encoded = summarise(&arena, message, message.len + 1);
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++)
		same = same && str_eq(encoded, summarise(&arena, message, chunks[i]));
	if (!same)
		fprintf(stderr, "%s: the summary depends on the chunks\n", path);
	e = mime_summary_decode(&arena, encoded, &s);
	if (e.code == ERR_OK)
		put_summary(path, &s, encoded.len);
	else
		fprintf(stderr, "%s: %s\n", path, e.what);
	arena_reset(&arena);
	return same && e.code == ERR_OK;
}

int main(int argc, char **argv)
{
	bool ok = true;

	for (int i = 1; i < argc; i++)
		ok = dump(argv[i]) && ok;
	return ok ? 0 : 70;
}
