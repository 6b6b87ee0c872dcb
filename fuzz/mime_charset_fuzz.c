/* Whatever charset is named, what comes out is UTF-8, of bounded length, and the same each time; text of
 * ASCII letters that is in no wide or escaping charset stays what it is. A name, a line end, the octets. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "mime/charset.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str rest = { (const char *)octets, size };
	str charset = str_cut(&rest, '\n');
	struct arena arena;
	struct buf out, again;
	unsigned one = 1, two = 1, none = 0;

	if (size > 4096)
		return 0;
	arena_init(&arena, NULL, 16 * LIMIT_MB);
	buf_init(&out, &arena, LIMIT_MB);
	buf_init(&again, &arena, LIMIT_MB);
	bool known = mime_to_utf8(charset, rest, &out, &one);
	must(!known || mime_charset_known(charset));
	must(utf8_invalid(buf_str(&out)) == out.len && buf_err(&out).code == ERR_OK);
	must(out.len <= 8 * rest.len + 16);
	must(mime_to_utf8(charset, rest, &again, &two) == known && one == two);
	must(str_eq(buf_str(&out), buf_str(&again)));
	/* Without a conversion left it is guessed, never refused. */
	buf_clear(&again);
	mime_to_utf8(charset, rest, &again, &none);
	must(utf8_invalid(buf_str(&again)) == again.len && none == 0);
	arena_reset(&arena);
	return 0;
}
