#include "mime/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

/* What each event is called below, one letter with its octets after it; those of a body are joined. */
static const char letters[] = {
	[MIME_WALK_FIELD] = 'F', [MIME_WALK_LONG_FIELD] = 'L', [MIME_WALK_HEADER_END] = 'H',
	[MIME_WALK_BODY] = 'B',  [MIME_WALK_DELIMITER] = 'D',  [MIME_WALK_END] = 'E'
};

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"

static const struct {
	const char *in;
	const char *lenient, *strict; /* strict NULL: the same */
} cases[] = {
	{ "", "H|E", NULL },
	{ "A: b\r\n", "FA: b\r\n|H|E", NULL },
	{ "A: b\r\n c\r\n\r\nx\r\ny", "FA: b\r\n c\r\n|H\r\n|Bx\r\ny|E", NULL },
	{ "A: b\n\nx\n", "FA: b\n|H\n|Bx\n|E", "FA: b\n\nx\n|H|E" },
	{ "no field\r\nB: c\r\n\r\n", "Fno field\r\n|FB: c\r\n|H\r\n|E", NULL },
	{ " begins\r\n\r\n", "F begins\r\n|H\r\n|E", NULL },
	{ "A: b\r", "FA: b\r|H|E", NULL },
	{ MIXED "\r\n--b\r\n\r\nx\r\n--b--", "F" MIXED "|H\r\n|D--b\r\n|H\r\n|Bx|D\r\n--b--|E", NULL },
	{ MIXED "\r\n\r\n--b--\r\n\r\n--b\r\n", "F" MIXED "|H\r\n|D\r\n--b--\r\n|B\r\n--b\r\n|E", NULL },
	{ MIXED "\r\n-x\r\n--b--", "F" MIXED "|H\r\n|B-x|D\r\n--b--|E", NULL },
	{ MIXED "\r\n--bb\r\n--b\r\n", "F" MIXED "|H\r\n|B--bb|D\r\n--b\r\n|H|E", NULL },
	{ MIXED "\r\nx\r\r\n--b\r\nA: b\r\n--b", "F" MIXED "|H\r\n|Bx\r|D\r\n--b\r\n|FA: b\r\n|H|D--b|H|E",
	  NULL },
	{ MIXED "\r\nx\n--b--\n", "F" MIXED "|H\r\n|Bx|D\n--b--\n|E", "F" MIXED "|H\r\n|Bx\n--b--\n|E" },
	{ MIXED "\r\nx\r\n--b\n\r\n--b--", "F" MIXED "|H\r\n|Bx|D\r\n--b\n|H\r\n|D--b--|E",
	  "F" MIXED "|H\r\n|Bx\r\n--b\n|D\r\n--b--|E" },
	{ MIXED "\r\nx\r\n-\r-\r\n--", "F" MIXED "|H\r\n|Bx\r\n-\r-\r\n--|E", NULL },
	{ "Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx",
	  "FContent-Type: message/rfc822\r\n|H\r\n|FA: b\r\n|H\r\n|Bx|E", NULL },
};

static str walk(struct arena *arena, str in, size_t chunk, bool strict)
{
	struct mime_walk *w;
	struct mime_walk_step step;
	struct buf out;
	mime_walk_event event, before = MIME_WALK_MORE;
	size_t at = 0;

	buf_init(&out, arena, LIMIT_MB);
	assert_int_equal(mime_walk_new(arena, strict, &w).code, ERR_OK);
	do {
		str some = str_slice(in, at, in.len - at < chunk ? in.len : at + chunk);
		at += some.len;
		if (some.len == 0)
			mime_walk_end(w);
		while ((event = mime_walk_next(w, &some, &step)) != MIME_WALK_MORE &&
		       event != MIME_WALK_END) {
			if (event != MIME_WALK_BODY || before != MIME_WALK_BODY) {
				buf_add(&out, before == MIME_WALK_MORE ? STR("") : STR("|"));
				buf_add_char(&out, letters[event]);
			}
			buf_add(&out, step.octets);
			before = event;
		}
	} while (event != MIME_WALK_END);
	buf_add(&out, STR("|E"));
	assert_int_equal(buf_err(&out).code, ERR_OK);
	assert_int_equal(mime_walk_err(w).code, ERR_OK);
	return buf_str(&out);
}

static void test_walks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t chunk = 1; chunk < 80; chunk++) {
			struct arena arena;
			arena_init(&arena, NULL, LIMIT_MB);
			const char *strict = cases[i].strict ? cases[i].strict : cases[i].lenient;
			str in = str_of(cases[i].in);
			str one = walk(&arena, in, chunk, false), two = walk(&arena, in, chunk, true);
			print_message("%s by %zu:\n%.*s\n%.*s\n", cases[i].in, chunk, STR_ARG(one),
			              STR_ARG(two));
			assert_true(str_eq(one, str_of(cases[i].lenient)));
			assert_true(str_eq(two, str_of(strict)));
			arena_reset(&arena);
		}
	}
}

/* A line that is longer than any delimiter is none, though it begins like one. */
static void test_long_line(void **state)
{
	for (size_t padding = 480; padding < 530; padding++) {
		char octets[1024];
		struct buf in;
		struct arena arena;
		(void)state;
		buf_init_fixed(&in, octets, sizeof octets);
		buf_add(&in, STR(MIXED "\r\n--b"));
		for (size_t i = 0; i < padding; i++)
			buf_add_char(&in, ' ');
		buf_add(&in, STR("\r\n--b--\r\n"));
		arena_init(&arena, NULL, LIMIT_MB);
		bool is = 3 + padding + 2 <= MIME_DELIMITER_OCTETS;
		for (size_t chunk = 1; chunk < 600; chunk += 7) {
			str got = walk(&arena, buf_str(&in), chunk, true);
			print_message("%zu by %zu\n", padding, chunk);
			assert_int_equal(str_find(got, STR("|D--b ")) < got.len, is);
			assert_true(str_find(got, STR("--b--\r\n|E")) < got.len);
			arena_reset(&arena);
			arena_init(&arena, NULL, LIMIT_MB);
		}
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_walks), cmocka_unit_test(test_long_line) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
