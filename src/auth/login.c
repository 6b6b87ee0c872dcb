#include "auth/login.h"

#include "auth/auth_internal.h"
#include "auth/password.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "mime/prepare.h"
#include "store/app.h"

enum { NAME_ARENA = 16384 };

/* --- the name --- */

/* SASLprep, then the directory's form. False where it is no address: then it is nobody's. */
static bool normalise(struct auth *auth, struct arena *arena, str text, str *out)
{
	str prepared;

	return prepare_saslprep(arena, text, &prepared).code == ERR_OK &&
	       auth->normalise(arena, prepared, out).code == ERR_OK && out->len <= LIMIT_PATH;
}

static void keep_name(struct login *l, str name)
{
	l->name_len = name.len < sizeof l->name ? name.len : sizeof l->name;
	if (l->name_len)
		memcpy(l->name, name.ptr, l->name_len);
}

static bool has_detail(str name)
{
	size_t plus = str_find_char(name, '+');

	return plus > 0 && plus < str_rfind_char(name, '@');
}

void login_begin(struct login *login, struct auth *auth, ip peer, str name, str authzid)
{
	struct arena arena;
	str normal = name, act_as;

	memset(login, 0, sizeof *login);
	login->auth = auth;
	login->peer = peer;
	login->why = "";
	arena_init(&arena, NULL, NAME_ARENA);
	login->never = !normalise(auth, &arena, name, &normal);
	if (!login->never && authzid.len > 0)
		login->never = !normalise(auth, &arena, authzid, &act_as) || !str_eq(act_as, normal);
	keep_name(login, normal);
	login->is_app = has_detail(login_name(login));
	arena_reset(&arena);
}

/* --- whose it is --- */

struct found {
	const struct account *account; /* NULL: nobody's */
	const struct app *app;         /* NULL: the account's own login */
	str verifier;
};

static struct found find(const struct login *l, const struct directory *d)
{
	struct found f = { 0 };

	if (l->never || directory_find_login(d, login_name(l), &f.account, &f.app) != DIRECTORY_FOUND)
		return (struct found){ 0 };
	f.verifier = f.app ? f.app->verifier : f.account->password;
	return f.verifier.len > 0 ? f : (struct found){ 0 };
}

static void answer(struct login *l, enum login_answer answer, const char *why)
{
	l->answer = answer;
	l->why = why;
}

/* It was right. */
static void grant(struct login *l, const struct found *f)
{
	if (f->account->suspended) {
		answer(l, LOGIN_SUSPENDED, "the account is suspended");
		return;
	}
	l->identity = identity_new(f->account, f->app ? f->app->name : STR(""), login_name(l));
	if (l->identity)
		answer(l, LOGIN_GRANTED, "");
	else
		answer(l, LOGIN_LATER, "out of memory");
}

/* What a check said, of somebody found or not. */
static void judge(struct login *l, const struct found *f, err e)
{
	if (e.code == ERR_OK && f->account)
		grant(l, f);
	else if (e.code == ERR_NOSPACE || e.code == ERR_CORRUPT)
		answer(l, LOGIN_LATER, e.what);
	else if (!f->account)
		answer(l, LOGIN_UNKNOWN, l->never ? "this is no login" : "unknown account");
	else
		answer(l, LOGIN_WRONG, e.what);
}

/* --- the end --- */

static void note_app(const struct login *l, const struct found *f)
{
	char text[64];
	struct buf peer;

	buf_init_fixed(&peer, text, sizeof text);
	ip_format(&peer, l->peer);
	if (f->app && l->answer != LOGIN_LATER)
		app_note_login(l->auth->store, f->app, l->answer == LOGIN_GRANTED, buf_str(&peer));
}

static enum login_next end(struct login *l)
{
	if (l->answer == LOGIN_GRANTED || l->answer == LOGIN_SUSPENDED)
		guess_was_right(l->auth->guess, &l->attempt, clock_tick_ms());
	else if (l->answer == LOGIN_LATER)
		guess_withdrawn(l->auth->guess, &l->attempt);
	else
		guess_was_wrong(l->auth->guess, &l->attempt, clock_tick_ms());
	explicit_bzero(l->password, sizeof l->password);
	l->password_len = 0;
	l->proof = NULL;
	return LOGIN_ANSWERED;
}

void login_give_up(struct login *login)
{
	if (login->auth)
		guess_withdrawn(login->auth->guess, &login->attempt);
	explicit_bzero(login->password, sizeof login->password);
}

/* --- the checks --- */

static str password_of(const struct login *l) { return (str){ l->password, l->password_len }; }

static err check_proof(struct login *l)
{
	enum mechanism_wants wants;

	return mechanism_proof(l->proof, &wants);
}

/* An application's: on the loop, whether or not it exists. */
static void check_app(struct login *l)
{
	const struct directory *d = directory_acquire(l->auth->store);
	struct found f = find(l, d);
	err e;

	if (l->proof)
		e = check_proof(l);
	else if (f.account)
		e = secret_check(f.verifier, password_of(l));
	else
		e = secret_check_nobody(password_of(l));
	judge(l, &f, e);
	note_app(l, &f);
	directory_release(d);
}

/* An account's, where that costs no hash: false where it does. */
static bool check_account_at_once(struct login *l)
{
	const struct directory *d = directory_acquire(l->auth->store);
	struct found f = find(l, d);
	bool known = l->proof != NULL;

	if (l->proof) {
		judge(l, &f, check_proof(l));
	} else if (f.account && verified_has(l->auth->verified, f.account->address, password_of(l),
	                                     f.verifier, clock_tick_ms())) {
		judge(l, &f, OK);
		known = true;
	}
	directory_release(d);
	return known;
}

void login_hash(struct login *login)
{
	const struct directory *d = directory_acquire(login->auth->store);
	struct found f = find(login, d);
	str password = password_of(login);

	if (f.account) {
		err e = password_check(f.verifier, password);
		if (e.code == ERR_OK)
			verified_add(login->auth->verified, f.account->address, password, f.verifier,
			             clock_tick_ms());
		judge(login, &f, e);
	} else {
		judge(login, &f, password_check_nobody(password));
	}
	directory_release(d);
}

void login_hashed(struct login *login)
{
	assert(login->hashing);
	login->hashing = false;
	if (!login->goes_first)
		atomic_fetch_sub(&login->auth->strangers, 1);
	end(login);
}

static enum login_next begin_hash(struct login *l)
{
	l->goes_first = l->attempt.known;
	if (!l->goes_first && atomic_fetch_add(&l->auth->strangers, 1) >= LIMIT_GUESS_HASHES) {
		atomic_fetch_sub(&l->auth->strangers, 1);
		answer(l, LOGIN_LATER, "too many passwords wait to be checked");
		return end(l);
	}
	l->hashing = true;
	return LOGIN_HASHES;
}

/* --- the steps --- */

static enum login_next admit(struct login *l)
{
	err e = guess_admit(l->auth->guess, l->peer, login_name(l), clock_tick_ms(), &l->attempt,
	                    &l->wait_ms);

	if (e.code != ERR_OK) {
		answer(l, LOGIN_LATER, e.what);
		return end(l);
	}
	return l->wait_ms > 0 ? LOGIN_PAUSES : login_continue(l);
}

static enum login_next start(struct login *l)
{
	if (!l->is_app)
		return admit(l);
	check_app(l);
	/* Nobody guesses what we made, so what is right need not wait for what others did. */
	return l->answer == LOGIN_WRONG || l->answer == LOGIN_UNKNOWN ? admit(l) : end(l);
}

enum login_next login_continue(struct login *login)
{
	if (login->is_app || check_account_at_once(login))
		return end(login);
	return begin_hash(login);
}

enum login_next login_with_password(struct login *login, str password)
{
	if (password.len == 0 || password.len > sizeof login->password)
		login->never = true;
	login->password_len = password.len <= sizeof login->password ? password.len : 0;
	if (login->password_len)
		memcpy(login->password, password.ptr, login->password_len);
	return start(login);
}

enum login_next login_with_proof(struct login *login, struct mechanism *mechanism)
{
	login->proof = mechanism;
	return start(login);
}

err login_verifier(struct login *login, struct scram_verifier *out)
{
	const struct directory *d = directory_acquire(login->auth->store);
	struct found f = find(login, d);
	bool has = f.account && verifier_find_scram(f.verifier, out);

	directory_release(d);
	if (has)
		return OK;
	/* Those without one look like those that do not exist. */
	return scram_verifier_fake(digest_str(&login->auth->fake_key), login_name(login),
	                           login->is_app ? SCRAM_ROUNDS_GENERATED : SCRAM_ROUNDS_CHOSEN, out);
}
