#include "mime/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "mime/check.h"
#include "mime/field.h"
#include "mime/transfer.h"

#define PLAIN "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "

static const struct {
	const char *text, *want;
} texts[] = {
	{ "", PLAIN "7bit\r\n\r\n" },
	{ "one", PLAIN "7bit\r\n\r\none\r\n" },
	{ "one\ntwo\r\n\nthree\n", PLAIN "7bit\r\n\r\none\r\ntwo\r\n\r\nthree\r\n" },
	{ "ein B\xc3\xbc"
	  "cherregal \n.",
	  PLAIN "quoted-printable\r\n\r\nein B=C3=BCcherregal=20\r\n=2E\r\n" },
	{ "\xd0\x9f\xd1\x80\xd0\xb8\n", PLAIN "base64\r\n\r\n0J/RgNC4DQo=\r\n" },
	{ "a\rb", PLAIN "base64\r\n\r\nYQ1iDQo=\r\n" },
	{ "a line that has more octets than the seventy-eight that a line of a message should have, so "
	  "encoded",
	  PLAIN "quoted-printable\r\n\r\na line that has more octets than the seventy-eight that a line of a "
	        "message=\r\n"
	        " should have, so encoded\r\n" },
};

static void test_texts(void **state)
{
	char octets[1024];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		buf_init_fixed(&out, octets, sizeof octets);
		mime_compose_text(STR("plain"), str_of(texts[i].text), &out);
		print_message("%s\n%.*s\n", texts[i].text, STR_ARG(buf_str(&out)));
		assert_true(str_eq(buf_str(&out), str_of(texts[i].want)));
	}
}

/* A whole message, in which `postrider check mime` finds nothing to complain of. */
static void test_message(void **state)
{
	unsigned char random[MIME_BOUNDARY_RANDOM] = { 1, 2, 3, 0xff };
	char boundary_octets[MIME_BOUNDARY_LEN];
	struct mime_address from = { .name = STR("Bücher & mehr"),
		                     .mailbox = STR("shop"),
		                     .host = STR("a.example") };
	struct mime_field_writer f;
	struct mime_check check;
	struct arena arena;
	struct buf out, id;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	buf_init(&out, &arena, LIMIT_MB);
	buf_init(&id, &arena, LIMIT_KB);
	mime_boundary_make(random, boundary_octets);
	str boundary = { boundary_octets, sizeof boundary_octets };
	assert_true(str_starts(boundary, STR("=_010203ff")));
	mime_id_make(1795000000123, random, STR("mail.a.example"), &id);
	assert_true(str_eq(buf_str(&id), STR("1795000000123.010203ff000000000000@mail.a.example")));

	mime_field_begin(&f, &out, STR("From"));
	mime_field_address(&f, &from);
	mime_field_end(&f);
	mime_field_add_text(&out, STR("Subject"), STR("Größe"));
	mime_field_add_date(&out, STR("Date"), (struct mime_date){ .ms = 1795000000123 });
	mime_field_add_id(&out, STR("Message-ID"), buf_str(&id));
	mime_field_begin(&f, &out, STR("Content-Type"));
	mime_field_word(&f, STR("multipart/mixed"));
	mime_field_parameter(&f, STR("boundary"), boundary);
	mime_field_end(&f);
	buf_add(&out, CRLF);
	mime_compose_delimiter(boundary, false, &out);
	mime_compose_text(STR("plain"), STR("Größe\n"), &out);
	mime_compose_delimiter(boundary, false, &out);
	mime_compose_attachment(STR("application/octet-stream"), STR("Größe.bin"), STR("\1\2\3"), &out);
	mime_compose_delimiter(boundary, true, &out);
	print_message("%.*s\n", STR_ARG(buf_str(&out)));
	assert_int_equal(buf_err(&out).code, ERR_OK);

	assert_int_equal(mime_check(&arena, buf_str(&out), &check).code, ERR_OK);
	for (size_t i = 0; i < check.defects_count; i++)
		print_message("%s\n", check.defects[i].what);
	assert_int_equal(check.defects_count, 0);
	assert_non_null(check.root->child);
	assert_non_null(check.root->child->next);
	assert_null(check.root->child->next->next);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_message) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
