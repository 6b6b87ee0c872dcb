#include "deliver/app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"

static const str froms[] = { STR_INIT("ann@shop.example"), STR_INIT("@brand.example"),
	                     STR_INIT("ann+web@shop.example") };
static const struct app app = { .froms = froms, .from_count = 3 }, none = { .from_count = 0 };

static const struct {
	const char *address;
	bool may;
} cases[] = {
	{ "ann@shop.example", true },     { "ann+news@shop.example", true },
	{ "ann+web@shop.example", true }, { "ann+web+more@shop.example", true },
	{ "sales@brand.example", true },  { "any+thing@brand.example", true },
	{ "bob@shop.example", false },    { "ann@brand.example.org", false },
	{ "ann@xbrand.example", false },  { "ann@sub.brand.example", false },
	{ "annn@shop.example", false },   { "an@shop.example", false },
	{ "+ann@shop.example", false },   { "x+ann@shop.example", false },
	{ "@shop.example", false },       { "ann", false },
	{ "brand.example", false },       { "", false },
};

static void test_cases(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, LIMIT_MB);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		print_message("%s\n", cases[i].address);
		assert_int_equal(app_sends_from(&app, &arena, str_of(cases[i].address)), cases[i].may);
		assert_false(app_sends_from(&none, &arena, str_of(cases[i].address)));
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
