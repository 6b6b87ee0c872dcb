#include "mime/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"

/* Each field as name=body, unfolded, ";" behind; a line that is none as "!". "." where the block has its end.
 */
static const struct {
	const char *block, *want;
	size_t rest; /* octets after the block */
} blocks[] = {
	{ "A: b\r\n\r\nbody", "A=b;.", 4 },
	{ "A: b\n\nbody", "A=b;.", 4 },
	{ "Subject : x\r\n y\r\n\tz \r\nB:\r\n\r\n", "Subject=x y\tz;B=;.", 0 },
	{ "A: b\r\n \r\n c\r\n\r\n", "A=b  c;.", 0 },
	{ "A: b", "A=b;", 0 },
	{ "\r\nA: b", ".", 4 },
	{ "", "", 0 },
	{ "no colon\r\nA: b\r\n\r\n", "!A=b;.", 0 },
	{ "From x Mon Jan  1 00:00\r\nA: b\r\n\r\n", "!A=b;.", 0 },
	{ " folded\r\nA: b\r\n\r\n", "!A=b;.", 0 },
	{ ": b\r\n\r\n", "!.", 0 },
	{ "A\x01: b\r\n\r\n", "!.", 0 },
	{ "A: b\r\r\nC: d\r\n\r\n", "A=b;C=d;.", 0 },
	{ "A: b\r\n\r", "A=b;!", 0 },
	{ "A: b\r\n\r\n folded?", "A=b;.", 8 },
	{ "A: b\n\n\tfolded?", "A=b;.", 8 },
	{ "\r\n folded?", ".", 8 },
};

static void test_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		char octets[128] = "";
		scan s = { str_of(blocks[i].block), 0 };
		struct mime_header_field f;
		struct buf out;
		size_t end = 0;

		print_message("%s\n", blocks[i].block);
		buf_init_fixed(&out, octets, sizeof octets - 1);
		while (mime_header_next(&s, &f)) {
			assert_int_equal(f.offset, end);
			end = f.offset + f.size;
			assert_int_equal(end, s.at);
			buf_add(&out, f.name.len ? f.name : STR("!"));
			if (f.name.len == 0)
				continue;
			buf_add_char(&out, '=');
			mime_header_unfold(f.body, &out);
			buf_add_char(&out, ';');
		}
		if (s.at > end)
			buf_add_char(&out, '.');
		assert_string_equal(octets, blocks[i].want);
		assert_int_equal(scan_rest(&s).len, blocks[i].rest);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(mime_field_of(STR("FROM")), MIME_FIELD_FROM);
	assert_int_equal(mime_field_of(STR("content-transfer-encoding")),
	                 MIME_FIELD_CONTENT_TRANSFER_ENCODING);
	assert_int_equal(mime_field_of(STR("")), MIME_FIELD_OTHER);
	assert_int_equal(mime_field_of(STR("From ")), MIME_FIELD_OTHER);
	assert_int_equal(mime_field_of(STR("X-From")), MIME_FIELD_OTHER);
}

static struct mime_header collector(struct arena *arena)
{
	struct mime_header h;

	arena_init(arena, NULL, LIMIT_MB);
	assert_int_equal(mime_header_init(&h, arena).code, ERR_OK);
	mime_header_begin(&h);
	return h;
}

/* A body up to LIMIT_HEADER_FIELD is kept whole; one octet more is cut and said to be. */
static void test_field_limit(void **state)
{
	str piece = STR("0123456789abcdef");

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct arena arena;
		struct mime_header h = collector(&arena);

		assert_false(mime_header_piece(&h, STR("Subject:"), true));
		for (size_t i = 0; i < LIMIT_HEADER_FIELD / 16; i++)
			assert_false(mime_header_piece(&h, piece, false));
		if (more)
			assert_false(mime_header_piece(&h, STR("x"), false));
		assert_false(mime_header_piece(&h, STR("\r\n"), false));
		assert_int_equal(h.cut, more);
		assert_true(mime_header_end(&h));
		assert_int_equal(h.field, MIME_FIELD_SUBJECT);
		assert_int_equal(mime_header_body(&h).len, LIMIT_HEADER_FIELD);
		arena_reset(&arena);
	}
}

/* What goes past LIMIT_HEADER_BLOCK is not looked at. */
static void test_block_limit(void **state)
{
	enum { FIELD = 16, FIELDS = LIMIT_HEADER_BLOCK / FIELD };

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct arena arena;
		struct mime_header h = collector(&arena);
		size_t complete = 0;

		for (size_t i = 0; i < FIELDS + more; i++) {
			while (mime_header_piece(&h, STR("Subject: abcde\r\n"), true))
				complete++;
		}
		complete += mime_header_end(&h);
		assert_int_equal(complete, FIELDS);
		assert_int_equal(h.cut, more);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_blocks), cmocka_unit_test(test_names),
		                            cmocka_unit_test(test_field_limit),
		                            cmocka_unit_test(test_block_limit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
