#include "mime/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/probe.h"

enum { ARENA_OCTETS = 8 * LIMIT_MB };

/* Sums up `message` in chunks; the encoded summary lives in `for_out`. */
static str encode_within(struct arena *arena, struct arena *for_out, str message, size_t chunk)
{
	struct mime_summary_parser *p;
	struct buf out;

	buf_init(&out, for_out, LIMIT_SUMMARY);
	assert_int_equal(mime_summary_new(arena, &p).code, ERR_OK);
	for (size_t at = 0; at < message.len; at += chunk)
		mime_summary_push(
			p, str_slice(message, at, message.len - at < chunk ? message.len : at + chunk));
	assert_int_equal(mime_summary_finish(p, &out).code, ERR_OK);
	return buf_str(&out);
}

static str encode(struct arena *arena, str message, size_t chunk)
{
	return encode_within(arena, arena, message, chunk);
}

static struct mime_summary summary_of(struct arena *arena, str message)
{
	struct mime_summary s;
	str encoded = encode(arena, message, message.len + 1);

	assert_int_equal(mime_summary_decode(arena, encoded, &s).code, ERR_OK);
	assert_int_equal(s.size, message.len);
	return s;
}

/* "type/subtype@header_offset+header_size+body_size/lines" and the children in parentheses. */
static void show(const struct mime_part *p, struct buf *out)
{
	buf_add(out, p->type);
	buf_add_char(out, '/');
	buf_add(out, p->subtype);
	buf_add_char(out, '@');
	buf_add_u64(out, p->header_offset);
	buf_add_char(out, '+');
	buf_add_u64(out, p->header_size);
	buf_add_char(out, '+');
	buf_add_u64(out, p->body_size);
	buf_add_char(out, '/');
	buf_add_u64(out, p->body_lines);
	buf_add(out, p->no_boundary ? STR("?") : STR(""));
	buf_add(out, p->unclosed ? STR("!") : STR(""));
	buf_add(out, p->child ? STR("(") : STR(""));
	for (const struct mime_part *c = p->child; c; c = c->next) {
		show(c, out);
		buf_add(out, c->next ? STR(" ") : STR(")"));
	}
}

/* Header and body of each part: numbers are what IMAP will cut by. */
static const struct {
	const char *message, *want;
} structures[] = {
	{ "A: b\r\n\r\nbody\r\n", "text/plain@0+8+6/1" },
	{ "A: b\n\nbody", "text/plain@0+6+4/0" },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\none\r\n--b \t\r\nContent-Type: "
	  "text/html\r\n"
	  "\r\n\r\ntwo\r\n--b--\r\nepilogue",
	  "multipart/mixed@0+45+73/10(text/plain@55+2+3/0 text/html@69+27+5/1)" },
	/* message/rfc822, and the line end before a delimiter that ends two parts at once */
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nhi\n\n--b--\n",
	  "multipart/digest@0+44+27/7(message/rfc822@48+1+15/3(text/plain@49+12+3/1))" },
	{ "Content-Type: message/rfc822\n\nContent-Type: message/global\n\nA: b\n\nx",
	  "message/rfc822@0+30+37/4(message/global@30+30+7/2(text/plain@60+6+1/0))" },
	{ "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
	  "boundary=oo\n\n--oo\n\nx\n"
	  "--oo--\n--o\n\ny\n--o--\n",
	  "multipart/mixed@0+43+76/11(multipart/mixed@47+44+14/3(text/plain@96+1+1/0) "
	  "text/plain@110+1+1/0)" },
	/* malformed */
	{ "", "text/plain@0+0+0/0" },
	{ "\r\n", "text/plain@0+2+0/0" },
	{ "no header at all", "text/plain@0+16+0/0" },
	{ "Content-Type: nonsense\n\n", "text/plain@0+24+0/0" },
	{ "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", "multipart/mixed@0+31+13/4?" },
	{ "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n----\n", "multipart/mixed@0+44+11/4?" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx",
	  "multipart/mixed@0+43+6/2!(text/plain@47+1+1/0)" },
	{ "Content-Type: multipart/mixed; boundary=b\n\nnone", "multipart/mixed@0+43+4/0!" },
	{ "Content-Type: multipart/mixed; boundary=b", "multipart/mixed@0+41+0/0!" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/css\n--b--",
	  "multipart/mixed@0+43+32/2(text/css@47+23+0/0)" },
	{ "Content-Type: multipart/mixed; boundary=b\n--b\n\nx\n--b--\n", "multipart/mixed@0+47+8/2" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--bx\n --b\n--b x\n-b\n--b--\n",
	  "multipart/mixed@0+43+25/5" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; "
	  "boundary=i\n\n--i\n\nx\n--b--\n",
	  "multipart/mixed@0+43+60/7(multipart/mixed@47+43+6/2!(text/plain@94+1+1/0))" },
	{ "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKeA==\n",
	  "message/rfc822@0+64+13/1" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n--b--\n",
	  "multipart/mixed@0+43+39/3(message/rfc822@47+29+0/0(text/plain@76+0+0/0))" },
	{ "Content-Type: text/html\nContent-Type: text/css\n\n", "text/html@0+48+0/0" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\r\r\n\nx\n--b--\n",
	  "multipart/mixed@0+43+15/4(text/plain@49+1+1/0)" },
};

static void test_structures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof structures / sizeof structures[0]; i++) {
		char octets[512] = "";
		struct arena arena;
		struct buf out;
		str message = str_of(structures[i].message);

		print_message("%s\n", structures[i].message);
		arena_init(&arena, NULL, ARENA_OCTETS);
		str whole = encode(&arena, message, message.len + 1);
		for (size_t chunk = 1; chunk < message.len; chunk++)
			assert_true(str_eq(whole, encode(&arena, message, chunk)));
		buf_init_fixed(&out, octets, sizeof octets - 1);
		show(summary_of(&arena, message).root, &out);
		assert_string_equal(octets, structures[i].want);
		arena_reset(&arena);
	}
}

static const struct {
	const char *message, *want;
} previews[] = {
	{ "A: b\n\nHello,\n\n  you   there\n", "Hello, you there" },
	{ "A: b\n\n> quoted\nanswer\n-- \nsignature\n", "answer" },
	{ "Content-Type: "
	  "text/html\n\n<title>no</title><style>p{}</style><p>F&uuml;r&nbsp;a&amp;<b>b</b>c<br>d<!-- <p> "
	  "-->e",
	  "F\xc3\xbcr a&bc de" },
	{ "Content-Type: text/html\n\n<a href='x>y' title=\">\">link</a>&zwnj;&#8203;&#x2019;&bogus; "
	  "&#xFFFFFFFF;",
	  "link\xe2\x80\x99&bogus; &#xFFFFFFFF;" },
	{ "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
	  "quoted-printable\n\nf=FC=\nr dich",
	  "f\xc3\xbcr dich" },
	{ "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nZsO8\ncg==\n",
	  "f\xc3\xbcr" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n\nPNG\n--b\n"
	  "Content-Disposition: attachment\n\nno\n--b\n\n \n--b\n\nyes\n--b--\n",
	  "yes" },
	{ "Content-Type: text/html; charset=iso-2022-jp\n\n\x1b$B<%3C\x1b(B<br>x",
	  "\xe7\x92\xbd\xe9\x88\x8e x" },
	/* none */
	{ "A: b\n\n", "" },
	{ "A: b\n\n \t\n", "" },
	{ "Content-Type: application/pdf\n\n%PDF", "" },
	{ "Content-Type: text/css\n\np{}", "" },
	{ "Content-Type: text/html\n\n<p><img src=x>", "" },
	{ "Content-Type: text/html\n\n<style>never closed", "" },
	{ "Content-Type: text/html; charset=utf-16\n\n<p>x", "" },
	{ "Content-Transfer-Encoding: base64\n\n****", "" },
};

static void test_previews(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof previews / sizeof previews[0]; i++) {
		struct arena arena;
		str message = str_of(previews[i].message);

		print_message("%s\n", previews[i].message);
		arena_init(&arena, NULL, ARENA_OCTETS);
		str whole = encode(&arena, message, message.len + 1);
		for (size_t chunk = 1; chunk < message.len; chunk++)
			assert_true(str_eq(whole, encode(&arena, message, chunk)));
		str got = summary_of(&arena, message).preview;
		print_message("  %.*s\n", STR_ARG(got));
		assert_true(str_eq(got, str_of(previews[i].want)));
		arena_reset(&arena);
	}
}

/* At most 200 characters in at most LIMIT_PREVIEW octets, none of them cut. */
static void test_preview_limit(void **state)
{
	struct arena arena;
	struct buf m;
	str got;

	(void)state;
	arena_init(&arena, NULL, ARENA_OCTETS);
	buf_init(&m, &arena, LIMIT_MB);
	buf_add(&m, STR("A: b\n\n"));
	for (size_t i = 0; i < 300; i++)
		buf_add(&m, STR("x"));
	assert_int_equal(summary_of(&arena, buf_str(&m)).preview.len, 200);
	m.len = 6 + 200;
	assert_int_equal(summary_of(&arena, buf_str(&m)).preview.len, 200);
	m.len = 6;
	for (size_t i = 0; i < 300; i++)
		buf_add(&m, STR("\xe2\x82\xac"));
	got = summary_of(&arena, buf_str(&m)).preview;
	assert_int_equal(got.len, LIMIT_PREVIEW / 3 * 3);
	arena_reset(&arena);
}

static void test_keys(void **state)
{
	static const char message[] =
		"From: Ann <ann@shop.example>\r\nTo: a@b, g: c@d;\r\nTO: e@f\r\nSubject: Re: [x] "
		"=?utf-8?Q?=C3=BC?= (fwd)\r\n"
		"Subject: second\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: (c) <\"a\"@b>\r\n"
		"In-Reply-To: your message <p@q>\r\n\r\n";
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_OCTETS);
	struct mime_summary s = summary_of(&arena, str_of(message));
	const struct mime_envelope *e = s.root->envelope;
	assert_false(s.cut || s.opaque);
	assert_true(s.has_sent && s.sent_ms == 880127706000 && s.sent_zone == -360);
	assert_true(str_eq(e->subject, STR("Re: [x] =?utf-8?Q?=C3=BC?= (fwd)")));
	assert_true(str_eq(s.base_subject, STR("\xc3\xbc")) && s.is_reply);
	assert_int_equal(e->to.count, 5);
	assert_true(str_eq(e->to.list[4].mailbox, STR("e")));
	assert_int_equal(e->from.count, 1);
	assert_int_equal(e->reply_to.count, 0);
	assert_true(str_eq(s.thread_id, STR("a@b")));
	assert_int_equal(s.references_count, 1);
	assert_true(str_eq(s.references[0], STR("p@q")));
	arena_reset(&arena);
}

/* LIMIT_MIME_DEPTH levels below the message are looked into; the next is octets. */
static void test_depth(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct arena arena;
		struct buf m;

		arena_init(&arena, NULL, ARENA_OCTETS);
		buf_init(&m, &arena, LIMIT_MB);
		for (unsigned i = 0; i < LIMIT_MIME_DEPTH + more; i++)
			buf_add_format(&m, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i,
			               i);
		buf_add(&m, STR("\r\nleaf"));
		struct mime_summary s = summary_of(&arena, buf_str(&m));
		const struct mime_part *p = s.root;
		for (unsigned i = 0; i < LIMIT_MIME_DEPTH; i++, p = p->child)
			assert_true(str_eq(p->type, STR("multipart")) && p->child);
		assert_true(str_eq(p->type, more ? STR("application") : STR("text")));
		assert_null(p->child);
		assert_int_equal(s.cut, more);
		arena_reset(&arena);
	}
}

static void test_parts(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct arena arena;
		struct buf m;
		size_t count = 0;

		arena_init(&arena, NULL, ARENA_OCTETS);
		buf_init(&m, &arena, LIMIT_MB);
		buf_add(&m, STR("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
		/* The message itself is one of them. */
		for (unsigned i = 0; i < LIMIT_MIME_PARTS - 1 + more; i++)
			buf_add(&m, STR("--b\r\n\r\nx\r\n"));
		buf_add(&m, STR("--b--\r\n"));
		struct mime_summary s = summary_of(&arena, buf_str(&m));
		for (const struct mime_part *p = s.root->child; p; p = p->next)
			count++;
		assert_int_equal(count, LIMIT_MIME_PARTS - 1);
		assert_int_equal(s.cut, more);
		assert_false(s.root->unclosed);
		arena_reset(&arena);
	}
}

/* Many addresses and little memory: something is left out, the structure stays, and it is said. */
static void test_cut(void **state)
{
	static const size_t ceilings[] = { 64 * LIMIT_KB, 32 * LIMIT_KB, 20 * LIMIT_KB };
	struct arena big, arena;
	struct buf m;

	(void)state;
	arena_init(&big, NULL, ARENA_OCTETS);
	buf_init(&m, &big, LIMIT_MB);
	buf_add(&m, STR("Content-Type: multipart/mixed; boundary=b\r\nTo: "));
	for (unsigned i = 0; i < 2000; i++)
		buf_add_format(&m, "Person %u <person%u@department.shop.example>,\r\n ", i, i);
	buf_add(&m, STR("\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n"));
	for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
		arena_init(&arena, NULL, ceilings[i]);
		str encoded = encode_within(&arena, &big, buf_str(&m), 4096);
		struct mime_summary s;
		assert_int_equal(mime_summary_decode(&big, encoded, &s).code, ERR_OK);
		assert_true(s.cut && s.root->child && !s.root->unclosed);
		assert_true(str_eq(s.preview, STR("Hello")));
		assert_in_range(s.root->envelope->to.count, 1, LIMIT_HEADER_ADDRESSES);
		arena_reset(&arena);
	}
	arena_reset(&big);
}

/* What a preloaded library of the end-to-end tests defines; here it counts. */
static size_t probed_octets, probed_chunks;

void postrider_test_probe(const char *octets, size_t len)
{
	probed_octets += len;
	probed_chunks += octets != NULL;
}

static void test_probe(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, ARENA_OCTETS);
	probed_octets = probed_chunks = 0;
	encode(&arena, STR("From: a@b\r\n\r\nbody"), 4);
	assert_int_equal(probed_octets, 17);
	assert_int_equal(probed_chunks, 5);
	arena_reset(&arena);
}

static void test_no_memory(void **state)
{
	struct arena arena;
	struct mime_summary_parser *p = NULL;
	struct buf out;
	char small[8];

	(void)state;
	arena_init(&arena, NULL, 4096);
	assert_int_equal(mime_summary_new(&arena, &p).code, ERR_NOSPACE);
	assert_null(p);
	arena_reset(&arena);
	arena_init(&arena, NULL, ARENA_OCTETS);
	assert_int_equal(mime_summary_new(&arena, &p).code, ERR_OK);
	mime_summary_push(p, STR("Subject: a long one, longer than small\r\n\r\n"));
	buf_init_fixed(&out, small, sizeof small);
	assert_int_equal(mime_summary_finish(p, &out).code, ERR_LIMIT);
	arena_reset(&arena);
}

/* Opaque, of a version to come, and damaged in every octet or cut after it: never more than ERR_CORRUPT. */
static void test_decode(void **state)
{
	static const char message[] =
		"From: a@b\r\nSubject: x\r\nDate: 1 Jan 2000\r\nReferences: <a@b>\r\n"
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b--\r\n";
	struct mime_summary s = { .version = 77 };
	struct arena arena;
	struct buf out;

	(void)state;
	arena_init(&arena, NULL, ARENA_OCTETS);
	buf_init(&out, &arena, LIMIT_SUMMARY);
	mime_summary_opaque(&out, 5000000000);
	assert_int_equal(mime_summary_decode(&arena, buf_str(&out), &s).code, ERR_OK);
	assert_true(s.opaque && s.size == 5000000000 && !s.root && s.version == 1);
	assert_int_equal(mime_summary_decode(&arena, STR("\x02\x07whatever"), &s).code, ERR_OK);
	assert_true(s.opaque && s.size == 7 && !s.root && s.version == 2);

	s.version = 77;
	assert_int_equal(mime_summary_decode(&arena, STR(""), &s).code, ERR_CORRUPT);
	assert_int_equal(mime_summary_decode(&arena, STR("\x01"), &s).code, ERR_CORRUPT);
	assert_int_equal(mime_summary_decode(&arena, STR("\x00\x01\x01"), &s).code, ERR_CORRUPT);
	assert_int_equal(mime_summary_decode(&arena, STR("\x01\x05\x01x"), &s).code, ERR_CORRUPT);
	str encoded = encode(&arena, str_of(message), 100);
	for (size_t len = 0; len < encoded.len; len++)
		assert_int_equal(mime_summary_decode(&arena, str_slice(encoded, 0, len), &s).code,
		                 ERR_CORRUPT);
	assert_int_equal(s.version, 77);
	for (size_t i = 0; i < encoded.len * 255; i++) {
		struct arena job;
		str copy;
		arena_init(&job, NULL, LIMIT_MB);
		assert_int_equal(arena_copy(&job, encoded, &copy).code, ERR_OK);
		((char *)copy.ptr)[i / 255] = (char)(copy.ptr[i / 255] + 1 + (char)(i % 255));
		err e = mime_summary_decode(&job, copy, &s);
		assert_true(e.code == ERR_OK || e.code == ERR_CORRUPT);
		arena_reset(&job);
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures),    cmocka_unit_test(test_previews),
		cmocka_unit_test(test_preview_limit), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_depth),         cmocka_unit_test(test_parts),
		cmocka_unit_test(test_cut),           cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_decode),        cmocka_unit_test(test_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
