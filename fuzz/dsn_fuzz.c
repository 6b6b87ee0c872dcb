/* Whatever addresses, ids and a remote's reply say, a notice is one header of the fields that we write, three
 * parts, and a report of the fields that RFC 3464 has, in lines that may be sent. The octets are cut at "|".
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "bounce/dsn.h"
#include "mime/header.h"
#include "mime/summary.h"
#include "mime/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static const char *const header_names[] = { "From",         "To",           "Subject",    "Date",
	                                    "Message-ID",   "In-Reply-To",  "References", "Auto-Submitted",
	                                    "MIME-Version", "Content-Type", NULL };
static const char *const message_names[] = { "Original-Envelope-Id", "Reporting-MTA", "Arrival-Date",
	                                     "X-Postrider-Queue-Id", NULL };
static const char *const recipient_names[] = {
	"Original-Recipient", "Final-Recipient",   "Action",           "Status", "Remote-MTA",
	"Diagnostic-Code",    "Last-Attempt-Date", "Will-Retry-Until", NULL
};

static void must(bool law)
{
	if (!law)
		abort();
}

static void check_lines(str text, bool wide)
{
	while (text.len) {
		str line = str_cut(&text, '\n');

		must(line.len <= 999 && line.len > 0 && line.ptr[line.len - 1] == '\r');
		must(str_find_char(line, '\r') == line.len - 1);
		for (size_t i = 0; i < line.len; i++)
			must(line.ptr[i] != '\0' && (wide || (unsigned char)line.ptr[i] < 0x80));
	}
}

/* The fields up to the next empty line: some of `names`, each once, in that order. */
static void check_fields(scan *block, const char *const *names)
{
	struct mime_header_field f;

	while (mime_header_next(block, &f)) {
		must(f.name.len > 0);
		while (*names && !str_eq(f.name, str_of(*names)))
			names++;
		must(*names++);
	}
}

static void check_report(struct arena *arena, str body, bool encoded, size_t count)
{
	struct mime_qp_decoder qp = { .bad = 0 };
	struct buf plain;
	scan s;

	buf_init(&plain, arena, LIMIT_DSN);
	if (encoded) {
		mime_qp_decode(&qp, body, &plain);
		mime_qp_decode_end(&qp, &plain);
		body = buf_str(&plain);
	}
	s.in = body;
	s.at = 0;
	check_fields(&s, message_names);
	for (size_t i = 0; i < count; i++)
		check_fields(&s, recipient_names);
	must(scan_at_end(&s));
}

static void check_notice(struct arena *arena, str message, const struct dsn *dsn)
{
	struct mime_summary_parser *parser;
	struct mime_summary summary;
	struct buf encoded;
	scan header = { message, 0 };

	check_lines(message, dsn_is_wide(dsn));
	check_fields(&header, header_names);
	buf_init(&encoded, arena, LIMIT_SUMMARY);
	must(mime_summary_new(arena, &parser).code == ERR_OK);
	mime_summary_push(parser, message);
	must(mime_summary_finish(parser, &encoded).code == ERR_OK);
	must(mime_summary_decode(arena, buf_str(&encoded), &summary).code == ERR_OK);
	must(str_eq(summary.root->subtype, STR("report")) && !summary.root->unclosed);
	const struct mime_part *text = summary.root->child, *report = text->next, *third = report->next;
	must(str_eq(text->type, STR("text")) && str_eq(report->type, STR("message")));
	must(third && !third->next && str_eq(third->subtype, STR("rfc822-headers")));
	uint64_t at = report->header_offset + report->header_size;
	check_report(arena, str_slice(message, (size_t)at, (size_t)(at + report->body_size)),
	             str_eq(report->encoding, STR("quoted-printable")), dsn->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct dsn_original header = { .whole = false };
	str in = { (const char *)octets, size };
	struct dsn_recipient recipients[2];
	struct arena arena;
	struct buf message, after;

	if (size < 1 || size > 8192)
		return 0;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	recipients[0] = (struct dsn_recipient){ .action = octets[0] % 5u,
		                                .answered = octets[0] & 16,
		                                .last_attempt_ms = 1,
		                                .will_retry_until_ms = 1 };
	in = str_from(in, 1);
	struct dsn dsn = { .id = STR("N1"),
		           .hostname = STR("mx.shop.example"),
		           .to = str_cut(&in, '|'),
		           .original_id = STR("O1"),
		           .recipients = recipients,
		           .count = 2 };
	recipients[0].forward_path = str_cut(&in, '|');
	recipients[0].orcpt = str_cut(&in, '|');
	recipients[0].remote_host = str_cut(&in, '|');
	dsn.envid = str_cut(&in, '|');
	dsn.original_message_id = str_cut(&in, '|');
	dsn.original_subject = str_cut(&in, '|');
	recipients[0].reply = in;
	recipients[1] = (struct dsn_recipient){ .forward_path = recipients[0].forward_path };
	buf_init(&message, &arena, LIMIT_DSN);
	buf_init(&after, &arena, LIMIT_DSN);
	if (dsn_compose(&dsn, header, &arena, &message, &after).code == ERR_OK) {
		buf_add(&message, STR("A: b\r\n"));
		buf_add(&message, buf_str(&after));
		check_notice(&arena, buf_str(&message), &dsn);
	}
	arena_reset(&arena);
	return 0;
}
