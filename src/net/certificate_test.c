#include "net/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/clock.h"
#include "net/selfsigned.h"
#include "net/toy_tls.h"

static void test_facts(void **state)
{
	struct certificate_facts facts = { .ends_ms = 7 };
	struct arena arena;
	str chain, key;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	assert_int_equal(certificate_look(STR(""), STR("a.example"), &facts).code, ERR_SYNTAX);
	assert_int_equal(
		certificate_look(STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	                         STR("a.example"), &facts)
			.code,
		ERR_SYNTAX);
	assert_int_equal(facts.ends_ms, 7); /* untouched */
	assert_int_equal(certificate_make_self_signed(&arena, STR("mail.shop.example"), &chain, &key).code,
	                 ERR_OK);
	assert_int_equal(certificate_look(key, STR("a.example"), &facts).code, ERR_SYNTAX);
	assert_int_equal(certificate_look(chain, STR("mail.shop.example"), &facts).code, ERR_OK);
	assert_true(facts.self_signed && facts.names_host);
	int64_t days = (facts.ends_ms - clock_now()) / 86400000;
	assert_in_range(days, 3650, 3652);
	assert_in_range(clock_now() - facts.begins_ms, 3500000, 3700000);
	assert_int_equal(certificate_look(chain, STR("shop.example"), &facts).code, ERR_OK);
	assert_false(facts.names_host);
	struct tls_certificate wild = toy_certificate(&arena, "DNS:*.shop.example", TOY_RSA_2048);
	assert_int_equal(certificate_look(wild.chain, STR("mail.shop.example"), &facts).code, ERR_OK);
	assert_true(facts.names_host);
	assert_int_equal(certificate_look(wild.chain, STR("a.mail.shop.example"), &facts).code, ERR_OK);
	assert_false(facts.names_host);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_facts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
