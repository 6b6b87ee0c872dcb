/* Against a real store: the directory has no other maker. */
#include "auth/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/password.h"
#include "auth/secret.h"
#include "base/base64.h"
#include "store/commit.h"
#include "store/store.h"

static struct arena arena;
static char folder[64];
static struct store *store;
static struct auth *auth;
static ip stranger, home;

/* Here an address is its own form, but for what begins with "?". */
static err normalise(struct arena *a, str text, str *out)
{
	(void)a;
	if (str_find_char(text, '@') == text.len)
		return (err){ ERR_SYNTAX, 0, "no address" };
	*out = text;
	return OK;
}

static void change(struct directory_change c)
{
	struct commit_op op = { .kind = COMMIT_DIRECTORY, .directory = c };
	struct commit commit = { .ops = &op, .op_count = 1, .arena = &arena };

	store_commit_wait(store, &commit);
	if (op.result.code != ERR_OK)
		print_message("%s\n", op.result.what);
	assert_int_equal(op.result.code, ERR_OK);
}

static str hash(const char *password, bool scram)
{
	str phc, both;

	assert_int_equal(password_hash(&arena, str_of(password), &phc).code, ERR_OK);
	if (!scram)
		return phc;
	assert_int_equal(password_add_scram(&arena, str_of(password), phc, &both).code, ERR_OK);
	return both;
}

static void new_auth(bool scram)
{
	const struct auth_options options = { .store = store,
		                              .data_dir = str_of(folder),
		                              .normalise = normalise,
		                              .plaintext_loopback = true,
		                              .scram = scram };

	auth_free(auth);
	assert_int_equal(auth_new(&arena, &options, &auth).code, ERR_OK);
}

static int set_up(void **state)
{
	struct store_options options = { .directory = str_of(folder), .limits = limits_default() };

	(void)state;
	arena_init(&arena, NULL, 16 * LIMIT_MB);
	snprintf(folder, sizeof folder, "/tmp/postrider-login-XXXXXX");
	assert_non_null(mkdtemp(folder));
	options.directory = str_of(folder);
	assert_int_equal(store_open(&arena, &options, &store).code, ERR_OK);
	change((struct directory_change){ .kind = DIRECTORY_DOMAIN_ADD, .name = STR("shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD,
	                                  .name = STR("ann@shop.example"),
	                                  .password = hash("correct horse", false) });
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = STR("none@shop.example") });
	assert_int_equal(ip_parse(STR("192.0.2.1"), &stranger).code, ERR_OK);
	assert_int_equal(ip_parse(STR("127.0.0.1"), &home).code, ERR_OK);
	new_auth(false);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	auth_free(auth);
	auth = NULL;
	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	arena_reset(&arena);
	return system(command) == 0 ? 0 : 1;
}

/* What a login came to: its answer, and how it came there ("h": by a hash, "p": after a pause). */
struct way {
	enum login_answer answer;
	char steps[4];
};

static struct way try_password(ip peer, const char *name, const char *authzid, const char *password)
{
	struct way way = { .steps = "" };
	struct login l;
	size_t n = 0;

	login_begin(&l, auth, peer, str_of(name), str_of(authzid));
	enum login_next next = login_with_password(&l, str_of(password));
	if (next == LOGIN_PAUSES) {
		way.steps[n++] = 'p';
		assert_true(l.wait_ms > 0);
		next = login_continue(&l);
	}
	if (next == LOGIN_HASHES) {
		way.steps[n++] = 'h';
		login_hash(&l);
		login_hashed(&l);
	} else {
		assert_int_equal(next, LOGIN_ANSWERED);
	}
	way.answer = l.answer;
	assert_non_null(l.why);
	assert_int_equal(l.why[0] == '\0', l.answer == LOGIN_GRANTED);
	assert_int_equal(l.identity != NULL, l.answer == LOGIN_GRANTED);
	assert_int_equal(l.password_len, 0);
	if (l.identity)
		assert_true(str_eq(l.identity->login, str_of(name)));
	identity_free(l.identity);
	return way;
}

static void expect(struct way way, enum login_answer answer, const char *steps)
{
	assert_int_equal(way.answer, answer);
	assert_string_equal(way.steps, steps);
}

static void test_answers(void **state)
{
	char longest[LIMIT_PASSWORD + 2];

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	/* Whatever is wrong, the steps are the same: time tells nothing. */
	expect(try_password(home, "ann@shop.example", "", "wrong"), LOGIN_WRONG, "h");
	expect(try_password(home, "nobody@shop.example", "", "wrong"), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "none@shop.example", "", "wrong"), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "none@shop.example", "", ""), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "no address", "", "wrong"), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "\xff@shop.example", "", "wrong"), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "ann@shop.example", "", longest), LOGIN_UNKNOWN, "h");
	expect(try_password(home, "ann@shop.example", "bob@shop.example", "correct horse"), LOGIN_UNKNOWN,
	       "h");
	expect(try_password(home, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "h");
	expect(try_password(home, "ann@shop.example", "ann@shop.example", "correct horse"), LOGIN_GRANTED,
	       "");
}

/* What was right a moment ago needs no hash, until the password, the account or its state changes. */
static void test_remembered(void **state)
{
	(void)state;
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "h");
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "");
	expect(try_password(stranger, "ann@shop.example", "", "correct horsf"), LOGIN_WRONG, "h");
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example"), .suspended = true });
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_SUSPENDED, "");
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_PASSWORD,
	                                  .name = STR("ann@shop.example"),
	                                  .password = hash("another", false) });
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_WRONG, "h");
	expect(try_password(stranger, "ann@shop.example", "", "another"), LOGIN_GRANTED, "h");
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_REMOVE,
	                                  .name = STR("ann@shop.example") });
	expect(try_password(stranger, "ann@shop.example", "", "another"), LOGIN_UNKNOWN, "h");
}

/* The right password is no sooner known than a wrong one, where somebody guesses. */
static void test_guessing(void **state)
{
	ip elsewhere;

	(void)state;
	assert_int_equal(ip_parse(STR("198.51.100.1"), &elsewhere).code, ERR_OK);
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "h");
	for (int i = 0; i < 4; i++)
		(void)try_password(elsewhere, "ann@shop.example", "", "wrong");
	expect(try_password(elsewhere, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "p");
	for (int i = 0; i < 4; i++)
		(void)try_password(elsewhere, "bob@shop.example", "", "wrong");
	expect(try_password(elsewhere, "bob@shop.example", "", "wrong"), LOGIN_UNKNOWN, "ph");
	expect(try_password(stranger, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "");
}

/* Only so many strangers' passwords wait to be hashed; who is known goes first. */
static void test_crowd(void **state)
{
	static struct login waiting[LIMIT_GUESS_HASHES];
	struct login known;

	(void)state;
	expect(try_password(home, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "h");
	for (size_t i = 0; i < LIMIT_GUESS_HASHES; i++) {
		login_begin(&waiting[i], auth, home, STR("nobody@shop.example"), STR(""));
		assert_int_equal(login_with_password(&waiting[i], STR("wrong")), LOGIN_HASHES);
		assert_false(waiting[i].goes_first);
	}
	expect(try_password(home, "nobody@shop.example", "", "wrong"), LOGIN_LATER, "");
	login_begin(&known, auth, home, STR("ann@shop.example"), STR(""));
	assert_int_equal(login_with_password(&known, STR("mistyped")), LOGIN_HASHES);
	assert_true(known.goes_first);
	login_hash(&known);
	login_hashed(&known);
	for (size_t i = 0; i < LIMIT_GUESS_HASHES; i++)
		login_hashed(&waiting[i]); /* as where its session is gone */
	expect(try_password(home, "nobody@shop.example", "", "wrong"), LOGIN_UNKNOWN, "h");
}

/* What we made is checked at once, and nobody's guesses hold it up; wrong ones are slowed. */
static void test_app(void **state)
{
	const char *name = "ann+bookings@shop.example";
	const str from = STR("ann@shop.example");
	str secret = { 0 }, verifier = { 0 };
	char text[SECRET_ROOM + 1];

	(void)state;
	assert_int_equal(secret_make(&arena, &secret, &verifier).code, ERR_OK);
	memcpy(text, secret.ptr, secret.len);
	text[secret.len] = '\0';
	change((struct directory_change){ .kind = DIRECTORY_APP_ADD,
	                                  .name = STR("ann@shop.example"),
	                                  .app_name = STR("bookings"),
	                                  .password = verifier,
	                                  .targets = &from,
	                                  .target_count = 1 });
	expect(try_password(stranger, name, "", text), LOGIN_GRANTED, "");
	expect(try_password(stranger, name, name, text), LOGIN_GRANTED, "");
	expect(try_password(stranger, name, "ann@shop.example", text), LOGIN_UNKNOWN, "");
	expect(try_password(stranger, "ann@shop.example", "", text), LOGIN_WRONG, "h");
	for (int i = 0; i < 3; i++) {
		expect(try_password(stranger, "ann+other@shop.example", "", "wrong"), LOGIN_UNKNOWN, "");
		expect(try_password(stranger, "bob+bookings@shop.example", "", text), LOGIN_UNKNOWN, "");
	}
	for (int i = 0; i < 12; i++)
		(void)try_password(stranger, name, "", "wrong");
	expect(try_password(stranger, "ann+other@shop.example", "", "wrong"), LOGIN_UNKNOWN, "");
	expect(try_password(stranger, "ann+other@shop.example", "", "wrong"), LOGIN_UNKNOWN, "p");
	expect(try_password(stranger, name, "", text), LOGIN_GRANTED, "");
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example"), .suspended = true });
	expect(try_password(home, name, "", text), LOGIN_SUSPENDED, "");
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example") });
	change((struct directory_change){
		.kind = DIRECTORY_APP_REMOVE, .name = STR("ann@shop.example"), .app_name = STR("bookings") });
	expect(try_password(home, name, "", text), LOGIN_UNKNOWN, "");
}

/* Who logged in is asked for again before they do something lasting. */
static void test_identity(void **state)
{
	const struct account *account = NULL;
	const struct app *app = NULL;
	const struct directory *d;
	struct identity *identity;
	struct login l;

	(void)state;
	login_begin(&l, auth, home, STR("ann@shop.example"), STR(""));
	assert_int_equal(login_with_password(&l, STR("correct horse")), LOGIN_HASHES);
	login_hash(&l);
	login_hashed(&l);
	identity = l.identity;
	d = directory_acquire(store);
	assert_true(identity_find(d, identity, &account, &app));
	assert_true(account->account_id == identity->account_id && app == NULL);
	directory_release(d);
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example"), .suspended = true });
	d = directory_acquire(store);
	assert_false(identity_find(d, identity, &account, &app));
	directory_release(d);
	/* Another account of the same address is another. */
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_REMOVE,
	                                  .name = STR("ann@shop.example") });
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_ADD, .name = STR("ann@shop.example") });
	d = directory_acquire(store);
	assert_false(identity_find(d, identity, &account, &app));
	directory_release(d);
	identity_free(identity);
}

/* A client's side of SCRAM: "wrong" or right. */
static enum login_answer try_scram(const char *name, const char *password, struct scram_verifier *shown)
{
	struct mechanism m;
	struct login l;
	struct buf first, text, final;
	struct digest salted, key, stored, signature;
	enum mechanism_wants wants;
	static const struct scram_channel channel = { 0 };

	buf_init(&first, &arena, 1024);
	buf_add(&first, STR("n,,n="));
	buf_add(&first, str_of(name));
	buf_add(&first, STR(",r=abc"));
	str message = buf_str(&first);
	assert_int_equal(
		mechanism_begin(&m, &arena, MECHANISM_SCRAM_SHA_256, &channel, &message, &wants).code,
		ERR_OK);
	login_begin(&l, auth, home, m.name, m.authzid);
	assert_int_equal(login_verifier(&l, shown).code, ERR_OK);
	assert_int_equal(mechanism_verifier(&m, shown, STR("def"), &wants).code, ERR_OK);
	buf_init(&final, &arena, 1024);
	buf_add(&final, STR("c=biws,r=abcdef"));
	buf_init(&text, &arena, 4096);
	buf_add(&text, str_from(message, 3));
	buf_add_char(&text, ',');
	buf_add(&text, m.challenge);
	buf_add_char(&text, ',');
	buf_add(&text, buf_str(&final));
	assert_int_equal(
		digest_pbkdf2(str_of(password), scram_verifier_salt(shown), shown->rounds, &salted).code,
		ERR_OK);
	assert_int_equal(digest_hmac(digest_str(&salted), STR("Client Key"), &key).code, ERR_OK);
	assert_int_equal(digest_sha256(digest_str(&key), STR(""), &stored).code, ERR_OK);
	assert_int_equal(digest_hmac(digest_str(&stored), buf_str(&text), &signature).code, ERR_OK);
	for (size_t i = 0; i < DIGEST_OCTETS; i++)
		signature.octets[i] = (char)(signature.octets[i] ^ key.octets[i]);
	buf_add(&final, STR(",p="));
	base64_add(&final, digest_str(&signature));
	assert_int_equal(mechanism_response(&m, buf_str(&final), &wants).code, ERR_OK);
	assert_int_equal(wants, MECHANISM_WANTS_PROOF);
	assert_int_equal(login_with_proof(&l, &m), LOGIN_ANSWERED);
	identity_free(l.identity);
	return l.answer;
}

static void test_scram(void **state)
{
	struct scram_verifier first, again;

	(void)state;
	assert_int_equal(try_scram("ann@shop.example", "correct horse", &first),
	                 LOGIN_WRONG); /* it has none */
	assert_int_equal(first.rounds, SCRAM_ROUNDS_CHOSEN);
	assert_int_equal(try_scram("nobody@shop.example", "correct horse", &first), LOGIN_UNKNOWN);
	new_auth(false); /* a restart */
	assert_int_equal(try_scram("nobody@shop.example", "x", &again), LOGIN_UNKNOWN);
	assert_memory_equal(&first.salt, &again.salt, sizeof first.salt);
	assert_int_equal(try_scram("nobody+app@shop.example", "x", &again), LOGIN_UNKNOWN);
	assert_int_equal(again.rounds, SCRAM_ROUNDS_GENERATED);
	change((struct directory_change){ .kind = DIRECTORY_ACCOUNT_PASSWORD,
	                                  .name = STR("ann@shop.example"),
	                                  .password = hash("correct horse", true) });
	assert_int_equal(try_scram("ann@shop.example", "correct horse", &first), LOGIN_GRANTED);
	assert_int_equal(try_scram("ann@shop.example", "correct horsf", &again), LOGIN_WRONG);
	expect(try_password(home, "ann@shop.example", "", "correct horse"), LOGIN_GRANTED, "h");
	change((struct directory_change){
		.kind = DIRECTORY_ACCOUNT_STATE, .name = STR("ann@shop.example"), .suspended = true });
	assert_int_equal(try_scram("ann@shop.example", "correct horse", &first), LOGIN_SUSPENDED);
}

static void test_where(void **state)
{
	(void)state;
	assert_true(auth_takes_passwords(auth, true, stranger));
	assert_false(auth_takes_passwords(auth, false, stranger));
	assert_true(auth_takes_passwords(auth, false, home));
	auth_set_plaintext(auth, false);
	assert_false(auth_takes_passwords(auth, false, home));
	assert_true(auth_takes_passwords(auth, true, home));
	assert_false(auth_offers(auth, MECHANISM_SCRAM_SHA_256));
	new_auth(true);
	assert_true(auth_offers(auth, MECHANISM_SCRAM_SHA_256));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remembered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guessing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_crowd, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_app, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scram, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_where, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
