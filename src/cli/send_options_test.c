#include "cli/send_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"

/* How programs of a shop's server call sendmail, and what is not taken. `want` is the flags that are set, the
 * reverse-path, the name and the recipients; NULL: refused. */
static const struct {
	const char *words[8];
	const char *want;
} cases[] = {
	/* PHP's default; with mail()'s fifth parameter */
	{ { "-t", "-i" }, "ti|-|-|" },
	{ { "-t", "-i", "-fshop@shop.example" }, "ti|shop@shop.example|-|" },
	/* cron, cronie */
	{ { "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root" }, "i|-|CronDaemon|root " },
	{ { "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root" }, "ti|root|CronDaemon|" },
	/* PHPMailer, mailx, mutt, git, fail2ban, Symfony and Laravel */
	{ { "-oi", "-fann@shop.example", "-t" }, "ti|ann@shop.example|-|" },
	{ { "-i", "-m", "-v", "ann" }, "iv|-|-|ann " },
	{ { "-oem", "-oi", "-f", "ann@shop.example", "--", "bob", "-x" }, "i|ann@shop.example|-|bob -x " },
	{ { "-i", "a@x.example", "b@x.example" }, "i|-|-|a@x.example b@x.example " },
	{ { "-f", "<fail2ban>", "root" }, "|<fail2ban>|-|root " },
	{ { "-bs" }, "s|-|-|" },
	{ { "-bs", "-i" }, "is|-|-|" },
	{ { "-t", "-fdefault@x.example", "-fother@x.example" }, "t|other@x.example|-|" },
	/* letters together, values beside */
	{ { "-ti" }, "ti|-|-|" },
	{ { "-tif", "ann" }, "ti|ann|-|" },
	{ { "-itfann" }, "ti|ann|-|" },
	{ { "-r", "ann", "bob" }, "|ann|-|bob " },
	{ { "-f", "", "bob" }, "||-|bob " },
	{ { "-F", "Ann Example", "bob" }, "|-|Ann Example|bob " },
	{ { "-bm", "-U", "-B", "7bit", "-o", "i", "bob" }, "i|-|-|bob " },
	{ { "bob", "-t" }, "|-|-|bob -t " },
	{ { "-", "bob" }, "|-|-|- bob " },
	{ { NULL }, "|-|-|" },
	/* refused */
	{ { "-x" }, NULL },
	{ { "-bp" }, NULL },
	{ { "-bi" }, NULL },
	{ { "-bd" }, NULL },
	{ { "-b" }, NULL },
	{ { "-bx" }, NULL },
	{ { "-q" }, NULL },
	{ { "-q15m" }, NULL },
	{ { "-f" }, NULL },
	{ { "-tif" }, NULL },
	{ { "-tx" }, NULL },
	{ { "-B", "BINARYMIME" }, NULL },
	{ { "-oQ/tmp" }, NULL },
	{ { "-o" }, NULL },
	{ { "-C/etc/mail.cf" }, NULL },
	{ { "-N", "never", "bob" }, NULL },
	{ { "--surprise" }, NULL },
	{ { "-bs", "bob" }, NULL },
	{ { "-bs", "-t" }, NULL },
};

static void shown(const struct send_options *o, const struct command_line *line, char *out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s%s|%s|%s|", o->from_header ? "t" : "", o->dot_is_text ? "i" : "",
	                 o->dialogue ? "s" : "", o->verbose ? "v" : "",
	                 o->reverse_path ? o->reverse_path : "-", o->full_name ? o->full_name : "-");

	for (size_t i = 0; i < line->count; i++)
		n += snprintf(out + n, size - (size_t)n, "%s ", line->words[i]);
}

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct send_options o = { .full_name = "untouched" };
		struct arena arena;
		char *words[8], got[256];
		struct command_line line = { .arena = &arena, .words = words };

		arena_init(&arena, NULL, LIMIT_MB);
		for (; line.count < 8 && cases[i].words[line.count]; line.count++)
			words[line.count] = (char *)(uintptr_t)cases[i].words[line.count];
		print_message("%zu: %s\n", i, line.count ? words[0] : "");
		err e = send_options_read(&line, &o);
		if (!cases[i].want) {
			assert_int_equal(e.code, ERR_SYNTAX);
			assert_true(line.usage);
			assert_non_null(e.what);
			assert_string_equal(o.full_name, "untouched");
		} else {
			assert_int_equal(e.code, ERR_OK);
			shown(&o, &line, got, sizeof got);
			assert_string_equal(got, cases[i].want);
		}
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
