#include "cli/send_recipients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

/* One list of addresses and its paths, each with a space behind; NULL: refused. */
static const struct {
	const char *list, *paths;
} cases[] = {
	{ "ann@shop.example", "ann@shop.example " },
	{ "root", "root@host.example " },
	{ "ann@shop.example,bob@shop.example", "ann@shop.example bob@shop.example " },
	{ "Ann Example <ann@shop.example>, \"B, Bob\" <bob@shop.example>",
	  "ann@shop.example bob@shop.example " },
	{ "ann@shop.example (Ann)", "ann@shop.example " },
	{ "<root>", "root@host.example " },
	{ "Friends: ann@shop.example, bob;", "ann@shop.example bob@host.example " },
	{ "undisclosed-recipients:;", "" },
	{ "", "" },
	{ "ann@shop.example, ann@shop.example", "ann@shop.example " },
	{ "\"ann example\"@shop.example", "\"ann example\"@shop.example " },
	{ "ann@[192.0.2.1]", "ann@[192.0.2.1] " },
	{ "\xc3\xa4nn@shop.example", "\xc3\xa4nn@shop.example " },
	{ "@relay.example:ann@shop.example", NULL },
	{ "ann bob", NULL },
	{ "ann bob@shop.example", NULL },
	{ "ann@shop.example bob@shop.example", NULL },
	{ "Ann <ann@shop.example", NULL },
	{ "ann@", NULL },
	{ "@shop.example", NULL },
	{ "\"ann\r\nRCPT TO:<x@y>\"@shop.example", NULL },
	{ "ann\001@shop.example", NULL },
	{ "\"two words\"", NULL },
};

static void joined(const struct send_recipients *r, char *out, size_t size)
{
	struct buf b;

	buf_init_fixed(&b, out, size - 1);
	for (uint32_t i = 0; i < r->count; i++) {
		buf_add(&b, r->paths[i]);
		buf_add_char(&b, ' ');
	}
	out[b.len] = '\0';
}

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct send_recipients r;
		struct arena arena;
		char got[512];

		print_message("%s\n", cases[i].list);
		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(send_recipients_init(&r, &arena, STR("host.example"), 10).code, ERR_OK);
		err e = send_recipients_add(&r, str_of(cases[i].list));
		assert_int_equal(e.code, cases[i].paths ? ERR_OK : ERR_SYNTAX);
		joined(&r, got, sizeof got);
		if (cases[i].paths)
			assert_string_equal(got, cases[i].paths);
		arena_reset(&arena);
	}
}

static void test_header(void **state)
{
	static const struct {
		const char *header, *paths;
	} headers[] = {
		{ "To: ann\r\nSubject: x\r\nBcc: carl\r\ncc: bob,\r\n dora\r\n",
		  "ann@host.example carl@host.example bob@host.example dora@host.example " },
		{ "To: ann\r\nResent-To: bob\r\nResent-bcc: carl\r\n",
		  "bob@host.example carl@host.example " },
		{ "Subject: To: ann\r\n", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct send_recipients r;
		struct arena arena;
		char got[512];

		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(send_recipients_init(&r, &arena, STR("host.example"), 10).code, ERR_OK);
		assert_int_equal(send_recipients_add_header(&r, str_of(headers[i].header)).code, ERR_OK);
		joined(&r, got, sizeof got);
		assert_string_equal(got, headers[i].paths);
		arena_reset(&arena);
	}
}

static void test_limit(void **state)
{
	struct send_recipients r;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	assert_int_equal(send_recipients_init(&r, &arena, STR("host.example"), 2).code, ERR_OK);
	assert_int_equal(send_recipients_add(&r, STR("a, b, a, b")).code, ERR_OK);
	assert_int_equal(send_recipients_add(&r, STR("c")).code, ERR_LIMIT);
	assert_int_equal(r.count, 2);
	arena_reset(&arena);
}

static void test_path(void **state)
{
	static const struct {
		const char *text, *path;
	} paths[] = {
		{ "ann@shop.example", "ann@shop.example" },
		{ "<ann@shop.example>", "ann@shop.example" },
		{ "www-data", "www-data@host.example" },
		{ "", "" },
		{ "<>", "" },
		{ " <> ", "" },
		{ "ann@shop.example, bob", NULL },
		{ "a b", NULL },
		{ "list: ann;", NULL },
		{ ",", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct arena arena;
		str got = STR("untouched");

		print_message("%s\n", paths[i].text);
		arena_init(&arena, NULL, LIMIT_MB);
		err e = send_path(&arena, STR("host.example"), str_of(paths[i].text), &got);
		assert_int_equal(e.code, paths[i].path ? ERR_OK : ERR_SYNTAX);
		assert_true(str_eq(got, paths[i].path ? str_of(paths[i].path) : STR("untouched")));
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists), cmocka_unit_test(test_header),
		                            cmocka_unit_test(test_limit), cmocka_unit_test(test_path) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
