/* Reading addresses ends, gives one for each octet at most, and an address that is written from what was read
 * is read as the same. The same octets also go to the other readers of field bodies. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/address.h"
#include "mime/content_type.h"
#include "mime/encoded_word.h"
#include "mime/message_id.h"
#include "mime/subject.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void quoted(struct buf *out, str s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.ptr[i]);
	}
	buf_add_char(out, '"');
}

/* name <local@host>, both quoted, reads as it was. */
static void check_again(struct arena *arena, const struct mime_address *a)
{
	struct mime_address_reader reader;
	struct mime_address again;
	struct buf text, scratch;

	buf_init(&text, arena, LIMIT_MB);
	buf_init(&scratch, arena, LIMIT_MB);
	quoted(&text, a->name);
	buf_add(&text, STR(" <"));
	quoted(&text, a->mailbox);
	buf_add_char(&text, '@');
	buf_add(&text, a->host);
	buf_add_char(&text, '>');
	mime_address_begin(&reader, buf_str(&text), &scratch);
	must(mime_address_next(&reader, &again));
	must(str_eq(again.name, a->name) && str_eq(again.mailbox, a->mailbox) && str_eq(again.host, a->host));
	must(!mime_address_next(&reader, &again));
}

static void others(struct arena *arena, str body)
{
	static struct mime_content_type type;
	static struct mime_disposition disposition;
	struct buf b;
	unsigned conversions = 2;
	scan s = { body, 0 };
	str id;

	buf_init(&b, arena, 4 * LIMIT_MB);
	mime_content_type_parse(body, &b, &type);
	must(b.len <= 3 * body.len + 64);
	for (size_t i = 0; i < type.parameters.count; i++)
		mime_parameter_decode(type.parameters.list[i].value, &b, &conversions);
	mime_disposition_parse(body, &b, &disposition);
	buf_clear(&b);
	mime_words_decode(body, &b, &conversions);
	must(utf8_invalid(buf_str(&b)) == b.len);
	mime_base_subject(buf_str(&b), &b);
	while (mime_message_id_next(&s, &b, &id))
		must(id.len >= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str body = { (const char *)octets, size < 4096 ? size : 4096 };
	struct mime_address_reader reader;
	struct mime_address a;
	struct arena arena;
	struct buf scratch;
	char room[4096 + 1];
	size_t count = 0;

	arena_init(&arena, NULL, 256u * LIMIT_MB);
	buf_init_fixed(&scratch, room, body.len + 1);
	mime_address_begin(&reader, body, &scratch);
	while (mime_address_next(&reader, &a)) {
		must(++count <= body.len + 1);
		must(buf_err(&scratch).code == ERR_OK);
		if (!a.doubtful && a.kind == MIME_ADDRESS_MAILBOX && count < 8)
			check_again(&arena, &a);
	}
	must(reader.in.at == body.len);
	others(&arena, body);
	arena_reset(&arena);
	return 0;
}
