#include "net/selfsigned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/limits.h"

static X509 *certificate_of(str pem)
{
	BIO *b = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	assert_non_null(x);
	return x;
}

static EVP_PKEY *key_of(str pem)
{
	BIO *b = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

	BIO_free(b);
	assert_non_null(k);
	return k;
}

static void check(str hostname, bool in_subject)
{
	struct arena arena;
	str certificate_pem, key_pem;
	char name[LIMIT_DOMAIN + 1] = "";

	arena_init(&arena, NULL, 65536);
	print_message(STR_FMT "\n", STR_ARG(hostname));
	assert_int_equal(certificate_make_self_signed(&arena, hostname, &certificate_pem, &key_pem).code,
	                 ERR_OK);
	X509 *x = certificate_of(certificate_pem);
	EVP_PKEY *k = key_of(key_pem);
	assert_int_equal(X509_check_private_key(x, k), 1);
	assert_int_equal(X509_verify(x, k), 1);
	assert_string_equal(EVP_PKEY_get0_type_name(k), "EC");
	memcpy(name, hostname.ptr, hostname.len);
	assert_int_equal(X509_check_host(x, name, hostname.len, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL),
	                 1);
	assert_int_equal(X509_check_host(x, "other.example", 0, 0, NULL), 0);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), in_subject ? 1 : 0);
	assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(x)), -1);
	int days, seconds;
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)), 1);
	assert_in_range(days, 3650, 3652);
	assert_int_equal(X509_check_ca(x), 0);
	X509_free(x);
	EVP_PKEY_free(k);
	arena_reset(&arena);
}

static void test_valid(void **state)
{
	char longest[LIMIT_DOMAIN];

	(void)state;
	check(STR("mail.shop.example"), true);
	check(STR("localhost"), true);
	check(STR("xn--bcher-kva.example"), true);
	for (size_t i = 0; i < sizeof longest; i++)
		longest[i] = i % 64 == 63 ? '.' : 'a';
	check((str){ longest, 64 + 10 }, false);
}

static void test_invalid(void **state)
{
	static const char *const names[] = { "", ".", "a.", ".a", "a b", "a,DNS:b", "b\303\274cher.example" };
	char too_long[LIMIT_DOMAIN + 1];
	struct arena arena;
	str a = STR("untouched"), b = a;

	(void)state;
	arena_init(&arena, NULL, 65536);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		print_message("%s\n", names[i]);
		assert_int_equal(certificate_make_self_signed(&arena, str_of(names[i]), &a, &b).code,
		                 ERR_SYNTAX);
	}
	memset(too_long, 'a', sizeof too_long);
	assert_int_equal(
		certificate_make_self_signed(&arena, (str){ too_long, sizeof too_long }, &a, &b).code,
		ERR_SYNTAX);
	assert_true(str_eq(a, STR("untouched")));
	assert_true(str_eq(b, STR("untouched")));
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_valid), cmocka_unit_test(test_invalid) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
