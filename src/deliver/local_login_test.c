#include "deliver/local_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/limits.h"

static struct local_allowance allowances[] = {
	{ STR_INIT("www-data"), STR_INIT("Info@Shop.example") },
	{ STR_INIT("www-data"), STR_INIT("@news.example") },
	{ STR_INIT("backup"), STR_INIT("@shop.example") },
	{ STR_INIT("www"), STR_INIT("@www.example") },
};

static const struct {
	const char *login;
	bool root;
	const char *address;
	bool may;
} cases[] = {
	{ "www-data", false, "www-data@mail.shop.example", true },
	{ "www-data", false, "www-data+orders@mail.shop.example", true },
	{ "Web", false, "web@mail.shop.example", true },
	{ "www-data", false, "info@shop.example", true },
	{ "www-data", false, "anybody@news.example", true },
	{ "backup", false, "anybody@shop.example", true },
	{ "root", true, "anybody@far.example", true },
	{ "www-data", false, "www-data@shop.example", false },
	{ "www-data", false, "www-data2@mail.shop.example", false },
	{ "www-data", false, "www@mail.shop.example", false },
	{ "www-data", false, "root@mail.shop.example", false },
	{ "www-data", false, "other@shop.example", false },
	{ "www-data", false, "ann@sub.news.example", false },
	{ "www-data", false, "ann@xnews.example", false },
	{ "www-data", false, "ann@www.example", false },
	{ "backup", false, "info@news.example", false },
	{ "nobody", false, "info@shop.example", false },
	{ "root", false, "info@shop.example", false },
};

static void test_may_send(void **state)
{
	const struct local_allowances all = { allowances, sizeof allowances / sizeof allowances[0] };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		struct local_login login;

		print_message("%s as %s\n", cases[i].login, cases[i].address);
		arena_init(&arena, NULL, LIMIT_MB);
		assert_int_equal(local_login_init(&arena, str_of(cases[i].login), cases[i].root,
		                                  STR("mail.shop.example"), &all, &login)
		                         .code,
		                 ERR_OK);
		assert_int_equal(local_login_may_send(&login, str_of(cases[i].address)), cases[i].may);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_may_send) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
