#include "mime/message_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The ids of each body with a space between. */
static const struct {
	const char *body, *want;
} cases[] = {
	{ "<1234@local.machine.example>", "1234@local.machine.example" },
	{ "<a@b> <c@d>\r\n\t<e@f>", "a@b c@d e@f" },
	{ "<a@b><c@d>", "a@b c@d" },
	{ "<a@[192.0.2.1]>", "a@[192.0.2.1]" },
	/* one id in several forms, RFC 5256 §3 */
	{ "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com" },
	{ "< a @ b\r\n .c >", "a@b.c" },
	{ "<\"a\\\"b\"@c>", "a\"b@c" },
	{ "<\"a@b\"@c>", "a@b@c" },
	{ "Your message of Monday (<x@y>) <p@q>", "x@y p@q" },
	/* none */
	{ "", "" },
	{ "a@b", "" },
	{ "<>", "" },
	{ "<a>", "" },
	{ "<@b>", "" },
	{ "<a@>", "" },
	{ "<\"a@b\">", "" },
	{ "<a@b", "" },
	{ "<a@b <c@d>", "c@d" },
	{ "<<a@b>>", "a@b" },
};

static void test_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[128], shown[128] = "";
		scan s = { str_of(cases[i].body), 0 };
		struct buf scratch, out;
		str id;

		print_message("%s\n", cases[i].body);
		buf_init_fixed(&scratch, octets, s.in.len);
		buf_init_fixed(&out, shown, sizeof shown - 1);
		while (mime_message_id_next(&s, &scratch, &id)) {
			buf_add(&out, out.len ? STR(" ") : STR(""));
			buf_add(&out, id);
		}
		assert_string_equal(shown, cases[i].want);
	}
}

/* Without room no id is given. */
static void test_no_room(void **state)
{
	scan s = { STR("<a@bcdef> <g@h>"), 0 };
	struct buf scratch;
	char octets[4];
	str id = STR("untouched");

	(void)state;
	buf_init_fixed(&scratch, octets, sizeof octets);
	assert_false(mime_message_id_next(&s, &scratch, &id));
	assert_true(str_eq(id, STR("untouched")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ids), cmocka_unit_test(test_no_room) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
