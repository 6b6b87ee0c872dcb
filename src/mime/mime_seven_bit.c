/* mime_seven_bit: messages made 7-bit, for tests/test_mime_seven_bit.py: mime_seven_bit DIR FILE...
 *
 * Writes DIR/N for the Nth file, from 0, and prints a line for it: "changed", "kept", or why it can't be.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "mime/seven_bit.h"

enum { MESSAGE_MAX = 64u * LIMIT_MB, CHUNK = 1000 };

static err convert(struct arena *arena, str in, struct buf *out, bool *changes)
{
	struct mime_seven_bit_survey *s;
	struct mime_seven_bit_plan plan;
	struct mime_seven_bit *f;
	str none = STR(""), run;

	TRY(mime_seven_bit_survey_new(arena, &s));
	for (size_t at = 0; at < in.len; at += CHUNK)
		mime_seven_bit_survey_push(s, str_slice(in, at, in.len - at < CHUNK ? in.len : at + CHUNK));
	TRY(mime_seven_bit_survey_end(s, &plan));
	TRY(mime_seven_bit_new(arena, &plan, &f));
	while (mime_seven_bit_next(f, &in, &run))
		buf_add(out, run);
	mime_seven_bit_end(f);
	while (mime_seven_bit_next(f, &none, &run))
		buf_add(out, run);
	*changes = plan.changes;
	TRY(mime_seven_bit_err(f));
	return buf_err(out);
}

static err handle(struct arena *arena, const char *directory, int number, const char *path)
{
	struct buf out;
	char name[LIMIT_PATH_NAME];
	bool changes;
	str in;

	TRY(file_read_all(arena, str_of(path), MESSAGE_MAX, &in));
	buf_init(&out, arena, 4u * MESSAGE_MAX);
	err e = convert(arena, in, &out, &changes);
	puts(e.code == ERR_OK ? changes ? "changed" : "kept" : e.what);
	if (e.code != ERR_OK)
		return OK;
	snprintf(name, sizeof name, "%s/%d", directory, number);
	AUTO(file) f = FILE_NONE;
	TRY(file_open(arena, str_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600, &f));
	struct iovec part = { out.ptr, out.len };
	return file_write_at(f, &part, out.len > 0, 0);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 64;
	for (int i = 2; i < argc; i++) {
		struct arena arena;

		arena_init(&arena, NULL, 1024u * LIMIT_MB);
		err e = handle(&arena, argv[1], i - 2, argv[i]);
		if (e.code != ERR_OK) {
			fprintf(stderr, "mime_seven_bit: %s\n", e.what);
			return 74;
		}
		arena_reset(&arena);
	}
	return 0;
}
