#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

static const struct {
	const char *words[6]; /* as typed after the command's name */
	bool usage;           /* refused */
	bool flag;
	const char *value, *arguments; /* arguments joined by "|" */
} cases[] = {
	{ { "a" }, false, false, NULL, "a" },
	{ { "a", "b" }, false, false, NULL, "a|b" },
	{ { "--flag", "a" }, false, true, NULL, "a" },
	{ { "a", "--flag" }, false, true, NULL, "a" },
	{ { "a", "--flag", "--flag" }, false, true, NULL, "a" },
	{ { "a", "--value", "x" }, false, false, "x", "a" },
	{ { "--value", "x", "a" }, false, false, "x", "a" },
	{ { "a", "--value=x" }, false, false, "x", "a" },
	{ { "a", "--value=" }, false, false, "", "a" },
	{ { "a", "--value", "--flag" }, false, false, "--flag", "a" },
	{ { "--", "--flag", "-" }, false, false, NULL, "--flag|-" },
	{ { "-" }, false, false, NULL, "-" },
	{ { NULL }, true, false, NULL, NULL },
	{ { "a", "b", "c" }, true, false, NULL, NULL },
	{ { "a", "--value" }, true, false, NULL, NULL },
	{ { "a", "--value", "x", "--value", "y" }, true, false, NULL, NULL },
	{ { "a", "--flag=x" }, true, false, NULL, NULL },
	{ { "a", "--flags" }, true, false, NULL, NULL },
	{ { "a", "--valu", "x" }, true, false, NULL, NULL },
	{ { "a", "-x" }, true, false, NULL, NULL },
};

static const char *joined(const struct command_line *line, char *octets, size_t size)
{
	struct buf out;

	buf_init_fixed(&out, octets, size);
	for (size_t i = 0; i < line->count; i++) {
		buf_add(&out, i ? STR("|") : STR(""));
		buf_add(&out, str_of(line->words[i]));
	}
	buf_add_char(&out, '\0');
	return octets;
}

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		char *words[6], octets[64];
		struct command_line line = { .arena = &arena, .words = words };
		bool flag = false;
		const char *value = NULL;
		const struct option options[] = { { "--flag", &flag, NULL }, { "--value", NULL, &value } };

		arena_init(&arena, NULL, LIMIT_MB);
		for (; line.count < 6 && cases[i].words[line.count]; line.count++)
			words[line.count] = arena_z(&arena, str_of(cases[i].words[line.count]));
		print_message("%s\n", joined(&line, octets, sizeof octets));
		err e = options_read(&line, options, 2, 1, 2, "A [B]");
		assert_int_equal(e.code, cases[i].usage ? ERR_SYNTAX : ERR_OK);
		assert_int_equal(line.usage, cases[i].usage);
		if (!cases[i].usage) {
			assert_int_equal(flag, cases[i].flag);
			assert_int_equal(value == NULL, cases[i].value == NULL);
			if (value)
				assert_string_equal(value, cases[i].value);
			assert_string_equal(joined(&line, octets, sizeof octets), cases[i].arguments);
		}
		arena_reset(&arena);
	}
}

static const struct {
	const char *words[6];
	bool usage;
	const char *values, *left; /* joined by "|" */
} lists[] = {
	{ { "a" }, false, "", "a" },
	{ { "--from", "x", "a", "--from", "y" }, false, "x|y", "a" },
	{ { "a", "--from=x", "--from=" }, false, "x|", "a" },
	{ { "--from", "--from", "a" }, false, "--from", "a" },
	{ { "--fro", "x", "--fromm" }, false, "", "--fro|x|--fromm" },
	{ { "--from", "x", "--", "--from", "y" }, false, "x", "--|--from|y" },
	{ { "a", "--from" }, true, NULL, NULL },
	{ { "--from", "x", "--from", "y", "--from=z" }, true, NULL, NULL },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		struct arena arena;
		char *words[6], octets[64];
		const char *values[2];
		struct command_line line = { .arena = &arena, .words = words };
		size_t count = 77;

		arena_init(&arena, NULL, LIMIT_MB);
		for (; line.count < 6 && lists[i].words[line.count]; line.count++)
			words[line.count] = arena_z(&arena, str_of(lists[i].words[line.count]));
		print_message("%s\n", joined(&line, octets, sizeof octets));
		err e = options_take_list(&line, "--from", values, 2, &count);
		assert_int_equal(e.code, lists[i].usage ? ERR_SYNTAX : ERR_OK);
		assert_int_equal(line.usage, lists[i].usage);
		if (lists[i].usage) {
			assert_int_equal(count, 77);
		} else {
			struct command_line taken = { .words = (char **)values, .count = count };
			assert_string_equal(joined(&line, octets, sizeof octets), lists[i].left);
			assert_string_equal(joined(&taken, octets, sizeof octets), lists[i].values);
		}
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options), cmocka_unit_test(test_lists) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
