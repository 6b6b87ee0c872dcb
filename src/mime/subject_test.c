#include "mime/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct {
	const char *subject, *want;
	bool is_reply;
} cases[] = {
	{ "Hello", "Hello", false },
	{ "Re: Hello", "Hello", true },
	{ "RE : hello", "hello", true },
	{ "Fw: a", "a", true },
	{ "FWD: a", "a", true },
	{ "re: fwd: Re: a", "a", true },
	{ "Re [2]: a", "a", true },
	{ "[list] Re: [list] a", "a", true },
	{ "[list] a", "a", false },
	{ "[a] [b] Re: c", "c", true },
	{ "a (fwd)", "a", true },
	{ "a (FWD) (fwd)  ", "a", true },
	{ "[Fwd: a]", "a", true },
	{ "[fwd: [fwd: Re: a (fwd)]] (fwd)", "a", true },
	{ "  a \t b\r\n c ", "a b c", false },
	/* what looks like an artifact and is none */
	{ "", "", false },
	{ "   ", "", false },
	{ "Re:", "", true },
	{ "(fwd)", "", true },
	{ "[fwd:]", "", true },
	{ "[list]", "[list]", false },
	{ "[a] [b]", "[b]", false },
	{ "Re: [list]", "[list]", true },
	{ "Re a", "Re a", false },
	{ "Reply: a", "Reply: a", false },
	{ "fwwd: a", "fwwd: a", false },
	{ "[not closed a", "[not closed a", false },
	{ "[a[b]] c", "[a[b]] c", false },
	{ "[fwd: a", "[fwd: a", false },
	{ "AW: a", "AW: a", false },
	{ "a [fwd: b]", "a [fwd: b]", false },
	{ "a fwd)", "a fwd)", false },
	{ ": a", ": a", false },
};

static void test_base(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char octets[128];
		struct buf scratch;

		print_message("%s\n", cases[i].subject);
		buf_init_fixed(&scratch, octets, sizeof octets);
		struct mime_base_subject got = mime_base_subject(str_of(cases[i].subject), &scratch);
		assert_true(str_eq(got.text, str_of(cases[i].want)));
		assert_int_equal(got.is_reply, cases[i].is_reply);
	}
}

/* A megabyte of blobs takes no quadratic time: this test would not end. */
static void test_many_blobs(void **state)
{
	enum { SIZE = 1 << 20 };
	char *subject = malloc(SIZE), *octets = malloc(SIZE);
	struct buf scratch;

	(void)state;
	assert_true(subject && octets);
	for (size_t i = 0; i < SIZE; i++)
		subject[i] = "[]"[i % 2];
	buf_init_fixed(&scratch, octets, SIZE);
	struct mime_base_subject got = mime_base_subject((str){ subject, SIZE }, &scratch);
	assert_true(str_eq(got.text, STR("[]")));
	free(subject);
	free(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_base), cmocka_unit_test(test_many_blobs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
