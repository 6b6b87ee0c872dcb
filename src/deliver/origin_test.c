#include "deliver/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

static const struct {
	const char *content;
	const char *want; /* "field:address " of each, where code is ERR_OK */
	err_code code;
} cases[] = {
	{ "From: ann@shop.example\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "FROM : Ann <Ann@Shop.Example>\r\nSubject: x\r\n\r\nFrom: b@c.example\r\n",
	  "From:ann@shop.example ", ERR_OK },
	{ "Subject: x\r\nFrom:\r\n \"Smith, Ann\"\r\n\t<ann@shop.example>\r\n", "From:ann@shop.example ",
	  ERR_OK },
	{ "From: a@x.example, b@x.example\r\nSender: c@x.example\r\n\r\n",
	  "From:a@x.example From:b@x.example Sender:c@x.example ", ERR_OK },
	{ "Sender: c@x.example\r\nFrom: a@x.example\r\n\r\n", "Sender:c@x.example From:a@x.example ",
	  ERR_OK },
	{ "From: Us: a@x.example, b@x.example;\r\n\r\n", "From:a@x.example From:b@x.example ", ERR_OK },
	{ "From: \"ann\"@shop.example\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "From: ann (b@x.example) @ shop . example\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "From: \"b@x.example\" <ann@shop.example>\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "From: Smith, Ann <ann@shop.example>\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	/* what a reader could take for the address counts */
	{ "From: b@x.example <ann@shop.example>\r\n\r\n", "From:b@x.example From:ann@shop.example ", ERR_OK },
	{ "From: <ann@shop.example> b@x.example\r\n\r\n", "From:ann@shop.example From:b@x.example ", ERR_OK },
	{ "From: <@r.example:ann@shop.example>\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "From: a@x.example;b@y.example\r\n\r\n", "From:a@x.example From:b@y.example ", ERR_OK },
	{ "From: a b@x.example\r\n\r\n", "From:b@x.example ", ERR_OK },
	{ "From: \"b@x.example\", ann@shop.example\r\n\r\n", "From:b@x.example@ From:ann@shop.example ",
	  ERR_OK },
	{ "Not a field\r\nFrom: ann@shop.example\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "Resent-From: b@x.example\r\nFrom: ann@shop.example\r\n\r\n", "From:ann@shop.example ", ERR_OK },
	{ "", "", ERR_SYNTAX },
	{ "\r\nFrom: ann@shop.example\r\n", "", ERR_SYNTAX },
	{ "Subject: x\r\n\r\nFrom: ann@shop.example\r\n", "", ERR_SYNTAX },
	{ " From: ann@shop.example\r\n\r\n", "", ERR_SYNTAX },
	{ "From:\r\n\r\n", "", ERR_SYNTAX },
	{ "From: Ann\r\n\r\n", "", ERR_SYNTAX },
	{ "From: <>\r\n\r\n", "", ERR_SYNTAX },
	{ "From: Undisclosed:;\r\n\r\n", "", ERR_SYNTAX },
	{ "From: a@x.example\r\nFrom: a@x.example\r\n\r\n", "", ERR_SYNTAX },
	{ "From: a@x.example\r\nSubject: x\r\nfrom : b@x.example\r\n", "", ERR_SYNTAX },
	{ "From: a@x.example\r\nSender: Ann\r\n\r\n", "", ERR_SYNTAX },
	{ "From: a@x.example\r\nSender: a@x.example\r\nSender: b@x.example\r\n\r\n", "", ERR_SYNTAX },
};

/* In chunks of `chunk` octets. */
static err run(struct arena *arena, str content, size_t chunk, struct buf *got)
{
	struct origin o;

	assert_int_equal(origin_init(&o, arena).code, ERR_OK);
	for (size_t at = 0; at < content.len; at += chunk)
		origin_push(&o, str_slice(content, at, at + chunk < content.len ? at + chunk : content.len));
	err e = origin_finish(&o);
	for (const struct origin_address *a = o.addresses; a; a = a->next) {
		buf_add(got, str_of(a->field));
		buf_add_char(got, ':');
		buf_add(got, a->address);
		buf_add_char(got, ' ');
	}
	return e;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t chunk = 1; chunk < 100; chunk += 7) {
			struct arena arena;
			struct buf got;

			arena_init(&arena, NULL, LIMIT_MB);
			buf_init(&got, &arena, LIMIT_KB);
			err e = run(&arena, str_of(cases[i].content), chunk, &got);
			print_message("%s by %zu\n", cases[i].content, chunk);
			assert_int_equal(e.code, cases[i].code);
			if (e.code == ERR_OK) {
				print_message(STR_FMT "\n", STR_ARG(buf_str(&got)));
				assert_true(str_eq(buf_str(&got), str_of(cases[i].want)));
			} else {
				assert_non_null(e.what);
			}
			arena_reset(&arena);
		}
	}
}

/* `count` addresses in one field. */
static err run_many(size_t count)
{
	struct arena arena;
	struct buf content, got;

	arena_init(&arena, NULL, 8 * LIMIT_MB);
	buf_init(&content, &arena, LIMIT_MB);
	buf_init(&got, &arena, LIMIT_MB);
	buf_add(&content, STR("From: "));
	for (size_t i = 0; i < count; i++)
		buf_add(&content, STR("a@x.example,\r\n "));
	buf_add(&content, STR("\r\n\r\n"));
	err e = run(&arena, buf_str(&content), 1000, &got);
	arena_reset(&arena);
	return e;
}

/* A field behind `octets` of another header field. */
static err run_long(size_t octets)
{
	struct arena arena;
	struct buf content, got;
	char *filler;

	arena_init(&arena, NULL, 8 * LIMIT_MB);
	buf_init(&content, &arena, LIMIT_MB);
	buf_init(&got, &arena, LIMIT_MB);
	buf_add(&content, STR("From: a@x.example\r\nX: "));
	filler = buf_extend(&content, octets);
	assert_non_null(filler);
	memset(filler, 'x', octets);
	buf_add(&content, STR("\r\nFrom: b@x.example\r\n\r\n"));
	err e = run(&arena, buf_str(&content), 1000, &got);
	arena_reset(&arena);
	return e;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(run_many(LIMIT_ORIGIN_ADDRESSES).code, ERR_OK);
	assert_int_equal(run_many(LIMIT_ORIGIN_ADDRESSES + 1).code, ERR_LIMIT);
	assert_int_equal(run_many(LIMIT_HEADER_FIELD / 12).code, ERR_LIMIT);
	assert_int_equal(run_long(LIMIT_HEADER_BLOCK - 100).code, ERR_SYNTAX); /* two From fields */
	assert_int_equal(run_long(LIMIT_HEADER_BLOCK).code, ERR_LIMIT);        /* one could hide there */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_limits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
