#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum {
	LINE = 76,
	ROOM = 4096,
	COUNT_MIN = 16,
	POOL_OCTETS = 64 * 1024 * 1024,
	ATTACHMENT_FROM = 12 * 1024,
	TEXT_BEFORE_ATTACHMENT = 3000
};

struct body {
	char *rest, *wire;
	size_t rest_len, wire_len;
};

struct message_pool {
	const struct message_spec *spec;
	unsigned count;
	struct body body[MESSAGE_POOL];
};

/* A body being written. */
struct draft {
	char *text;
	size_t len, cap;
	uint64_t random;
};

static const char *const words[] = {
	"order",     "invoice",
	"delivery",  "Tuesday",
	"please",    "confirm",
	"the",       "a",
	"of",        "your",
	"we",        "have",
	"received",  "with",
	"thanks",    "shop",
	"account",   "number",
	"price",     "customer",
	"meeting",   "room",
	"schedule",  "and",
	"for",       "from",
	"to",        "in",
	"will",      "be",
	"sent",      "tomorrow",
	"morning",   "address",
	"warehouse", "size",
	"colour",    "returned",
	"refund",    "within",
	"fourteen",  "days",
	"kindly",    "regards",
	"team",      "support",
	"question",  "about",
	"parcel",    "tracking",
	"is",        "not",
	"yet",       "arrived",
	"project",   "draft",
	"attached",  "review",
	"before",    "Friday",
	"caf=C3=A9", "gr=C3=BC=C3=9Fe",
	"it",
};

/* xorshift64*: the same on every machine, which is all we ask of it. */
static uint64_t next_random(struct draft *d)
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return d->random * 2685821657736338717U;
}

static void add(struct draft *d, const char *text, size_t len)
{
	if (len > d->cap - d->len)
		tool_die("a message body outgrew its room");
	memcpy(d->text + d->len, text, len);
	d->len += len;
}

static void add_text(struct draft *d, const char *text) { add(d, text, strlen(text)); }

static void add_word(struct draft *d)
{
	add_text(d, words[next_random(d) % (sizeof words / sizeof words[0])]);
}

/* One line of at most 76 octets with its CRLF; `lead` and `tail` belong to it (HTML tags). */
static void add_line(struct draft *d, const char *lead, const char *tail)
{
	size_t start = d->len, goal = start + 40 + next_random(d) % 22 - strlen(tail);

	add_text(d, lead);
	do {
		if (d->len > start + strlen(lead))
			add_text(d, " ");
		add_word(d);
	} while (d->len < goal - 1 && d->len - start + strlen(tail) + 16 < LINE);
	add_text(d, tail);
	add_text(d, "\r\n");
}

/* Plain text up to `end` octets of the draft; one line in 24 has to do with dots (RFC 5321 §4.5.2). */
static void add_paragraphs(struct draft *d, size_t end)
{
	static const char *const dotted[] = { ".\r\n", "..\r\n", ".profile is meant, not profile\r\n",
		                              "... and so on\r\n", ".\r\n.\r\n" };

	while (d->len + LINE < end) {
		uint64_t dice = next_random(d);
		if (dice % 24 == 0)
			add_text(d, dotted[dice / 24 % 5]);
		else if (dice % 9 == 0)
			add_text(d, "\r\n");
		else
			add_line(d, "", "");
	}
}

static void add_html(struct draft *d, size_t end)
{
	add_text(d, "<!DOCTYPE html>\r\n<html><head><meta charset=3D\"utf-8\">\r\n<style>\r\n"
	            ".price { color: #2a6; }\r\n.note { font-size: 12px; }\r\n</style></head><body>\r\n");
	while (d->len + 2 * LINE < end) {
		if (next_random(d) % 6 == 0)
			add_text(d,
			         "<table width=3D\"100%\" cellpadding=3D\"0\"><tr><td class=3D\"note\">\r\n");
		add_line(d, "<p>", "</p>");
	}
	add_text(d, "</body></html>\r\n");
}

static void add_digits(struct draft *d, unsigned count)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char line[LINE];
	uint64_t bits = 0;

	for (unsigned i = 0; i < count; i++, bits >>= 6) {
		if (i % 10 == 0)
			bits = next_random(d);
		line[i] = digits[bits & 63];
	}
	add(d, line, count);
}

static void add_base64(struct draft *d, size_t end)
{
	while (d->len + LINE < end) {
		add_digits(d, LINE);
		add_text(d, "\r\n");
	}
}

/* The fields a message has collected on its way to us. */
static void add_fields(struct draft *d)
{
	char line[256];

	snprintf(line, sizeof line,
	         "Received: from app%u.load.example (app%u.load.example [192.0.2.%u])\r\n"
	         "\tby out.load.example (Postfix) with ESMTPS id %08X\r\n"
	         "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits));\r\n",
	         (unsigned)(d->random % 9), (unsigned)(d->random % 9), (unsigned)(d->random % 250),
	         (unsigned)next_random(d));
	add_text(d, line);
	add_text(d, "\tMon, 6 Jul 2026 09:12:44 +0000 (UTC)\r\n"
	            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=load.example;\r\n"
	            "\ts=s1; h=from:to:subject:date:message-id:mime-version;\r\n\tb=");
	for (unsigned i = 0; i < 4; i++) { /* 256 octets, as of an RSA-2048 key */
		add_digits(d, 70);
		add_text(d, "\r\n\t");
	}
	add_digits(d, 62);
	add_text(d, "==\r\n");
	add_text(d, "From: \"Ann from the shop\" <ann@load.example>\r\nReply-To: <answers@load.example>\r\n");
	add_line(d, "Subject: ", "");
	add_text(d, "Date: Mon, 6 Jul 2026 11:12:43 +0200\r\nMIME-Version: 1.0\r\n"
	            "List-Unsubscribe: <https://load.example/u/8f14e45fceea>\r\nX-Mailer: shop 4.2\r\n");
}

static void add_alternative(struct draft *d, const char *boundary, size_t end)
{
	char line[256];
	size_t room = end > d->len ? end - d->len : 0;

	snprintf(line, sizeof line,
	         "Content-Type: multipart/alternative; boundary=\"a%s\"\r\n\r\n--a%s\r\n"
	         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	         "quoted-printable\r\n\r\n",
	         boundary, boundary);
	add_text(d, line);
	add_paragraphs(d, d->len + room / 4);
	snprintf(line, sizeof line,
	         "\r\n--a%s\r\nContent-Type: text/html; charset=utf-8\r\n"
	         "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
	         boundary);
	add_text(d, line);
	add_html(d, end);
	snprintf(line, sizeof line, "\r\n--a%s--\r\n", boundary);
	add_text(d, line);
}

static void add_with_attachment(struct draft *d, const char *boundary, size_t end)
{
	char line[256];

	snprintf(line, sizeof line, "Content-Type: multipart/mixed; boundary=\"m%s\"\r\n\r\n--m%s\r\n",
	         boundary, boundary);
	add_text(d, line);
	add_alternative(d, boundary, d->len + TEXT_BEFORE_ATTACHMENT);
	snprintf(line, sizeof line,
	         "\r\n--m%s\r\nContent-Type: application/pdf; name=\"invoice.pdf\"\r\n"
	         "Content-Disposition: attachment; filename=\"invoice.pdf\"\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\n",
	         boundary);
	add_text(d, line);
	add_base64(d, end);
	snprintf(line, sizeof line, "\r\n--m%s--\r\n", boundary);
	add_text(d, line);
}

/* Doubles the dot that begins a line and ends with the one that ends DATA (RFC 5321 §4.5.2). */
static void make_wire(struct body *b)
{
	size_t len = 0, dots = 0;

	for (size_t i = 0; i < b->rest_len; i++)
		dots += b->rest[i] == '.' && (i == 0 || b->rest[i - 1] == '\n');
	b->wire = tool_alloc(b->rest_len + dots + 3, 1);
	for (size_t i = 0; i < b->rest_len; i++) {
		if (b->rest[i] == '.' && (i == 0 || b->rest[i - 1] == '\n'))
			b->wire[len++] = '.';
		b->wire[len++] = b->rest[i];
	}
	memcpy(b->wire + len, ".\r\n", 3);
	b->wire_len = len + 3;
}

static struct body make_body(const struct message_spec *spec, unsigned index, unsigned count)
{
	/* Every 37th place of an even ladder: sizes jump about, and their mean is the mean. */
	size_t rung = index * 37 % count;
	size_t size = spec->mean_size / 2 + spec->mean_size * rung / (count - 1);
	struct draft d = { .cap = size + ROOM, .random = (spec->seed + 1) * 0x9E3779B97F4A7C15U + index + 1 };
	char boundary[32];

	d.text = tool_alloc(d.cap, 1);
	for (unsigned i = 0; i < 8; i++)
		next_random(&d);
	snprintf(boundary, sizeof boundary, "_%016llx", (unsigned long long)next_random(&d));
	size_t end = size - 20; /* what the head adds, less what a last line leaves free */
	add_fields(&d);
	if (size >= ATTACHMENT_FROM) {
		add_with_attachment(&d, boundary, end - LINE);
	} else if (index % 3 != 0) {
		add_alternative(&d, boundary, end);
	} else {
		add_text(&d, "Content-Type: text/plain; charset=utf-8\r\n"
		             "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		add_paragraphs(&d, end);
	}
	struct body b = { .rest = d.text, .rest_len = d.len };
	make_wire(&b);
	return b;
}

struct message_pool *message_pool_new(const struct message_spec *spec)
{
	struct message_pool *pool = tool_alloc(1, sizeof *pool);

	pool->spec = spec;
	pool->count = MESSAGE_POOL;
	while (pool->count > COUNT_MIN && pool->count * spec->mean_size > POOL_OCTETS)
		pool->count /= 2;
	for (unsigned i = 0; i < pool->count; i++)
		pool->body[i] = make_body(spec, i, pool->count);
	return pool;
}

void message_pool_free(struct message_pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++) {
		free(pool->body[i].rest);
		free(pool->body[i].wire);
	}
	free(pool);
}

void message_make(const struct message_pool *pool, uint64_t seq, struct message *out)
{
	const struct body *b = &pool->body[seq % pool->count];
	char to[MESSAGE_ADDRESS_MAX];

	message_address(pool->spec->recipients, message_user(pool->spec, seq), to);
	int len = snprintf(
		out->head, sizeof out->head,
		"X-Load-Seq: %llu\r\nX-Load-Run: %s\r\nMessage-ID: <%llu.%s@load.example>\r\nTo: <%s>\r\n",
		(unsigned long long)seq, pool->spec->run, (unsigned long long)seq, pool->spec->run, to);
	if (len < 0 || (size_t)len >= sizeof out->head)
		tool_die("a message head outgrew its room");
	out->head_len = (size_t)len;
	out->rest = b->rest;
	out->rest_len = b->rest_len;
	out->wire = b->wire;
	out->wire_len = b->wire_len;
}

unsigned message_user(const struct message_spec *spec, uint64_t seq)
{
	uint64_t mixed =
		(seq + 1) * 0x9E3779B97F4A7C15U; /* neighbours go to different mailboxes, as in life */

	return (unsigned)((mixed >> 33) % spec->users);
}

void message_address(const char *pattern, unsigned user, char out[static MESSAGE_ADDRESS_MAX])
{
	const char *number = strstr(pattern, "%d");
	int len;

	if (number == NULL)
		len = snprintf(out, MESSAGE_ADDRESS_MAX, "%s", pattern);
	else
		len = snprintf(out, MESSAGE_ADDRESS_MAX, "%.*s%u%s", (int)(number - pattern), pattern, user,
		               number + 2);
	if (len < 0 || len >= MESSAGE_ADDRESS_MAX)
		tool_die("%s: too long for an address", pattern);
}

void message_spec_write(const struct message_spec *spec, FILE *out)
{
	fprintf(out, "# load run=%s seed=%llu size=%zu users=%u recipients=%s\n", spec->run,
	        (unsigned long long)spec->seed, spec->mean_size, spec->users, spec->recipients);
}

int message_spec_read(FILE *in, struct message_spec *spec)
{
	char line[512];
	unsigned long long seed;

	if (fgets(line, sizeof line, in) == NULL)
		return -1;
	if (sscanf(line, "# load run=%31s seed=%llu size=%zu users=%u recipients=%127s", spec->run, &seed,
	           &spec->mean_size, &spec->users, spec->recipients) != 5 ||
	    spec->users == 0)
		return -1;
	spec->seed = seed;
	return 0;
}
