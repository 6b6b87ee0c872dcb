#include "auth/scram_client.h"

#include "auth/scram_internal.h"
#include "base/base64.h"
#include "base/limits.h"

#define MALFORMED(text) ((err){ ERR_SYNTAX, 0, "the server's SCRAM message is malformed: " text })

void scram_client_add_name(struct buf *b, str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == ',')
			buf_add(b, STR("=2C"));
		else if (name.ptr[i] == '=')
			buf_add(b, STR("=3D"));
		else
			buf_add_char(b, name.ptr[i]);
	}
}

err scram_client_first(struct scram_client *c, struct arena *arena, str user, str nonce, str *message)
{
	const str header = STR("n,,"); /* gs2-header: no channel binding, nobody else's name */
	struct buf b;

	assert(scram_is_nonce(nonce));
	*c = (struct scram_client){ .arena = arena };
	buf_init(&b, arena, LIMIT_SASL_LINE);
	buf_add(&b, header);
	buf_add(&b, STR("n="));
	scram_client_add_name(&b, user);
	buf_add(&b, STR(",r="));
	buf_add(&b, nonce);
	TRY(buf_err(&b));
	c->first_bare = str_from(buf_str(&b), header.len);
	c->client_nonce = str_from(c->first_bare, c->first_bare.len - nonce.len);
	*message = buf_str(&b);
	return OK;
}

static err take_salt(struct scram_client *c, str text)
{
	struct buf b;

	buf_init_fixed(&b, c->salt, sizeof c->salt);
	if (base64_decode(text, &b).code != ERR_OK || b.len == 0)
		return MALFORMED("no salt, or one that is too long");
	c->salt_len = b.len;
	return OK;
}

static err take_rounds(struct scram_client *c, str text)
{
	uint64_t rounds;

	if (!str_to_u64(text, UINT64_MAX, &rounds))
		return MALFORMED("no count of rounds");
	if (rounds < SCRAM_ROUNDS_GENERATED)
		return (err){ ERR_DENIED, 0,
			      "the server asks for so few rounds that the password could be found out" };
	if (rounds > LIMIT_SCRAM_ROUNDS)
		return (err){ ERR_LIMIT, 0, "the server asks for too many rounds of SCRAM" };
	c->rounds = (uint32_t)rounds;
	return OK;
}

/* server-first-message = nonce "," salt "," iteration-count ["," extensions]; a mandatory extension ("m=")
 * stands in front and makes it none (RFC 5802 §7). */
err scram_client_challenge(struct scram_client *c, str message)
{
	scan in = { .at = 0 };
	str salt, rounds;

	TRY(arena_copy(c->arena, message, &c->server_first));
	in.in = c->server_first;
	if (!scram_take_attribute(&in, 'r', &c->nonce) || !scan_char(&in, ',') ||
	    !scram_take_attribute(&in, 's', &salt) || !scan_char(&in, ',') ||
	    !scram_take_attribute(&in, 'i', &rounds) || !scram_skip_extensions(&in) || !scan_at_end(&in))
		return MALFORMED("it has to have nonce, salt and rounds, in this order");
	/* Whoever only sends ours back adds nothing: an exchange overheard could be played again. */
	if (!scram_is_nonce(c->nonce) || !str_starts(c->nonce, c->client_nonce) ||
	    c->nonce.len == c->client_nonce.len)
		return MALFORMED("its nonce does not continue ours");
	TRY(take_salt(c, salt));
	return take_rounds(c, rounds);
}

err scram_client_final(struct scram_client *c, str password, str *message)
{
	struct scram_verifier v;
	struct digest client_key, proof, server_signature;
	str without_proof, signed_text;
	struct buf b;

	TRY(scram_verifier_keys(password, (str){ c->salt, c->salt_len }, c->rounds, &client_key, &v));
	buf_init(&b, c->arena, LIMIT_SASL_LINE);
	buf_add(&b, STR("c=biws,r=")); /* base64 of "n,," */
	buf_add(&b, c->nonce);
	TRY(buf_err(&b));
	without_proof = buf_str(&b);
	TRY(scram_auth_message(c->arena, c->first_bare, c->server_first, without_proof, &signed_text));
	TRY(digest_hmac(digest_str(&v.stored_key), signed_text, &proof));
	TRY(digest_hmac(digest_str(&v.server_key), signed_text, &server_signature));
	scram_xor(&proof, &client_key);
	buf_add(&b, STR(",p="));
	base64_add(&b, digest_str(&proof));
	TRY(buf_err(&b));
	c->server_signature = server_signature;
	*message = buf_str(&b);
	return OK;
}

/* server-final-message = (server-error / verifier) ["," extensions] */
err scram_client_verify(const struct scram_client *c, str message, str *failure)
{
	scan in = { message, 0 };
	struct digest signature;
	str value;
	struct buf b;

	bool refused = scram_take_attribute(&in, 'e', &value);
	if ((!refused && !scram_take_attribute(&in, 'v', &value)) || !scram_skip_extensions(&in) ||
	    !scan_at_end(&in))
		return MALFORMED("neither a proof nor an error");
	if (!refused) {
		buf_init_fixed(&b, signature.octets, sizeof signature.octets);
		if (base64_decode(value, &b).code != ERR_OK || b.len != sizeof signature.octets)
			return MALFORMED("its proof is none");
		if (!digest_equal(&signature, &c->server_signature))
			return (err){ ERR_DENIED, 0,
				      "the server could not prove that it knows the password" };
	}
	*failure = refused ? value : STR("");
	return OK;
}
