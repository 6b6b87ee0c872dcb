/* However what is piped into `send` is divided, the same message comes out; its lines end with CR LF and hold
 * no other; its header holds fields only, none of which began in the middle of a line; its recipients are one
 * line. The first octet chooses whether a dot ends it and how it is divided. */
#include <stdlib.h>

#include "base/limits.h"
#include "cli/send_message.h"
#include "cli/send_recipients.h"
#include "mime/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static str filtered(struct arena *arena, str in, bool dot_ends, size_t step)
{
	struct line_filter f;
	struct buf out;

	buf_init(&out, arena, line_filter_room(in.len) + 16);
	line_filter_init(&f, dot_ends);
	for (size_t at = 0; at < in.len; at += step)
		line_filter_push(&f, str_slice(in, at, in.len - at < step ? in.len : at + step), &out);
	line_filter_finish(&f, &out);
	must(buf_err(&out).code == ERR_OK);
	return buf_str(&out);
}

static void check_lines(str text)
{
	for (size_t i = 0; i < text.len; i++) {
		must(text.ptr[i] != '\n' || (i > 0 && text.ptr[i - 1] == '\r'));
		must(text.ptr[i] != '\r' || (i + 1 < text.len && text.ptr[i + 1] == '\n'));
	}
	must(text.len == 0 || text.ptr[text.len - 1] == '\n');
}

static void check_header(struct arena *arena, str header)
{
	struct mime_header_field field;
	struct send_recipients r;
	scan s = { header, 0 };

	while (mime_header_next(&s, &field))
		must(field.name.len > 0);
	must(scan_at_end(&s));
	if (send_recipients_init(&r, arena, STR("host.example"), 20).code != ERR_OK)
		return;
	(void)send_recipients_add_header(&r, header).code;
	for (uint32_t i = 0; i < r.count; i++)
		for (size_t k = 0; k < r.paths[i].len; k++)
			must((unsigned char)r.paths[i].ptr[k] >= ' ' && r.paths[i].ptr[k] != '\x7f');
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct arena arena;
	str header, body;

	if (size == 0 || size > 16 * LIMIT_KB)
		return 0;
	arena_init(&arena, NULL, 16 * LIMIT_MB);
	str in = { (const char *)octets + 1, size - 1 };
	bool dot_ends = octets[0] & 1;
	str whole = filtered(&arena, in, dot_ends, in.len + 1);
	str pieces = filtered(&arena, in, dot_ends, (size_t)(octets[0] >> 1) % 40 + 1);
	must(str_eq(whole, pieces));
	check_lines(whole);
	must(send_message_cut(whole, true, &header, &body).code == ERR_OK);
	check_header(&arena, header);
	check_lines(header);
	check_lines(body);
	arena_reset(&arena);
	return 0;
}
