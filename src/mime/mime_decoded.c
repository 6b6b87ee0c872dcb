/* mime_decoded: what people see of messages, for tests: mime_decoded [--crlf] FILE...
 *
 * One JSON object a file: the decoded header fields and addresses of the message and of each message in it,
 * and of each part its decoded parameters and, in base64, its decoded body; the text of a text part as UTF-8.
 * With --crlf bare LFs become CRLF first. Strings are UTF-8 as our readers made it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/summary.h"
#include "mime/transfer.h"

enum { MESSAGE_MAX = 64u * LIMIT_MB, ARENA_MAX = 1024u * LIMIT_MB, CONVERSIONS = 100 };

static struct arena arena;
static str message;

static struct buf new_buf(void)
{
	struct buf b;

	buf_init(&b, &arena, ARENA_MAX / 4);
	return b;
}

static str made(const struct buf *b)
{
	if (buf_err(b).code != ERR_OK) {
		fprintf(stderr, "mime_decoded: out of memory\n");
		exit(70);
	}
	return buf_str(b);
}

/* JSON wants valid UTF-8; what is none shows as it is, escaped as Latin-1 in the private use area. */
static void put_str(str s)
{
	putchar('"');
	while (s.len) {
		unsigned char c = (unsigned char)s.ptr[0];
		size_t len = utf8_length(s);
		if (len == 0)
			printf("\\u%04x", 0xf700u + c);
		else if (len == 1 && (c < ' ' || c == '"' || c == '\\' || c == 0x7f))
			printf("\\u%04x", c);
		else
			fwrite(s.ptr, 1, len, stdout);
		s = str_from(s, len ? len : 1);
	}
	putchar('"');
}

static void put_key(const char *key, str value)
{
	printf("\"%s\":", key);
	put_str(value);
}

static str decode_words(str text)
{
	struct buf b = new_buf();
	unsigned conversions = CONVERSIONS;

	mime_words_decode(text, &b, &conversions);
	return made(&b);
}

/* Names and values as people see them: "filename*" is "filename". */
static void put_parameters(const char *key, struct mime_parameters p)
{
	printf(",\"%s\":[", key);
	for (size_t i = 0; i < p.count; i++) {
		struct buf b = new_buf();
		unsigned conversions = CONVERSIONS;
		str name = p.list[i].name, value = p.list[i].value;
		bool extended = name.len > 1 && name.ptr[name.len - 1] == '*';
		if (extended)
			mime_parameter_decode(value, &b, &conversions);
		else
			mime_words_decode(value, &b, &conversions);
		printf("%s[", i ? "," : "");
		put_str(str_slice(name, 0, name.len - extended));
		putchar(',');
		put_str(made(&b));
		putchar(']');
	}
	putchar(']');
}

static void put_addresses(const char *key, struct mime_addresses a)
{
	printf(",\"%s\":[", key);
	for (size_t i = 0; i < a.count; i++) {
		const struct mime_address *m = &a.list[i];
		printf("%s{\"kind\":%d,", i ? "," : "", (int)m->kind);
		put_key("name", decode_words(m->name));
		putchar(',');
		put_key("mailbox", m->mailbox);
		putchar(',');
		put_key("host", m->host);
		putchar('}');
	}
	putchar(']');
}

static void put_header(const struct mime_part *p)
{
	size_t start = (size_t)p->header_offset;
	scan block = { str_slice(message, start, start + (size_t)p->header_size), 0 };
	struct mime_header_field f;
	bool first = true;

	printf(",\"header\":[");
	while (mime_header_next(&block, &f)) {
		struct buf b = new_buf();
		mime_header_unfold(f.body, &b);
		printf("%s[", first ? "" : ",");
		put_str(f.name);
		putchar(',');
		put_str(decode_words(made(&b)));
		putchar(']');
		first = false;
	}
	putchar(']');
}

static str decode_body(const struct mime_part *p)
{
	size_t start = (size_t)(p->header_offset + p->header_size);
	str body = str_slice(message, start, start + (size_t)p->body_size);
	struct mime_base64_decoder base64 = { 0 };
	struct mime_qp_decoder qp = { 0 };
	struct buf b = new_buf();

	switch (mime_encoding_of(p->encoding)) {
	case MIME_ENCODING_BASE64:
		mime_base64_decode(&base64, body, &b);
		mime_base64_decode_end(&base64, &b);
		break;
	case MIME_ENCODING_QUOTED_PRINTABLE:
		mime_qp_decode(&qp, body, &b);
		mime_qp_decode_end(&qp, &b);
		break;
	case MIME_ENCODING_IDENTITY:
	case MIME_ENCODING_UNKNOWN:
		return body;
	}
	return made(&b);
}

static void put_body(const struct mime_part *p)
{
	str octets = decode_body(p), charset = STR("us-ascii");
	struct buf text = new_buf(), encoded = new_buf();
	unsigned conversions = 1;

	mime_base64_line(octets, &encoded);
	putchar(',');
	put_key("body", made(&encoded));
	if (!str_eq(p->type, STR("text")))
		return;
	mime_parameter_find(p->parameters.list, p->parameters.count, STR("charset"), &charset);
	mime_to_utf8(charset, octets, &text, &conversions);
	putchar(',');
	put_key("text", made(&text));
}

/* Depth is bounded by LIMIT_MIME_DEPTH. */
static void put_part(const struct mime_part *p)
{
	putchar('{');
	put_key("type", p->type);
	putchar(',');
	put_key("subtype", p->subtype);
	putchar(',');
	put_key("disposition", p->disposition);
	putchar(',');
	put_key("description", decode_words(p->description));
	put_parameters("parameters", p->parameters);
	put_parameters("disposition_parameters", p->disposition_parameters);
	put_header(p);
	if (p->envelope) {
		put_addresses("from", p->envelope->from);
		put_addresses("sender", p->envelope->sender);
		put_addresses("reply_to", p->envelope->reply_to);
		put_addresses("to", p->envelope->to);
		put_addresses("cc", p->envelope->cc);
		put_addresses("bcc", p->envelope->bcc);
		putchar(',');
		put_key("subject", decode_words(p->envelope->subject));
	}
	if (!p->child)
		put_body(p);
	printf(",\"parts\":[");
	for (const struct mime_part *c = p->child; c; c = c->next) {
		put_part(c);
		if (c->next)
			putchar(',');
	}
	printf("]}");
}

static str with_crlf(str s)
{
	char *p = arena_alloc(&arena, 2 * s.len + 1);
	size_t len = 0;

	for (size_t i = 0; p && i < s.len; i++) {
		if (s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r'))
			p[len++] = '\r';
		p[len++] = s.ptr[i];
	}
	return p ? (str){ p, len } : STR("");
}

static err dump(const char *path, bool crlf)
{
	struct mime_summary_parser *parser;
	struct mime_summary summary;
	struct buf encoded;

	TRY(file_read_all(&arena, str_of(path), MESSAGE_MAX, &message));
	if (crlf)
		message = with_crlf(message);
	buf_init(&encoded, &arena, LIMIT_SUMMARY);
	TRY(mime_summary_new(&arena, &parser));
	mime_summary_push(parser, message);
	TRY(mime_summary_finish(parser, &encoded));
	TRY(mime_summary_decode(&arena, buf_str(&encoded), &summary));
	putchar('{');
	put_key("file", str_of(path));
	if (summary.has_sent)
		printf(",\"sent_ms\":%jd,\"sent_zone\":%d", (intmax_t)summary.sent_ms, summary.sent_zone);
	printf(",\"root\":");
	put_part(summary.root);
	printf("}\n");
	return OK;
}

int main(int argc, char **argv)
{
	bool crlf = argc > 1 && strcmp(argv[1], "--crlf") == 0;

	for (int i = 1 + crlf; i < argc; i++) {
		arena_init(&arena, NULL, ARENA_MAX);
		err e = dump(argv[i], crlf);
		arena_reset(&arena);
		if (e.code != ERR_OK) {
			fprintf(stderr, "%s: %s\n", argv[i], e.what);
			return 70;
		}
	}
	return 0;
}
