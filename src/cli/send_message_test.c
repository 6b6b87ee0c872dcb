#include "cli/send_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limits.h"

static const struct {
	const char *in;
	bool dot_ends;
	const char *out;
} lines[] = {
	{ "", true, "" },
	{ "a\n", true, "a\r\n" },
	{ "a", true, "a\r\n" },
	{ "a\r\nb\nc\r\r\nd", true, "a\r\nb\r\nc\r\nd\r\n" },
	{ "\n\n", true, "\r\n\r\n" },
	/* a CR alone: never a new line in the header */
	{ "Subject: a\rBcc: b\n\n1%\r2%\r3%\n", true, "Subject: a Bcc: b\r\n\r\n1%\r\n2%\r\n3%\r\n" },
	{ "a\r", true, "a\r\n" },
	{ "\nb\r", true, "\r\nb\r\n" },
	/* dots */
	{ "\na\n.\nb\n", true, "\r\na\r\n" },
	{ "\na\n.\r\nb\n", true, "\r\na\r\n" },
	{ "\na\n.\nb\n", false, "\r\na\r\n.\r\nb\r\n" },
	{ "\na\n..\n.b\n", true, "\r\na\r\n..\r\n.b\r\n" },
	{ "\na\n.", true, "\r\na\r\n" },
	{ "\na\n.", false, "\r\na\r\n.\r\n" },
	{ "\na.\n", true, "\r\na.\r\n" },
	{ ".\n", true, "" },
};

/* However the input is cut, the same comes out. */
static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		for (size_t step = 1; step < 30; step += 7) {
			str in = str_of(lines[i].in);
			struct line_filter f;
			char octets[200];
			struct buf out;

			print_message("%zu by %zu\n", i, step);
			buf_init_fixed(&out, octets, sizeof octets - 1);
			line_filter_init(&f, lines[i].dot_ends);
			for (size_t at = 0; at < in.len; at += step)
				line_filter_push(
					&f, str_slice(in, at, at + step < in.len ? at + step : in.len), &out);
			line_filter_finish(&f, &out);
			octets[out.len] = '\0';
			assert_string_equal(octets, lines[i].out);
		}
}

static const struct {
	const char *head, *header, *body;
} cuts[] = {
	{ "A: b\r\n\r\nbody\r\n", "A: b\r\n", "body\r\n" },
	{ "A: b\r\n c\r\nD: e\r\n\r\n", "A: b\r\n c\r\nD: e\r\n", "" },
	{ "A: b\r\n", "A: b\r\n", "" },
	{ "", "", "" },
	{ "\r\nbody\r\n", "", "body\r\n" },
	{ "\r\n body\r\n", "", " body\r\n" },
	{ "just text\r\nA: b\r\n", "", "just text\r\nA: b\r\n" },
	{ "A: b\r\njust text\r\n", "A: b\r\n", "just text\r\n" },
	{ "From ann Mon Nov 23 12:00:00 2026\r\nA: b\r\n\r\nbody\r\n", "A: b\r\n", "body\r\n" },
	{ "From ann Mon Nov 23 12:00:00 2026\r\n", "", "" },
	{ "From: ann\r\n\r\n", "From: ann\r\n", "" },
	{ " folded\r\n\r\n", "", " folded\r\n\r\n" },
};

static void test_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		str header = { 0 }, body = { 0 };

		print_message("%s\n", cuts[i].head);
		assert_int_equal(send_message_cut(str_of(cuts[i].head), true, &header, &body).code, ERR_OK);
		assert_true(str_eq(header, str_of(cuts[i].header)));
		assert_true(str_eq(body, str_of(cuts[i].body)));
	}
}

/* Of something longer, what may still become a header is not taken for a body. */
static void test_cut_off(void **state)
{
	str header = STR("untouched"), body = { 0 };

	(void)state;
	assert_int_equal(send_message_cut(STR("A: b\r\nC"), false, &header, &body).code, ERR_LIMIT);
	assert_int_equal(send_message_cut(STR("A: b\r\n"), false, &header, &body).code, ERR_LIMIT);
	assert_true(str_eq(header, STR("untouched")));
	assert_int_equal(send_message_cut(STR("A: b\r\n\r\nC"), false, &header, &body).code, ERR_OK);
	assert_true(str_eq(header, STR("A: b\r\n")) && str_eq(body, STR("C")));
}

/* A message of `size` octets behind a small header, through a pipe. */
static err read_sized(struct arena *arena, size_t size, uint64_t limit, struct send_message *out)
{
	char path[] = "/tmp/postrider-send-XXXXXX";
	AUTO(file) f = mkstemp(path);

	assert_true(f >= 0);
	unlink(path);
	assert_int_equal(write(f, "A: b\n\n", 6), 6);
	assert_int_equal(ftruncate(f, (off_t)(size + 6)), 0);
	assert_int_equal(lseek(f, 0, SEEK_SET), 0);
	return send_message_read(arena, f, true, limit, out);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, LIMIT_HEADER_BLOCK / 2, 3 * LIMIT_MB };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct send_message m = { .rest = FILE_NONE };
		uint64_t whole = 8 + sizes[i] + (sizes[i] ? 2 : 0); /* with line ends */
		struct arena arena;

		arena_init(&arena, NULL, 64 * LIMIT_MB);
		assert_int_equal(read_sized(&arena, sizes[i], whole, &m).code, ERR_OK);
		assert_true(str_eq(m.header, STR("A: b\r\n")));
		assert_int_equal(m.begin.len + m.rest_size, sizes[i] + (sizes[i] ? 2 : 0));
		assert_int_equal(m.rest >= 0, sizes[i] > LIMIT_HEADER_BLOCK);
		send_message_close(&m);
		assert_int_equal(read_sized(&arena, sizes[i], whole - 1, &m).code, ERR_LIMIT);
		arena_reset(&arena);
	}
}

static void test_compose(void **state)
{
	static const struct {
		const char *header, *name, *out;
	} cases[] = {
		{ "A: b\r\n", "", "From: ann@x.example\r\nA: b\r\n\r\n" },
		{ "A: b\r\n", "Ann \"A\"", "From: \"Ann \\\"A\\\"\" <ann@x.example>\r\nA: b\r\n\r\n" },
		{ "", "J\xc3\xb6rg", "From: ann@x.example\r\n\r\n" },
		{ "", "a\r\nBcc: b", "From: ann@x.example\r\n\r\n" },
		{ "A: b\r\nfrom : bob@x.example\r\n", "Ann", "A: b\r\nfrom : bob@x.example\r\n\r\n" },
		{ "From: root (Cron Daemon)\r\nTo: root\r\n", "root",
		  "From: \"Cron Daemon\" <ann@x.example>\r\nTo: root\r\n\r\n" },
		{ "From: root\r\n", "Ann", "From: \"Ann\" <ann@x.example>\r\n\r\n" },
		{ "From:\r\n", "", "From: ann@x.example\r\n\r\n" },
		{ "From: root, bob@x.example\r\n", "Ann", "From: root, bob@x.example\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct send_message m = { .header = str_of(cases[i].header) };
		struct arena arena;
		str out = { 0 };

		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(
			send_message_compose(&arena, &m, STR("ann@x.example"), str_of(cases[i].name), &out)
				.code,
			ERR_OK);
		assert_true(str_eq(out, str_of(cases[i].out)));
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_cuts),
		                            cmocka_unit_test(test_cut_off), cmocka_unit_test(test_sizes),
		                            cmocka_unit_test(test_compose) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
