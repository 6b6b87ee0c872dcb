/* What is written into a header field is read as it was, stays one field and keeps its lines short. The
 * octets are a text; cut at "|", they are an address and a parameter. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "mime/content_type.h"
#include "mime/encoded_word.h"
#include "mime/field.h"
#include "mime/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

/* `s` as a reader must see it: without spaces at both ends, all of it characters. */
static str expected(struct arena *arena, str s)
{
	struct buf b;

	buf_init(&b, arena, LIMIT_MB);
	s = str_trim(s);
	while (s.len) {
		size_t len = utf8_length(s);
		buf_add(&b, len ? str_slice(s, 0, len) : STR("\xef\xbf\xbd"));
		s = str_from(s, len ? len : 1);
	}
	return buf_str(&b);
}

static bool has_controls(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return true;
	return false;
}

/* The one field in `written`, unfolded. */
static str read_field(struct arena *arena, const struct buf *written, size_t line_max)
{
	scan block = { buf_str(written), 0 };
	struct mime_header_field f;
	struct buf body;

	must(buf_err(written).code == ERR_OK && str_ends_nocase(buf_str(written), CRLF));
	for (str rest = buf_str(written); rest.len;) {
		str line = str_cut(&rest, '\n');
		must(line.len <= line_max + 1 && str_ends_nocase(line, STR("\r")));
		must(str_find_char(line, '\r') == line.len - 1);
	}
	must(mime_header_next(&block, &f) && scan_at_end(&block) && f.name.len == 1);
	buf_init(&body, arena, LIMIT_MB);
	mime_header_unfold(f.body, &body);
	return buf_str(&body);
}

static str decoded(struct arena *arena, str text)
{
	struct buf b;
	unsigned conversions = 0;

	buf_init(&b, arena, LIMIT_MB);
	mime_words_decode(text, &b, &conversions);
	return buf_str(&b);
}

static void check_text(struct arena *arena, str text)
{
	struct buf written;

	buf_init(&written, arena, LIMIT_MB);
	mime_field_add_text(&written, STR("S"), text);
	str body = read_field(arena, &written, 80);
	must(str_eq(decoded(arena, body), expected(arena, text)));
}

static void check_address(struct arena *arena, str name, str mailbox, str host)
{
	struct mime_address a = { .name = name, .mailbox = mailbox, .host = host }, got;
	struct mime_address_reader reader;
	struct buf written, scratch;
	struct mime_field_writer f;

	buf_init(&written, arena, LIMIT_MB);
	buf_init(&scratch, arena, LIMIT_MB);
	mime_field_begin(&f, &written, STR("T"));
	mime_field_address(&f, &a);
	mime_field_address(&f, &a);
	mime_field_end(&f);
	str body = read_field(arena, &written, 2 * (mailbox.len + host.len) + 100);
	mime_address_begin(&reader, body, &scratch);
	for (unsigned i = 0; i < 2; i++) {
		must(mime_address_next(&reader, &got));
		if (has_controls(mailbox) || has_controls(name) || mailbox.len == 0 || host.len == 0)
			return;
		must(str_eq(got.mailbox, mailbox));
		must(str_eq(decoded(arena, got.name), expected(arena, name)));
	}
	must(!mime_address_next(&reader, &got));
}

static void check_parameter(struct arena *arena, str value)
{
	static struct mime_content_type type;
	struct buf written, scratch, got;
	struct mime_field_writer f;
	unsigned conversions = 0;
	str found;

	buf_init(&written, arena, LIMIT_MB);
	buf_init(&scratch, arena, LIMIT_MB);
	buf_init(&got, arena, LIMIT_MB);
	mime_field_begin(&f, &written, STR("C"));
	mime_field_word(&f, STR("text/plain"));
	mime_field_parameter(&f, STR("name"), value);
	mime_field_end(&f);
	str body = read_field(arena, &written, 76);
	mime_content_type_parse(body, &scratch, &type);
	must(type.parameters.count == 1 || type.parameters.cut);
	if (type.parameters.cut || utf8_invalid(value) < value.len)
		return;
	if (mime_parameter_find(type.parameters.list, 1, STR("name"), &found)) {
		must(str_eq(found, value));
	} else {
		must(mime_parameter_find(type.parameters.list, 1, STR("name*"), &found));
		mime_parameter_decode(found, &got, &conversions);
		must(str_eq(buf_str(&got), value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct arena arena;
	str all = { (const char *)octets, size };

	if (size > 4096)
		return 0;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	check_text(&arena, all);
	str name = str_cut(&all, '|'), mailbox = str_cut(&all, '|');
	check_address(&arena, name, mailbox, all);
	check_parameter(&arena, name);
	arena_reset(&arena);
	return 0;
}
