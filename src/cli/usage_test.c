#include "cli/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"

/* Each form as action(option=value,option)arguments: d for DIR, f for FILE; "|" between forms. */
static const struct {
	const char *help, *forms;
} cases[] = {
	{ "Usage: postrider serve\n", "()" },
	{ "Usage: postrider serve [-c FILE]\n\nText [--no] option.\n", "(-c=FILE)" },
	{ "Usage: postrider verify [--repair]\n\n", "(--repair)" },
	{ "Usage: postrider init DIR --hostname NAME [--ports BASE]\n", "(--hostname=NAME,--ports=BASE)d" },
	{ "Usage: postrider trace QUEUE-ID|MESSAGE-ID|ADDRESS\n", "()" },
	{ "Usage: postrider check mime FILE...\n", "mime()f" },
	{ "Usage: postrider account list [--domain DOMAIN]\n       postrider account show ADDRESS\n",
	  "list(--domain=DOMAIN)|show()" },
	{ "Usage: postrider account suspend ADDRESS | resume ADDRESS\n", "suspend()|resume()" },
	{ "Usage: postrider app add NAME --account ADDRESS [--from ADDRESS]...\n"
	  "             [--limit 500/h]\n"
	  "       postrider app list\n",
	  "add(--account=ADDRESS,--from=ADDRESS,--limit=500/h)|list()" },
	{ "Usage: postrider app settings NAME [--new-password]\n", "settings(--new-password)" },
	{ "Usage: postrider send [-t] [-f FROM] [TO...]\n       postrider send -bs\n", "(-t,-f=FROM)|(-bs)" },
	{ "Usage: postrider backup DIR [--log FILE]\n", "(--log=FILE)d" },
};

static void add_form(struct buf *out, const struct usage_form *form)
{
	struct usage_option o;
	bool first = true;

	buf_add(out, form->action);
	buf_add_char(out, '(');
	for (size_t at = 0; usage_option_next(form, &at, &o); first = false) {
		buf_add(out, first ? STR("") : STR(","));
		buf_add(out, o.name);
		buf_add(out, o.value.len ? STR("=") : STR(""));
		buf_add(out, o.value);
	}
	buf_add_char(out, ')');
	buf_add(out, usage_has_argument(form, STR("DIR")) ? STR("d") : STR(""));
	buf_add(out, usage_has_argument(form, STR("FILE")) ? STR("f") : STR(""));
}

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[512];
		struct buf out;
		struct usage_reader r;
		struct usage_form form;

		print_message("%s", cases[i].help);
		buf_init_fixed(&out, octets, sizeof octets - 1);
		usage_begin(&r, str_of(cases[i].help));
		for (bool first = true; usage_next(&r, &form); first = false) {
			buf_add(&out, first ? STR("") : STR("|"));
			add_form(&out, &form);
		}
		octets[out.len] = '\0';
		assert_string_equal(octets, cases[i].forms);
	}
}

static void test_asked(void **state)
{
	const str help = STR("Usage: postrider app add NAME [--limit N] [-t]\n\nNot --this.\n\n"
	                     "  --limit N  messages an hour,\n             none without it\n  -t  short\n");

	(void)state;
	assert_true(usage_has_option(help, STR("--limit")));
	assert_true(usage_has_option(help, STR("-t")));
	assert_false(usage_has_option(help, STR("--lim")));
	assert_false(usage_has_option(help, STR("--this")));
	assert_true(usage_has_action(help, STR("add")));
	assert_false(usage_has_action(help, STR("ad")));
	assert_true(str_eq(usage_says(help, STR("--limit")), STR("messages an hour,")));
	assert_true(str_eq(usage_says(help, STR("-t")), STR("short")));
	assert_int_equal(usage_says(help, STR("--lim")).len, 0);
	assert_true(str_starts(usage_text(help), STR("Not --this.")));
	assert_int_equal(usage_text(STR("Usage: postrider x\n")).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_asked) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
