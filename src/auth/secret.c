#include "auth/secret.h"

#include "base/base64.h"
#include "base/random.h"

#define SCHEME "$sha256$"
enum { SALT_OCTETS = 16, GROUP = 4, VERIFIER_ROOM = 400 };

/* Without 0, 1, l and o. */
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(sizeof letters - 1 == 32, "a letter is five bits of randomness, none is likelier");
static_assert(SECRET_LETTERS * 5 >= 128, "nobody guesses it");
static_assert(SECRET_LETTERS + SECRET_LETTERS / GROUP - 1 == SECRET_ROOM, "letters and the hyphens between");

static void write_secret(char out[static SECRET_ROOM])
{
	unsigned char octets[SECRET_LETTERS];
	size_t at = 0;

	random_fill(octets, sizeof octets);
	for (size_t i = 0; i < sizeof octets; i++) {
		if (i > 0 && i % GROUP == 0)
			out[at++] = '-';
		out[at++] = letters[octets[i] & 31];
	}
	explicit_bzero(octets, sizeof octets);
}

static err add_verifier(struct buf *out, str secret)
{
	char salt[SALT_OCTETS];
	struct scram_verifier scram;
	struct digest hash;

	random_fill(salt, sizeof salt);
	TRY(digest_sha256((str){ salt, sizeof salt }, secret, &hash));
	TRY(scram_verifier_make(secret, SCRAM_ROUNDS_GENERATED, &scram));
	buf_add(out, STR(SCHEME));
	base64_add(out, (str){ salt, sizeof salt });
	buf_add_char(out, '$');
	base64_add(out, digest_str(&hash));
	buf_add_char(out, ' ');
	scram_verifier_format(out, &scram);
	return buf_err(out);
}

err secret_make(struct arena *arena, str *secret, str *verifier)
{
	char text[SECRET_ROOM];
	struct buf b;
	str made;

	write_secret(text);
	buf_init(&b, arena, VERIFIER_ROOM);
	err e = add_verifier(&b, (str){ text, sizeof text });
	if (e.code == ERR_OK)
		e = arena_copy(arena, (str){ text, sizeof text }, &made);
	explicit_bzero(text, sizeof text);
	if (e.code != ERR_OK)
		return e;
	*secret = made;
	*verifier = buf_str(&b);
	return OK;
}

/* Reads "$sha256$salt$hash", the first word of a verifier. */
static bool take_hash(str verifier, char salt[static SALT_OCTETS], struct digest *hash)
{
	struct buf b;
	str rest = verifier;
	str word = str_cut(&rest, ' ');

	if (!str_starts(word, STR(SCHEME)))
		return false;
	word = str_from(word, sizeof SCHEME - 1);
	buf_init_fixed(&b, salt, SALT_OCTETS);
	if (base64_decode(str_cut(&word, '$'), &b).code != ERR_OK || b.len != SALT_OCTETS)
		return false;
	buf_init_fixed(&b, hash->octets, sizeof hash->octets);
	return base64_decode(word, &b).code == ERR_OK && b.len == sizeof hash->octets;
}

err secret_check(str verifier, str secret)
{
	char salt[SALT_OCTETS];
	struct digest hash, of;

	if (!take_hash(verifier, salt, &hash))
		return (err){ ERR_CORRUPT, 0, "the stored verifier is none" };
	TRY(digest_sha256((str){ salt, sizeof salt }, secret, &of));
	return digest_equal(&of, &hash) ? OK : (err){ ERR_DENIED, 0, "wrong password" };
}

err secret_check_nobody(str secret)
{
	static const str nobody =
		STR_INIT(SCHEME "bm9ib2R5J3Mgc2FsdC4uLg==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");

	return secret_check(nobody, secret);
}

bool verifier_find_scram(str verifier, struct scram_verifier *out)
{
	while (verifier.len > 0)
		if (scram_verifier_parse(str_cut(&verifier, ' '), out).code == ERR_OK)
			return true;
	return false;
}

bool secret_is_verifier(str verifier)
{
	char salt[SALT_OCTETS];
	struct digest hash;
	struct scram_verifier scram;

	return take_hash(verifier, salt, &hash) && verifier_find_scram(verifier, &scram);
}
