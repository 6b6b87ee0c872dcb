#include "mime/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Each address as kind, name, route, mailbox, host, "!" where it is doubtful, between "|". */
static const struct {
	const char *body, *want;
} cases[] = {
	/* RFC 5322 §3.4 and appendix A */
	{ "jdoe@machine.example", "m,,,jdoe,machine.example" },
	{ "John Doe <jdoe@machine.example>", "m,John Doe,,jdoe,machine.example" },
	{ "\"Joe Q. Public\" <john.q.public@example.com>", "m,Joe Q. Public,,john.q.public,example.com" },
	{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
	  "m,Mary Smith,,mary,x.test|m,,,jdoe,example.org|m,Who?,,one,y.test" },
	{ "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
	  "m,,,boss,nil.test|m,Giant; \"Big\" Box,,sysservices,example.net" },
	{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
	  "b,A Group,,,|m,Ed Jones,,c,a.test|m,,,joe,where.test|m,John,,jdoe,one.test|e,,,," },
	{ "Undisclosed recipients:;", "b,Undisclosed recipients,,,|e,,,," },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "m,Pete,,pete,silly.test" },
	{ "A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,\r\n joe@example.org,\r\n "
	  "John <jdoe@one.test> (my dear friend); (the end of the group)",
	  "b,A Group,,,|m,Chris Jones,,c,public.example|m,,,joe,example.org|m,John,,jdoe,one.test|e,,,," },
	{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "b,Hidden recipients,,,|e,,,," },
	/* obsolete forms, RFC 5322 §4.4 */
	{ "Joe Q. Public <john.q.public@example.com>", "m,Joe Q. Public,,john.q.public,example.com" },
	{ "Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test   . example",
	  "m,Mary Smith,@node.test,@b.test,mary,example.net|m,,,jdoe,test.example" },
	{ "john . doe @ example . org", "m,,,john.doe,example.org" },
	{ "\"a b\".c@d", "m,,,a b.c,d" },
	{ ",,a@b,;,", "m,,,a,b" },
	{ "ann@shop.example (Ann (A.) Example)", "m,Ann (A.) Example,,ann,shop.example" },
	{ "a@[192.0.2.1], b@[IPv6:2001:db8::1]", "m,,,a,[192.0.2.1]|m,,,b,[IPv6:2001:db8::1]" },
	{ "J\xc3\xb8rn <j\xc3\xb8rn@bl\xc3\xa5.example>", "m,J\xc3\xb8rn,,j\xc3\xb8rn,bl\xc3\xa5.example" },
	{ "=?utf-8?Q?a=2Cb?= <a@b>", "m,=?utf-8?Q?a=2Cb?=,,a,b" },
	{ "[Shop] Ann <a@b>", "m,[Shop] Ann,,a,b" },
	/* what is none */
	{ "", "" },
	{ " \t", "" },
	{ ",;, ;", "" },
	{ "(only a comment)", "" },
	{ "plain", "m,,,plain,!" },
	{ "two words", "m,,,two words,!" },
	{ "Joe joe@a.example", "m,Joe,,joe,a.example!" },
	{ "<>", "m,,,,!" },
	{ "Ann <>", "m,Ann,,,!" },
	{ "<a@b", "m,,,a,b!" },
	{ "<a>", "m,,,a,!" },
	{ "@b", "m,,,,b!" },
	{ "a@", "m,,,a,!" },
	{ "a@b@c, d@e", "m,,,a,b!|m,,,,c!|m,,,d,e" },
	{ "\"not closed <a@b>", "m,,,not closed <a@b>,!" },
	{ "(not closed <a@b>", "" },
	{ "A <a@b> B <c@d>", "m,A,,a,b!|m,B,,c,d" },
	{ "<a@b>, <c@d x>", "m,,,a,b|m,,,c,d!" },
	{ "<a@b <c@d>", "m,,,a,b!|m,,,c,d" },
	{ "g: a@b", "b,g,,,|m,,,a,b|e,,,," },
	{ ": a@b;", "b,,,,!|m,,,a,b|e,,,," },
	{ "g: h: a@b;", "b,g,,,|m,,,h,!|m,,,a,b|e,,,," },
	{ "a@[192.0.2.1", "m,,,a,[192.0.2.1!" },
	{ ">)> a@b", "m,,,a,b" },
	{ "<Sales Team@shop.example>", "m,,,SalesTeam,shop.example!" },
	{ "\"a\"b@c", "m,,,ab,c!" },
	{ "<@r a@b>", "m,,,,r!" },
};

static void show(const struct mime_address *a, struct buf *out)
{
	const str fields[] = { a->name, a->route, a->mailbox, a->host };

	buf_add(out, out->len ? STR("|") : STR(""));
	buf_add_char(out, "mbe"[a->kind]);
	for (size_t i = 0; i < 4; i++) {
		buf_add_char(out, ',');
		buf_add(out, fields[i]);
	}
	buf_add(out, a->doubtful ? STR("!") : STR(""));
}

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[512], shown[512] = "";
		struct mime_address_reader reader;
		struct mime_address a;
		struct buf scratch, out;
		str body = str_of(cases[i].body);

		print_message("%s\n", cases[i].body);
		buf_init_fixed(&scratch, octets, body.len);
		buf_init_fixed(&out, shown, sizeof shown - 1);
		mime_address_begin(&reader, body, &scratch);
		while (mime_address_next(&reader, &a)) {
			assert_int_equal(buf_err(&scratch).code, ERR_OK);
			show(&a, &out);
		}
		assert_string_equal(shown, cases[i].want);
		assert_false(mime_address_next(&reader, &a));
	}
}

/* Without room the strings end early and reading still ends. */
static void test_small_scratch(void **state)
{
	struct mime_address_reader reader;
	struct mime_address a;
	struct buf scratch;
	char octets[4];
	size_t count = 0;

	(void)state;
	buf_init_fixed(&scratch, octets, sizeof octets);
	mime_address_begin(&reader, STR("A long name <with@an.address>, \"b\" <c@d>"), &scratch);
	while (mime_address_next(&reader, &a))
		count++;
	assert_int_equal(count, 2);
	assert_true(str_eq(a.host, STR("d")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists),
		                            cmocka_unit_test(test_small_scratch) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
