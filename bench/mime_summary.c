/* mime_summary: CPU of summing up one message, in ns, for the sizes that `make bench-receive` sends.
 *
 * Four shapes (plain text, HTML with its text alternative, base64 attachment, quoted-printable Latin-1),
 * given in the blocks in which the server holds content. Budget: 4 KB in 10 µs, 75 KB in 25 µs on the
 * reference machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "mime/summary.h"

enum { SECONDS_EACH = 1, MESSAGE_MAX = 128 * 1024, OUT_MAX = LIMIT_SUMMARY };

static const char header[] =
	"Received: from mail-out.shop.example (mail-out.shop.example [192.0.2.10])\r\n"
	"\tby mx.example.net (postrider) with ESMTPS id 4fQw8x3Tz1z9\r\n"
	"\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n"
	"\tfor <kim@example.net>; Tue, 17 Nov 2026 09:14:02 +0000\r\n"
	"Received: from app-7.internal (app-7.internal [10.1.4.7])\r\n"
	"\tby mail-out.shop.example with ESMTPSA id 4fQw8w1Kz2; Tue, 17 Nov 2026 09:14:01 +0000\r\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.example; s=k2026;\r\n"
	"\tt=1795000441; h=from:to:subject:date:message-id:mime-version:content-type;\r\n"
	"\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
	"\tb=Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFy\r\n"
	"\t YmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYm\r\n"
	"\t FyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6==\r\n"
	"Authentication-Results: mx.example.net; dkim=pass header.d=shop.example;\r\n"
	"\tspf=pass smtp.mailfrom=bounce.shop.example\r\n"
	"From: =?UTF-8?Q?B=C3=BCcher_&_mehr?= <orders@shop.example>\r\n"
	"To: Kim Example <kim@example.net>, \"Kay, Dr.\" <kay@example.org>\r\n"
	"Cc: books@example.net\r\n"
	"Reply-To: service@shop.example\r\n"
	"Subject: Re: =?UTF-8?B?SWhyZSBCZXN0ZWxsdW5nIHZvbSAxNi4gTm92ZW1iZXI=?= 4711\r\n"
	"Date: Tue, 17 Nov 2026 10:14:00 +0100 (CET)\r\n"
	"Message-ID: <20261117091400.4711.8f3a@app-7.shop.example>\r\n"
	"In-Reply-To: <CAKx9s8Zk2=abcd@mail.example.net>\r\n"
	"References: <first@example.net> <second@shop.example> <CAKx9s8Zk2=abcd@mail.example.net>\r\n"
	"List-Unsubscribe: <https://shop.example/u/8f3a>\r\n"
	"X-Mailer: shop 4.2\r\n"
	"MIME-Version: 1.0\r\n";

struct message {
	char *octets;
	size_t len;
};

static void add(struct message *m, const char *text)
{
	size_t len = strlen(text);

	memcpy(m->octets + m->len, text, len);
	m->len += len;
}

static void fill(struct message *m, size_t size, const char *line)
{
	while (m->len + strlen(line) < size)
		add(m, line);
}

static struct message make(unsigned shape, size_t size)
{
	struct message m = { malloc(MESSAGE_MAX), 0 };

	if (!m.octets)
		exit(75);
	add(&m, header);
	if (shape == 0) {
		add(&m, "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n");
		fill(&m, size,
		     "The quick brown fox jumps over the lazy dog; it has done so for many years.\r\n");
	} else if (shape == 1) {
		add(&m,
		    "Content-Type: multipart/alternative; boundary=\"=_b1\"\r\n\r\n--=_b1\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n\r\nThank you for your order.\r\n--=_b1\r\n"
		    "Content-Type: text/html; "
		    "charset=utf-8\r\n\r\n<html><head><style>p{margin:0}</style>\r\n");
		fill(&m, size,
		     "<tr><td class=\"item\" style=\"padding:4px\"><b>1 &times;</b> A book</td></tr>\r\n");
		add(&m, "--=_b1--\r\n");
	} else if (shape == 2) {
		add(&m, "Content-Type: multipart/mixed; "
		        "boundary=\"----=_NextPart_000\"\r\n\r\n------=_NextPart_000\r\n"
		        "Content-Type: text/plain; charset=us-ascii\r\n\r\nSee the "
		        "invoice.\r\n------=_NextPart_000\r\n"
		        "Content-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Transfer-Encoding: "
		        "base64\r\n"
		        "Content-Disposition: attachment; filename=\"invoice.pdf\"\r\n\r\n");
		fill(&m, size,
		     "JVBERi0xLjQKJeLjz9MKMyAwIG9iago8PC9MZW5ndGggNCAwIFIvRmlsdGVyL0ZsYXRlRGVj\r\n");
		add(&m, "------=_NextPart_000--\r\n");
	} else {
		add(&m, "Content-Type: text/plain; charset=iso-8859-1\r\n"
		        "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		fill(&m, size,
		     "Sehr geehrte Damen und Herren, f=FCr Ihre Bestellung danken wir sch=F6n und=\r\n");
	}
	return m;
}

static size_t sum_up(struct arena_pool *pool, const struct message *m, char *out_octets)
{
	struct mime_summary_parser *p;
	struct arena arena;
	struct buf out;

	arena_init(&arena, pool, 64 * LIMIT_KB);
	buf_init_fixed(&out, out_octets, OUT_MAX);
	if (mime_summary_new(&arena, &p).code != ERR_OK)
		exit(70);
	for (size_t at = 0; at < m->len; at += LIMIT_BLOCK)
		mime_summary_push(
			p, (str){ m->octets + at, m->len - at < LIMIT_BLOCK ? m->len - at : LIMIT_BLOCK });
	if (mime_summary_finish(p, &out).code != ERR_OK)
		exit(70);
	arena_reset(&arena);
	return out.len;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
	static const char *const shapes[] = { "plain", "html", "base64", "latin1-qp" };
	static const size_t sizes[] = { 4 * 1024, 75 * 1024 };
	static char out[OUT_MAX];
	struct arena_pool pool = { 0 };

	for (size_t s = 0; s < 2; s++) {
		for (unsigned shape = 0; shape < 4; shape++) {
			struct message m = make(shape, sizes[s]);
			double best = 1e18;
			size_t len = 0;
			double end = cpu_ns() + SECONDS_EACH * 1e9;
			while (cpu_ns() < end) {
				double start = cpu_ns();
				for (int i = 0; i < 100; i++)
					len = sum_up(&pool, &m, out);
				double ns = (cpu_ns() - start) / 100;
				best = ns < best ? ns : best;
			}
			printf("%-10s %6zu octets  %7.0f ns  summary %zu octets\n", shapes[shape], m.len,
			       best, len);
			free(m.octets);
		}
	}
	arena_pool_fini(&pool);
	return 0;
}
