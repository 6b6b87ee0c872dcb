/* Which certificates are taken, and what is said of those that are not; how the keys of tickets are kept. */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/ticket_keys.h"
#include "net/toy_tls.h"

static struct tls_certificate good, other, weak, rsa;

static const char encrypted_key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\n"
				    "-----END ENCRYPTED PRIVATE KEY-----\n";

static void refused(struct tls *tls, struct tls_certificate item, const char *want)
{
	struct arena arena;

	arena_init(&arena, NULL, 65536);
	item.file = STR("/etc/x.pem");
	for (int check = 0; check < 2; check++) {
		err e = check ? tls_check(&arena, &item, 1) : tls_load(tls, &arena, &item, 1);
		print_message("%s\n", e.what);
		assert_int_equal(e.code, ERR_SYNTAX);
		assert_true(str_starts(str_of(e.what), STR("/etc/x.pem: ")));
		assert_non_null(strstr(e.what, want));
	}
	assert_true(tls_is_loaded(tls)); /* the former one */
	arena_reset(&arena);
}

static void test_refused(void **state)
{
	struct arena arena;
	struct tls *tls;

	(void)state;
	arena_init(&arena, NULL, 65536);
	assert_int_equal(tls_new(&tls).code, ERR_OK);
	assert_false(tls_is_loaded(tls));
	assert_int_equal(tls_load(tls, &arena, &good, 1).code, ERR_OK);
	struct tls_certificate bad = good;
	bad.chain = STR("");
	refused(tls, bad, "no certificate in PEM form");
	bad.chain = good.key;
	refused(tls, bad, "no certificate in PEM form");
	bad.chain = str_slice(good.chain, 0, good.chain.len / 2);
	refused(tls, bad, "no certificate in PEM form");
	bad = good;
	bad.key = STR("");
	refused(tls, bad, "its key is none in PEM form");
	bad.key = STR("rubbish\n");
	refused(tls, bad, "its key is none in PEM form");
	bad.key = (str){ encrypted_key, sizeof encrypted_key - 1 };
	refused(tls, bad, "without a passphrase");
	bad.key = other.key;
	refused(tls, bad, "the key belongs to another certificate");
	bad.key = rsa.key;
	refused(tls, bad, "the key belongs to another certificate");
	refused(tls, weak, "ee key too small");
	arena_reset(&arena);
	tls_free(tls);
}

static str joined(struct arena *arena, str a, str b)
{
	struct buf out;

	buf_init(&out, arena, 65536);
	buf_add(&out, a);
	buf_add(&out, b);
	assert_int_equal(buf_err(&out).code, ERR_OK);
	return buf_str(&out);
}

static void test_taken(void **state)
{
	struct arena arena;
	struct tls *tls;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	assert_int_equal(tls_new(&tls).code, ERR_OK);
	/* Key and certificate in one file, in either order, with chatter around; a chain. */
	struct tls_certificate one = good;
	one.chain = one.key = joined(&arena, good.key, good.chain);
	assert_int_equal(tls_load(tls, &arena, &one, 1).code, ERR_OK);
	one.chain = one.key = joined(&arena, joined(&arena, good.chain, STR("  some words\n")), good.key);
	assert_int_equal(tls_load(tls, &arena, &one, 1).code, ERR_OK);
	one = good;
	one.chain = joined(&arena, good.chain, other.chain);
	assert_int_equal(tls_load(tls, &arena, &one, 1).code, ERR_OK);
	one.chain = joined(&arena, good.chain,
	                   STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	refused(tls, one, "a certificate of the chain can't be read");
	struct tls_certificate several[] = { good, rsa, other };
	assert_int_equal(tls_load(tls, &arena, several, 3).code, ERR_OK);
	several[2].key = good.key;
	assert_int_equal(tls_load(tls, &arena, several, 3).code, ERR_SYNTAX); /* all or nothing */
	assert_int_equal(tls_load(tls, &arena, several, 0).code, ERR_OK);
	assert_false(tls_is_loaded(tls));
	arena_reset(&arena);
	tls_free(tls);
	tls_free(NULL);
}

static size_t keys_in(const char *path, struct ticket_keys *out)
{
	struct arena arena;
	struct stat about;
	str octets;

	arena_init(&arena, NULL, 65536);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	assert_int_equal(file_read_all(&arena, str_of(path), 4096, &octets).code, ERR_OK);
	assert_int_equal(ticket_keys_parse(octets, out).code, ERR_OK);
	arena_reset(&arena);
	return out->count;
}

static void test_ticket_keys(void **state)
{
	enum { HOUR_MS = 3600000 };
	const int64_t begin_ms = 1764000000000;
	char directory[] = "/tmp/tls_load_test.XXXXXX", path[64];
	struct ticket_keys first, second;
	struct arena arena;
	struct tls *tls;
	int64_t next_ms = 0;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/keys", directory);
	arena_init(&arena, NULL, 65536);
	clock_test_set(begin_ms);
	assert_int_equal(tls_new(&tls).code, ERR_OK);
	assert_int_equal(tls_tickets_open(tls, &arena, str_of(path)).code, ERR_OK);
	assert_int_equal(keys_in(path, &first), 1);
	clock_test_set(begin_ms + 12 * HOUR_MS - 1);
	assert_int_equal(tls_tickets_turn(tls, &arena, &next_ms).code, ERR_OK);
	assert_int_equal(next_ms, begin_ms + 12 * HOUR_MS);
	assert_int_equal(keys_in(path, &second), 1);
	clock_test_set(next_ms);
	assert_int_equal(tls_tickets_turn(tls, &arena, &next_ms).code, ERR_OK);
	assert_int_equal(next_ms, begin_ms + 24 * HOUR_MS);
	assert_int_equal(keys_in(path, &second), 2);
	assert_memory_equal(&second.item[1], &first.item[0], sizeof first.item[0]);
	/* Where they can't be kept they hold all the same, and the next turn is known. */
	unlink(path);
	rmdir(directory);
	clock_test_set(next_ms);
	assert_int_not_equal(tls_tickets_turn(tls, &arena, &next_ms).code, ERR_OK);
	assert_int_equal(next_ms, begin_ms + 36 * HOUR_MS);
	clock_test_set(0);
	tls_free(tls);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused), cmocka_unit_test(test_taken),
		                            cmocka_unit_test(test_ticket_keys) };
	struct arena arena;

	arena_init(&arena, NULL, 1 << 20);
	good = toy_certificate(&arena, "DNS:good.example", TOY_P256);
	other = toy_certificate(&arena, "DNS:other.example", TOY_P256);
	rsa = toy_certificate(&arena, "DNS:rsa.example", TOY_RSA_2048);
	weak = toy_certificate(&arena, "DNS:weak.example", TOY_RSA_1024);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&arena);
	return failed;
}
