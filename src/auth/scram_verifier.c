#include "auth/scram_verifier.h"

#include "base/base64.h"
#include "base/random.h"

#define SCHEME "SCRAM-SHA-256$"

#define NO_VERIFIER ((err){ ERR_SYNTAX, 0, "this is no SCRAM-SHA-256 verifier" })

err scram_verifier_keys(str password, str salt, uint32_t rounds, struct digest *client_key,
                        struct scram_verifier *out)
{
	struct scram_verifier v = { .rounds = rounds, .salt_len = salt.len };
	struct digest salted, key;

	assert(salt.len > 0 && salt.len <= sizeof v.salt);
	memcpy(v.salt, salt.ptr, salt.len);
	TRY(digest_pbkdf2(password, salt, rounds, &salted));
	TRY(digest_hmac(digest_str(&salted), STR("Client Key"), &key));
	TRY(digest_sha256(digest_str(&key), STR(""), &v.stored_key));
	TRY(digest_hmac(digest_str(&salted), STR("Server Key"), &v.server_key));
	*client_key = key;
	*out = v;
	return OK;
}

err scram_verifier_derive(str password, str salt, uint32_t rounds, struct scram_verifier *out)
{
	struct digest client_key;

	return scram_verifier_keys(password, salt, rounds, &client_key, out);
}

err scram_verifier_make(str password, uint32_t rounds, struct scram_verifier *out)
{
	char salt[SCRAM_SALT_OCTETS];

	random_fill(salt, sizeof salt);
	return scram_verifier_derive(password, (str){ salt, sizeof salt }, rounds, out);
}

err scram_verifier_fake(str key, str name, uint32_t rounds, struct scram_verifier *out)
{
	struct scram_verifier v = { .rounds = rounds, .salt_len = SCRAM_SALT_OCTETS };
	struct digest of_name, salt;

	/* The key's digests of the name are the key's to know, so the salt tells nothing of the others. */
	TRY(digest_hmac(key, name, &of_name));
	TRY(digest_hmac(digest_str(&of_name), STR("salt"), &salt));
	TRY(digest_hmac(digest_str(&of_name), STR("StoredKey"), &v.stored_key));
	TRY(digest_hmac(digest_str(&of_name), STR("ServerKey"), &v.server_key));
	memcpy(v.salt, salt.octets, v.salt_len);
	*out = v;
	return OK;
}

void scram_verifier_format(struct buf *out, const struct scram_verifier *v)
{
	buf_add(out, STR(SCHEME));
	buf_add_u64(out, v->rounds);
	buf_add_char(out, ':');
	base64_add(out, scram_verifier_salt(v));
	buf_add_char(out, '$');
	base64_add(out, digest_str(&v->stored_key));
	buf_add_char(out, ':');
	base64_add(out, digest_str(&v->server_key));
}

static bool take_digest(str text, struct digest *out)
{
	char octets[DIGEST_OCTETS];
	struct buf b;

	buf_init_fixed(&b, octets, sizeof octets);
	if (base64_decode(text, &b).code != ERR_OK || b.len != sizeof octets)
		return false;
	memcpy(out->octets, octets, sizeof octets);
	return true;
}

static bool take_salt(str text, struct scram_verifier *v)
{
	struct buf b;

	buf_init_fixed(&b, v->salt, sizeof v->salt);
	if (base64_decode(text, &b).code != ERR_OK || b.len == 0)
		return false;
	v->salt_len = b.len;
	return true;
}

err scram_verifier_parse(str text, struct scram_verifier *out)
{
	struct scram_verifier v = { 0 };
	uint64_t rounds;

	if (!str_starts(text, STR(SCHEME)))
		return NO_VERIFIER;
	str rest = str_from(text, sizeof SCHEME - 1);
	if (!str_to_u64(str_cut(&rest, ':'), SCRAM_ROUNDS_MAX, &rounds) || rounds < SCRAM_ROUNDS_GENERATED)
		return NO_VERIFIER;
	v.rounds = (uint32_t)rounds;
	if (!take_salt(str_cut(&rest, '$'), &v) || !take_digest(str_cut(&rest, ':'), &v.stored_key) ||
	    !take_digest(rest, &v.server_key))
		return NO_VERIFIER;
	*out = v;
	return OK;
}
