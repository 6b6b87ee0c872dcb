#include "smtp/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"

static const struct {
	str in, content; /* content where clean and ended */
	enum smtp_data_fault fault;
	size_t left; /* octets after the end; where it never comes: ALL */
} cases[] = {
#define ALL SIZE_MAX
	{ STR_INIT(".\r\n"), STR_INIT(""), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("a\r\n.\r\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("a\r\n.\r\nQUIT\r\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 6 },
	{ STR_INIT("a\r\n.\r\n\0\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN, 2 },
	{ STR_INIT("\r\n.\r\n"), STR_INIT("\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("..\r\n.\r\n"), STR_INIT(".\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("..a\r\n...\r\n.\r\n"), STR_INIT(".a\r\n..\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT(".a\r\n.\r\n"), STR_INIT("a\r\n"), SMTP_DATA_CLEAN,
	  0 }, /* not doubled: dropped too, §4.5.2 */
	{ STR_INIT("a.\r\n.\r\n"), STR_INIT("a.\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("\xff\x80\r\n.\r\n"), STR_INIT("\xff\x80\r\n"), SMTP_DATA_CLEAN, 0 },
	{ STR_INIT("a\r\n"), STR_INIT(""), SMTP_DATA_CLEAN, ALL },
	{ STR_INIT("a\r\n."), STR_INIT(""), SMTP_DATA_CLEAN, ALL },
	{ STR_INIT("a\r\n.\r"), STR_INIT(""), SMTP_DATA_CLEAN, ALL },
	{ STR_INIT("a.\r\n"), STR_INIT(""), SMTP_DATA_CLEAN, ALL },
	/* what is no end, and refuses the message that has it */
	{ STR_INIT("a\n.\n\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0 },
	{ STR_INIT("a\n.\r\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0 },
	{ STR_INIT("a\r\n.\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0 },
	{ STR_INIT(".\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0 },
	{ STR_INIT("a\r.\r\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\r.\rx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\r\n.\rx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\r\n.\r\r\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\r\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\r\r\n.\r\r\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_CR, 0 },
	{ STR_INIT("a\n\r\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, 0 },
	{ STR_INIT("\n.\r\n"), STR_INIT(""), SMTP_DATA_BARE_LF, ALL },
	{ STR_INIT("a\r\n\0.\r\nx\r\n.\r\n"), STR_INIT(""), SMTP_DATA_NUL, 0 },
	{ STR_INIT("a\0b\r\n.\r\n"), STR_INIT(""), SMTP_DATA_NUL, 0 },
	{ STR_INIT(".\0\r\n.\r\n"), STR_INIT(""), SMTP_DATA_NUL, 0 },
};

static void expect(str in, size_t size, str content, enum smtp_data_fault fault, size_t left)
{
	static char out[4096];
	struct smtp_data d = { 0 };
	size_t len = 0, taken = 0;
	str run;

	while (taken < in.len && !smtp_data_ended(&d)) {
		str chunk = str_slice(in, taken, taken + size < in.len ? taken + size : in.len);
		size_t given = chunk.len;

		while (smtp_data_next(&d, &chunk, &run)) {
			assert_true(run.len > 0 && len + run.len <= sizeof out);
			memcpy(out + len, run.ptr, run.len);
			len += run.len;
		}
		assert_true(chunk.len == 0 || smtp_data_ended(&d));
		taken += given - chunk.len;
	}
	assert_int_equal(d.fault, fault);
	assert_int_equal(smtp_data_ended(&d), left != ALL);
	assert_int_equal(taken, left == ALL ? in.len : in.len - left);
	if (fault == SMTP_DATA_CLEAN && left != ALL)
		assert_true(str_eq((str){ out, len }, content));
}

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t size = 1; size <= cases[i].in.len; size++) {
			print_message("case %zu in chunks of %zu\n", i, size);
			expect(cases[i].in, size, cases[i].content, cases[i].fault, cases[i].left);
		}
}

static const struct {
	str in;
	const char *added;
	enum smtp_data_fault fault;
} counted[] = {
	{ STR_INIT(""), "", SMTP_DATA_CLEAN },
	{ STR_INIT("a\r\n"), "", SMTP_DATA_CLEAN },
	{ STR_INIT("a"), "\r\n", SMTP_DATA_CLEAN },
	{ STR_INIT("."), "\r\n", SMTP_DATA_CLEAN },
	{ STR_INIT(".\r\n"), "", SMTP_DATA_CLEAN },
	{ STR_INIT("a\r\n.\r\n..\r\nQUIT\r\n"), "", SMTP_DATA_CLEAN },
	{ STR_INIT("a\r"), "\r\n", SMTP_DATA_BARE_CR },
	{ STR_INIT("a\rb\r\n"), "", SMTP_DATA_BARE_CR },
	{ STR_INIT("a\n"), "\r\n", SMTP_DATA_BARE_LF },
	{ STR_INIT("\0"), "\r\n", SMTP_DATA_NUL },
};

/* By BDAT the octets are the content, all of them. */
static void test_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
		for (size_t size = 1; size <= counted[i].in.len + 1; size++) {
			struct smtp_data d = { .counted = true };
			char out[64];
			size_t len = 0;
			str run, in = counted[i].in;

			print_message("case %zu in chunks of %zu\n", i, size);
			for (size_t at = 0; at < in.len; at += size) {
				str chunk = str_slice(in, at, at + size < in.len ? at + size : in.len);

				while (smtp_data_next(&d, &chunk, &run)) {
					memcpy(out + len, run.ptr, run.len);
					len += run.len;
				}
				assert_int_equal(chunk.len, 0);
			}
			assert_true(str_eq(smtp_data_finish(&d), str_of(counted[i].added)));
			assert_int_equal(d.fault, counted[i].fault);
			assert_true(str_eq((str){ out, len }, in));
			assert_false(smtp_data_ended(&d));
		}
}

static const struct {
	str in;
	const char *added;
	enum smtp_data_fault fault;
	bool unlined;
} binaries[] = {
	{ STR_INIT("A: b\r\n\r\nbody\r\n"), "", SMTP_DATA_CLEAN, false },
	{ STR_INIT("\r\n"), "", SMTP_DATA_CLEAN, false },
	{ STR_INIT("A: b\r\n"), "", SMTP_DATA_CLEAN, false },
	{ STR_INIT("A: b"), "\r\n", SMTP_DATA_CLEAN, false },
	{ STR_INIT("A: b\r\n\r\n\0"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: b\r\n\r\na\0b\r\n"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: b\r\n\r\na\nb\r\n"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: b\r\n\r\na\rb\r\n"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: b\r\n\r\na\r"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: b\r\n\r\nno line end"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("\r\n\n"), "", SMTP_DATA_CLEAN, true },
	{ STR_INIT("A: \0\r\n\r\nbody\r\n"), "", SMTP_DATA_NUL, false },
	{ STR_INIT("A: b\n\r\n\r\n\0"), "", SMTP_DATA_BARE_LF, true },
	{ STR_INIT("A: b\rc\r\n\r\nbody\r\n"), "", SMTP_DATA_BARE_CR, false },
	{ STR_INIT("A: b\n\nbody\0"), "\r\n", SMTP_DATA_BARE_LF, false },
	{ STR_INIT("A: \0\n"), "\r\n", SMTP_DATA_NUL, false },
};

/* The header has lines; behind it everything stays, and what no lines are is noted. */
static void test_binary(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof binaries / sizeof binaries[0]; i++)
		for (size_t size = 1; size <= binaries[i].in.len + 1; size++) {
			struct smtp_data d = { .counted = true, .binary = true };
			str run, in = binaries[i].in;
			size_t len = 0;

			print_message("case %zu in chunks of %zu\n", i, size);
			for (size_t at = 0; at < in.len; at += size) {
				str chunk = str_slice(in, at, at + size < in.len ? at + size : in.len);

				while (smtp_data_next(&d, &chunk, &run)) {
					assert_ptr_equal(run.ptr, in.ptr + len);
					len += run.len;
				}
			}
			assert_int_equal(len, in.len);
			assert_true(str_eq(smtp_data_finish(&d), str_of(binaries[i].added)));
			assert_int_equal(d.fault, binaries[i].fault);
			assert_int_equal(d.unlined, binaries[i].unlined);
		}
}

static bool has_unlined(size_t size)
{
	struct smtp_data d = { .counted = true, .binary = true };
	char *line = malloc(size + 4);
	str in = { line, size + 4 }, run;

	memset(line, 'x', size + 4);
	memcpy(line, "\r\n", 2);
	memcpy(line + size + 2, "\r\n", 2);
	while (smtp_data_next(&d, &in, &run))
		;
	free(line);
	return d.unlined;
}

static void test_binary_line_limit(void **state)
{
	(void)state;
	assert_false(has_unlined(LIMIT_SENT_LINE));
	assert_true(has_unlined(LIMIT_SENT_LINE + 1));
}

static void expect_line(size_t size, enum smtp_data_fault fault)
{
	char *line = malloc(size + 5);
	struct smtp_data d = { 0 };
	size_t content = 0;
	str in, run;

	memset(line, 'x', size);
	for (size_t i = 0; i < 5; i++)
		line[size + i] = "\r\n.\r\n"[i];
	for (size_t at = 0; at < size + 5; at += 65536) {
		in = (str){ line + at, size + 5 - at < 65536 ? size + 5 - at : 65536 };
		while (smtp_data_next(&d, &in, &run))
			content += run.len;
	}
	assert_true(smtp_data_ended(&d));
	assert_int_equal(d.fault, fault);
	assert_int_equal(content, size + 2);
	free(line);
}

static void test_line_limit(void **state)
{
	(void)state;
	expect_line(LIMIT_MESSAGE_LINE, SMTP_DATA_CLEAN);
	expect_line(LIMIT_MESSAGE_LINE + 1, SMTP_DATA_LONG_LINE);
}

/* The list of false ends in the test data: none of them ends a message, each refuses it. */
static void test_smuggling(void **state)
{
	const char *shared = getenv("POSTRIDER_SHARED");
	char path[4096], line[256];
	unsigned count = 0;
	FILE *list;

	(void)state;
	snprintf(path, sizeof path, "%s/data/smtp-smuggling/end-of-data.tsv", shared ? shared : "../shared");
	list = fopen(path, "r");
	if (!list) {
		print_message("skipped: no test data at %s\n", path);
		skip();
	}
	while (fgets(line, sizeof line, list)) {
		char message[300] = "a";
		size_t len = 1;
		unsigned octet;
		const char *hex = strchr(line, '\t');

		if (strncmp(line, "in", 2) != 0 || !hex)
			continue;
		for (hex++; sscanf(hex, "%2x", &octet) == 1; hex += 2)
			message[len++] = (char)octet;
		for (size_t i = 0; i < 9; i++)
			message[len + i] = "MAIL\r\n.\r\n"[i];
		print_message("%s", line);
		for (size_t size = 1; size < len + 9; size++) {
			struct smtp_data d = { 0 };
			str run;

			for (size_t at = 0; at < len + 9; at += size) {
				str chunk = { message + at, at + size < len + 9 ? size : len + 9 - at };

				assert_false(smtp_data_ended(&d));
				while (smtp_data_next(&d, &chunk, &run))
					;
			}
			assert_true(smtp_data_ended(&d));
			assert_int_not_equal(d.fault, SMTP_DATA_CLEAN);
		}
		count++;
	}
	(void)fclose(list);
	assert_true(count >= 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),       cmocka_unit_test(test_counted),
		cmocka_unit_test(test_binary),     cmocka_unit_test(test_binary_line_limit),
		cmocka_unit_test(test_line_limit), cmocka_unit_test(test_smuggling)
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
