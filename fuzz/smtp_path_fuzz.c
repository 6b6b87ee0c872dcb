/* What is taken for a path is one: its text, put in brackets again, is taken for the same; nothing in it
 * could end a header field or a reply; it is UTF-8, its domain ASCII; the scan never passes the end. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "mime/eai.h"
#include "smtp/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

typedef err parser(scan *s, struct arena *arena, struct smtp_path *out);

static void must(bool law)
{
	if (!law)
		abort();
}

static void check(parser *parse, str in)
{
	struct arena arena;
	struct smtp_path path, again;
	scan s = { in, 0 }, t;
	struct buf text;
	err e;

	arena_init(&arena, NULL, 16 * LIMIT_ARENA_BLOCK);
	e = parse(&s, &arena, &path);
	must(s.at <= in.len);
	if (e.code == ERR_OK) {
		must(path.text.len <= LIMIT_PATH && path.local_part.len <= LIMIT_LOCAL_PART);
		must(path.domain.len <= LIMIT_DOMAIN + 2);
		buf_init(&text, &arena, LIMIT_PATH + 2);
		buf_add_char(&text, '<');
		buf_add(&text, path.text);
		buf_add_char(&text, '>');
		for (size_t i = 0; i < text.len; i++)
			must((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
		must(utf8_invalid(buf_str(&text)) == text.len && !eai_is_wide(path.domain));
		must(path.is_wide || !eai_is_wide(path.text));
		t = (scan){ buf_str(&text), 0 };
		must(parse(&t, &arena, &again).code == ERR_OK && scan_at_end(&t));
		must(str_eq(path.local_part, again.local_part) && str_eq(path.domain, again.domain));
	} else {
		must(e.at <= in.len && e.what);
	}
	arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };

	check(smtp_reverse_path_parse, in);
	check(smtp_forward_path_parse, in);
	return 0;
}
