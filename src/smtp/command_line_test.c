#include "smtp/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	str line;
	const char *verb, *argument; /* verb NULL: refused at `at` */
	uint32_t at;
} lines[] = {
	{ STR_INIT("EHLO far.example"), "EHLO", "far.example", 0 },
	{ STR_INIT("ehlo  far.example  "), "ehlo", "far.example", 0 },
	{ STR_INIT("QUIT"), "QUIT", "", 0 },
	{ STR_INIT("QUIT \t"), "QUIT", "", 0 },
	{ STR_INIT("MAIL FROM:<a@b> SIZE=1"), "MAIL", "FROM:<a@b> SIZE=1", 0 },
	{ STR_INIT(""), "", "", 0 },
	{ STR_INIT("\xff"), "\xff", "", 0 },
	{ STR_INIT("NOOP\r"), NULL, NULL, 4 },
	{ STR_INIT("NOOP\nQUIT"), NULL, NULL, 4 },
	{ STR_INIT("\0NOOP"), NULL, NULL, 0 },
	{ STR_INIT("NOOP a\0"), NULL, NULL, 6 },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct smtp_command_line got = { .verb = STR("untouched") };
		err e = smtp_command_line_parse(lines[i].line, &got);

		print_message("%s\n", lines[i].line.ptr);
		assert_int_equal(e.code, lines[i].verb ? ERR_OK : ERR_SYNTAX);
		assert_int_equal(e.at, lines[i].at);
		assert_true(str_eq(got.verb, lines[i].verb ? str_of(lines[i].verb) : STR("untouched")));
		if (lines[i].verb)
			assert_true(str_eq(got.argument, str_of(lines[i].argument)));
	}
}

static const struct {
	const char *argument;
	err_code code;
	uint64_t size;
	bool last;
} chunks[] = {
	{ "0", ERR_OK, 0, false },
	{ "86 LAST", ERR_OK, 86, true },
	{ "1  last", ERR_OK, 1, true },
	{ "18446744073709551615", ERR_OK, UINT64_MAX, false },
	{ "18446744073709551616", ERR_SYNTAX, 0, false },
	{ "", ERR_SYNTAX, 0, false },
	{ "LAST", ERR_SYNTAX, 0, false },
	{ "-1", ERR_SYNTAX, 0, false },
	{ "+1", ERR_SYNTAX, 0, false },
	{ "0x10", ERR_SYNTAX, 0, false },
	{ "1\tLAST", ERR_SYNTAX, 0, false },
	{ "1 LASTLY", ERR_SYNTAX, 0, false },
	{ "1 LAST LAST", ERR_SYNTAX, 0, false },
	{ "1 2", ERR_SYNTAX, 0, false },
};

static void test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		struct smtp_chunk got = { 77, true };

		print_message("'%s'\n", chunks[i].argument);
		assert_int_equal(smtp_chunk_parse(str_of(chunks[i].argument), &got).code, chunks[i].code);
		assert_int_equal(got.size, chunks[i].code == ERR_OK ? chunks[i].size : 77);
		assert_int_equal(got.last, chunks[i].code == ERR_OK ? chunks[i].last : true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_chunks) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
