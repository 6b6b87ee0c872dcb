#include "auth/verified.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

#define ANN STR("ann@shop.example")
#define SECRET STR("correct horse")
#define HASH STR("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")

static void test_what_counts(void **state)
{
	struct verified *v = NULL, *other = NULL;

	(void)state;
	assert_int_equal(verified_new(&v).code, ERR_OK);
	assert_false(verified_has(v, ANN, SECRET, HASH, 1000));
	verified_add(v, ANN, SECRET, HASH, 1000);
	assert_true(verified_has(v, ANN, SECRET, HASH, 1000));
	assert_false(verified_has(v, STR("bob@shop.example"), SECRET, HASH, 1000));
	assert_false(verified_has(v, ANN, STR("correct horsf"), HASH, 1000));
	assert_false(verified_has(v, ANN, STR(""), HASH, 1000));
	/* The password was changed, be it to the same. */
	assert_false(verified_has(v, ANN, SECRET, STR("$argon2id$v=19$m=19456,t=2,p=1$c2FsdB$aGFzaA"), 1000));
	/* No octet moves from one part to the next. */
	assert_false(verified_has(v, STR("ann@shop.examplec"), STR("orrect horse"), HASH, 1000));
	assert_false(verified_has(v, ANN, STR("correct horse$argon2id"),
	                          STR("$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"), 1000));
	/* Nor does it outlive the process. */
	assert_int_equal(verified_new(&other).code, ERR_OK);
	assert_false(verified_has(other, ANN, SECRET, HASH, 1000));
	verified_free(other);
	verified_free(v);
	verified_free(NULL);
}

static void test_time(void **state)
{
	struct verified *v = NULL;
	int64_t now_ms = 1000;

	(void)state;
	assert_int_equal(verified_new(&v).code, ERR_OK);
	verified_add(v, ANN, SECRET, HASH, now_ms);
	for (int i = 0; i < 5; i++) {
		now_ms += LIMIT_VERIFIED_MS - 1;
		assert_true(verified_has(v, ANN, SECRET, HASH, now_ms)); /* each use counts anew */
	}
	assert_false(verified_has(v, ANN, SECRET, HASH, now_ms + LIMIT_VERIFIED_MS));
	verified_free(v);
}

/* More than there is room for: what was used last stays. */
static void test_full(void **state)
{
	struct verified *v = NULL;
	char name[32];
	struct buf b;
	unsigned kept = 0;

	(void)state;
	assert_int_equal(verified_new(&v).code, ERR_OK);
	for (unsigned i = 0; i < 2 * LIMIT_VERIFIED; i++) {
		buf_init_fixed(&b, name, sizeof name);
		buf_add_u64(&b, i);
		verified_add(v, buf_str(&b), SECRET, HASH, 1000 + (int64_t)i);
	}
	for (unsigned i = 0; i < 2 * LIMIT_VERIFIED; i++) {
		buf_init_fixed(&b, name, sizeof name);
		buf_add_u64(&b, i);
		kept += verified_has(v, buf_str(&b), SECRET, HASH, 2 * LIMIT_VERIFIED);
	}
	assert_in_range(kept, LIMIT_VERIFIED * 9 / 10, LIMIT_VERIFIED);
	verified_add(v, ANN, SECRET, HASH, 4 * LIMIT_VERIFIED);
	assert_true(verified_has(v, ANN, SECRET, HASH, 4 * LIMIT_VERIFIED));
	verified_free(v);
}

/* What does not fit is not kept, and not met. */
static void test_too_long(void **state)
{
	static char octets[4096];
	struct verified *v = NULL;

	(void)state;
	assert_int_equal(verified_new(&v).code, ERR_OK);
	verified_add(v, ANN, SECRET, (str){ octets, sizeof octets }, 1000);
	assert_false(verified_has(v, ANN, SECRET, (str){ octets, sizeof octets }, 1000));
	verified_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_counts), cmocka_unit_test(test_time),
		                            cmocka_unit_test(test_full), cmocka_unit_test(test_too_long) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
