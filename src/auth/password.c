#include "auth/password.h"

#include <argon2.h>
#include <stdio.h>

#include "auth/scram_verifier.h"
#include "base/limits.h"
#include "base/random.h"
#include "mime/prepare.h"

enum { COST_KB = 19456, COST_PASSES = 2, COST_LANES = 1, SALT_OCTETS = 16, HASH_OCTETS = 32, PHC_ROOM = 160 };
enum { PREPARE_ARENA = 64 * 1024, VERIFIER_ROOM = 400 };

/* The length only: what is longer than the longest guess list and not in it is fine. */
enum { SHORT_PASSWORD = 10 };

/* What guessers try first, lower case; longer ones are rarely among their first millions. */
static const str common[] = {
	STR_INIT("1234567890"),   STR_INIT("12345678910"),   STR_INIT("123456789a"),  STR_INIT("qwertyuiop"),
	STR_INIT("q1w2e3r4t5y6"), STR_INIT("1q2w3e4r5t6y"),  STR_INIT("password12"),  STR_INIT("password123"),
	STR_INIT("password1234"), STR_INIT("passwort123"),   STR_INIT("letmein123"),  STR_INIT("welcome123"),
	STR_INIT("iloveyou123"),  STR_INIT("administrator"), STR_INIT("changeme123"), STR_INIT("abcdefghij"),
};

err password_hash(struct arena *arena, str password, str *phc)
{
	unsigned char salt[SALT_OCTETS];
	char text[PHC_ROOM];

	if (password.len == 0)
		return (err){ ERR_SYNTAX, 0, "the password is empty" };
	if (password.len > LIMIT_PASSWORD)
		return (err){ ERR_LIMIT, LIMIT_PASSWORD, "the password is longer than 1024 octets" };
	TRY(prepare_password(arena, password, &password));
	random_fill(salt, sizeof salt);
	int failed = argon2id_hash_encoded(COST_PASSES, COST_KB, COST_LANES, password.ptr, password.len, salt,
	                                   sizeof salt, HASH_OCTETS, text, sizeof text);
	if (failed)
		return (err){ ERR_NOSPACE, 0, "no memory to hash the password" };
	return arena_copy(arena, str_of(text), phc);
}

bool password_is_hash(str phc)
{
	return phc.len < PHC_ROOM && str_starts(phc, STR("$argon2id$v=")) &&
	       str_find_char(phc, '\0') == phc.len;
}

err password_add_scram(struct arena *arena, str password, str phc, str *verifier)
{
	struct scram_verifier scram;
	struct buf text;
	str prepared;

	buf_init(&text, arena, VERIFIER_ROOM);
	buf_add(&text, phc);
	err e = prepare_saslprep(arena, password, &prepared);
	if (e.code == ERR_OK) {
		TRY(scram_verifier_make(prepared, SCRAM_ROUNDS_CHOSEN, &scram));
		buf_add_char(&text, ' ');
		scram_verifier_format(&text, &scram);
	} else if (e.code != ERR_SYNTAX) {
		return e;
	}
	TRY(buf_err(&text));
	*verifier = buf_str(&text);
	return OK;
}

/* `password` is prepared. */
static err check(str phc, str password)
{
	char text[PHC_ROOM];

	memcpy(text, phc.ptr, phc.len);
	text[phc.len] = '\0';
	switch (argon2id_verify(text, password.len ? password.ptr : "", password.len)) {
	case ARGON2_OK:
		return OK;
	case ARGON2_VERIFY_MISMATCH:
		return (err){ ERR_DENIED, 0, "wrong password" };
	case ARGON2_MEMORY_ALLOCATION_ERROR:
		return (err){ ERR_NOSPACE, 0, "no memory to check the password" };
	default:
		return (err){ ERR_CORRUPT, 0, "the stored password hash is none" };
	}
}

err password_check(str verifier, str password)
{
	str phc = str_cut(&verifier, ' '), prepared;
	struct arena arena;

	if (!password_is_hash(phc))
		return (err){ ERR_CORRUPT, 0, "the stored password hash is none" };
	if (password.len > LIMIT_PASSWORD)
		return (err){ ERR_DENIED, 0, "wrong password" };
	arena_init(&arena, NULL, PREPARE_ARENA);
	err e = prepare_password(&arena, password, &prepared);
	if (e.code == ERR_OK)
		e = check(phc, prepared);
	arena_reset(&arena);
	return e;
}

err password_check_nobody(str password)
{
	static const unsigned char salt[SALT_OCTETS] = "nobody's salt...";
	unsigned char hash[HASH_OCTETS];

	if (password.len <= LIMIT_PASSWORD &&
	    argon2id_hash_raw(COST_PASSES, COST_KB, COST_LANES, password.len ? password.ptr : "",
	                      password.len, salt, sizeof salt, hash, sizeof hash) != ARGON2_OK)
		return (err){ ERR_NOSPACE, 0, "no memory to check the password" };
	return (err){ ERR_DENIED, 0, "wrong password" };
}

static bool contains_nocase(str s, str part)
{
	for (size_t i = 0; part.len > 0 && i + part.len <= s.len; i++)
		if (str_eq_nocase(str_slice(s, i, i + part.len), part))
			return true;
	return false;
}

static bool is_one_character(str s)
{
	for (size_t i = 1; i < s.len; i++)
		if (s.ptr[i] != s.ptr[0])
			return false;
	return true;
}

const char *password_weakness(str password, str address)
{
	str rest = address;
	str local_part = str_cut(&rest, '@');

	if (password.len < SHORT_PASSWORD)
		return "it is shorter than 10 characters";
	if (is_one_character(password))
		return "it is one character repeated";
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
		if (str_eq_nocase(password, common[i]))
			return "it is among the most used passwords";
	/* What is left beside the owner's own name is what a guesser must find. */
	if (local_part.len >= 3 && contains_nocase(password, local_part) &&
	    password.len - local_part.len < SHORT_PASSWORD)
		return "it is little more than the account's own name";
	return NULL;
}
