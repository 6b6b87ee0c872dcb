/* A surrogate has no 8-bit octet in any header, is its own surrogate, and is the message itself where that
 * has none either; how the octets are cut does not matter. The first octet chooses the chunks. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/surrogate.h"
#include "mime/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static str surrogate(struct arena *arena, str in, size_t chunk)
{
	struct mime_surrogate *s;
	struct buf out;
	str run, none = STR("");

	buf_init(&out, arena, LIMIT_MB);
	must(mime_surrogate_new(arena, &s).code == ERR_OK);
	for (size_t at = 0; at < in.len; at += chunk) {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		while (mime_surrogate_next(s, &some, &run))
			buf_add(&out, run);
		must(some.len == 0);
	}
	mime_surrogate_end(s);
	while (mime_surrogate_next(s, &none, &run))
		buf_add(&out, run);
	must(mime_surrogate_err(s).code == ERR_OK && buf_err(&out).code == ERR_OK);
	return buf_str(&out);
}

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

/* False where 8-bit octets stand in a header. Their octets put together must be the message. */
static bool has_ascii_headers(struct arena *arena, str message)
{
	struct mime_walk *w;
	struct mime_walk_step step;
	mime_walk_event event;
	str rest = message, in = message;
	bool ascii = true, over = false;

	must(mime_walk_new(arena, false, &w).code == ERR_OK);
	while ((event = mime_walk_next(w, &in, &step)) != MIME_WALK_END) {
		if (event == MIME_WALK_MORE) {
			must(!over);
			over = true;
			mime_walk_end(w);
			continue;
		}
		must(str_starts(rest, step.octets));
		rest = str_from(rest, step.octets.len);
		ascii = ascii &&
		        (event == MIME_WALK_BODY || event == MIME_WALK_DELIMITER || is_ascii(step.octets));
	}
	must(rest.len == 0);
	return ascii;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct arena arena;

	if (size < 1 || size > 4096)
		return 0;
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	str message = { (const char *)octets + 1, size - 1 };
	str made = surrogate(&arena, message, size);
	must(str_eq(made, surrogate(&arena, message, 1 + octets[0])));
	must(has_ascii_headers(&arena, made));
	must(str_eq(made, surrogate(&arena, made, 7)));
	if (has_ascii_headers(&arena, message))
		must(str_eq(made, message));
	arena_reset(&arena);
	return 0;
}
