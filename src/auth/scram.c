#include "auth/scram.h"

#include "auth/scram_internal.h"
#include "base/base64.h"

#define MALFORMED(text) ((err){ ERR_SYNTAX, 0, "the SCRAM message is malformed: " text })

enum { MESSAGE_ROOM = 16384 }; /* octets of one message of ours: a client's nonce and 300 */

static bool is_binding_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-';
}

static bool is_not_comma(char c) { return c != ',' && c != '\0'; }

bool scram_is_nonce(str nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.ptr[i] <= 0x20 || nonce.ptr[i] >= 0x7f || nonce.ptr[i] == ',')
			return false;
	return nonce.len > 0;
}

bool scram_take_attribute(scan *in, char attribute, str *value)
{
	scan s = *in;

	if (!scan_char(&s, attribute) || !scan_char(&s, '='))
		return false;
	*value = scan_while(&s, is_not_comma);
	if (value->len == 0)
		return false;
	*in = s;
	return true;
}

bool scram_skip_extensions(scan *s)
{
	while (scan_char(s, ',')) {
		char letter = scan_at_end(s) ? '\0' : s->in.ptr[s->at];
		str ignored;

		if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) ||
		    !scram_take_attribute(s, letter, &ignored))
			return false;
	}
	return true;
}

/* saslname: "=2C" is a comma, "=3D" an equals sign, no other "=" may stand in it. */
static err decode_name(struct arena *arena, str saslname, str *out)
{
	struct buf b;

	buf_init(&b, arena, saslname.len);
	for (size_t i = 0; i < saslname.len; i++) {
		if (saslname.ptr[i] != '=') {
			buf_add_char(&b, saslname.ptr[i]);
			continue;
		}
		str rest = str_from(saslname, i);
		if (!str_starts(rest, STR("=2C")) && !str_starts(rest, STR("=3D")))
			return MALFORMED("a name holds \"=\" that is neither =2C nor =3D");
		buf_add_char(&b, rest.ptr[1] == '2' ? ',' : '=');
		i += 2;
	}
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

static err find_binding(const struct scram_channel *channel, str name, str *octets)
{
	for (size_t i = 0; i < SCRAM_BINDINGS; i++)
		if (channel->bindings[i].octets.len > 0 && str_eq(channel->bindings[i].name, name)) {
			*octets = channel->bindings[i].octets;
			return OK;
		}
	return (err){ ERR_DENIED, 0, "this kind of channel binding is not to be had on this connection" };
}

/* gs2-cbind-flag (RFC 5802 §6). */
static err take_binding_flag(struct scram *s, const struct scram_channel *channel, scan *in)
{
	str name, octets;

	if (scan_char(in, 'p')) {
		if (!scan_char(in, '=') || (name = scan_while(in, is_binding_name)).len == 0)
			return MALFORMED("no channel binding is named");
		if (!channel->plus)
			return (err){ ERR_DENIED, 0, "channel binding needs SCRAM-SHA-256-PLUS" };
		TRY(find_binding(channel, name, &octets));
		return arena_copy(s->arena, octets, &s->binding);
	}
	bool yes = scan_char(in, 'y');
	if (!yes && !scan_char(in, 'n'))
		return MALFORMED("it begins with none of n, y and p");
	if (channel->plus)
		return (err){ ERR_DENIED, 0, "SCRAM-SHA-256-PLUS without channel binding" };
	if (yes && channel->plus_offered)
		return (err){
			ERR_DENIED, 0,
			"the client was told that there is no channel binding: somebody is in between"
		};
	return OK;
}

/* gs2-header = gs2-cbind-flag "," [ authzid ] "," */
static err take_header(struct scram *s, const struct scram_channel *channel, scan *in)
{
	str authzid;

	TRY(take_binding_flag(s, channel, in));
	if (!scan_char(in, ','))
		return MALFORMED("its header has no comma");
	if (scram_take_attribute(in, 'a', &authzid))
		TRY(decode_name(s->arena, authzid, &s->authzid));
	if (!scan_char(in, ','))
		return MALFORMED("its header has no second comma");
	return OK;
}

err scram_first(struct scram *s, struct arena *arena, const struct scram_channel *channel, str message)
{
	scan in = { .at = 0 };
	str name;

	*s = (struct scram){ .arena = arena };
	TRY(arena_copy(arena, message, &in.in));
	TRY(take_header(s, channel, &in));
	s->gs2_header = scan_since(&in, 0);
	s->first_bare = scan_rest(&in);
	if (!scram_take_attribute(&in, 'n', &name) || !scan_char(&in, ','))
		return MALFORMED("no name, or an extension that is unknown here");
	TRY(decode_name(arena, name, &s->name));
	if (!scram_take_attribute(&in, 'r', &s->client_nonce) || !scram_skip_extensions(&in) ||
	    !scan_at_end(&in))
		return MALFORMED("no nonce");
	return scram_is_nonce(s->client_nonce) ? OK : MALFORMED("its nonce is not printable");
}

err scram_challenge(struct scram *s, const struct scram_verifier *verifier, str server_nonce, str *message)
{
	struct buf b;

	s->verifier = *verifier;
	buf_init(&b, s->arena, MESSAGE_ROOM);
	buf_add(&b, STR("r="));
	buf_add(&b, s->client_nonce);
	buf_add(&b, server_nonce);
	size_t end = b.len;
	buf_add(&b, STR(",s="));
	base64_add(&b, scram_verifier_salt(verifier));
	buf_add(&b, STR(",i="));
	buf_add_u64(&b, verifier->rounds);
	TRY(buf_err(&b));
	s->server_first = buf_str(&b);
	s->nonce = str_slice(s->server_first, 2, end);
	*message = s->server_first;
	return OK;
}

/* Is `c` the base64 of our gs2-header and the connection's binding? It has one form only, so the texts are
 * compared. */
static err check_binding(struct scram *s, str c)
{
	struct buf octets, text;

	buf_init(&octets, s->arena, MESSAGE_ROOM);
	buf_add(&octets, s->gs2_header);
	buf_add(&octets, s->binding);
	TRY(buf_err(&octets));
	buf_init(&text, s->arena, BASE64_SIZE(octets.len));
	base64_add(&text, buf_str(&octets));
	TRY(buf_err(&text));
	return str_eq(buf_str(&text), c)
	               ? OK
	               : (err){ ERR_DENIED, 0, "the channel bindings differ: somebody is in between" };
}

err scram_auth_message(struct arena *arena, str first_bare, str server_first, str without_proof, str *out)
{
	struct buf b;

	buf_init(&b, arena, first_bare.len + server_first.len + without_proof.len + 2);
	buf_add(&b, first_bare);
	buf_add_char(&b, ',');
	buf_add(&b, server_first);
	buf_add_char(&b, ',');
	buf_add(&b, without_proof);
	TRY(buf_err(&b));
	*out = buf_str(&b);
	return OK;
}

void scram_xor(struct digest *d, const struct digest *other)
{
	for (size_t i = 0; i < DIGEST_OCTETS; i++)
		d->octets[i] = (char)(d->octets[i] ^ other->octets[i]);
}

static err check_proof(const struct scram *s, str message, const struct digest *proof)
{
	struct digest client_key, stored_key;

	TRY(digest_hmac(digest_str(&s->verifier.stored_key), message, &client_key));
	scram_xor(&client_key, proof);
	TRY(digest_sha256(digest_str(&client_key), STR(""), &stored_key));
	return digest_equal(&stored_key, &s->verifier.stored_key) ? OK
	                                                          : (err){ ERR_DENIED, 0, "wrong password" };
}

/* client-final-message = channel-binding "," nonce ["," extensions] "," proof */
static err take_final(struct scram *s, str message, str *without_proof, struct digest *proof)
{
	size_t end = str_rfind_char(message, ',');
	scan in = { str_slice(message, 0, end), 0 };
	str binding, nonce;
	struct buf b;

	if (!scram_take_attribute(&in, 'c', &binding) || !scan_char(&in, ',') ||
	    !scram_take_attribute(&in, 'r', &nonce) || !scram_skip_extensions(&in) || !scan_at_end(&in))
		return MALFORMED("no channel binding or no nonce");
	if (end == message.len || !str_starts(str_from(message, end), STR(",p=")))
		return MALFORMED("no proof");
	buf_init_fixed(&b, proof->octets, sizeof proof->octets);
	if (base64_decode(str_from(message, end + 3), &b).code != ERR_OK || b.len != sizeof proof->octets)
		return MALFORMED("its proof is none");
	if (!str_eq(nonce, s->nonce))
		return (err){ ERR_DENIED, 0, "the nonce is not the one of this exchange" };
	TRY(check_binding(s, binding));
	*without_proof = in.in;
	return OK;
}

err scram_final(struct scram *s, str client_final, str *message)
{
	struct digest proof, signature;
	str without_proof, signed_text;
	struct buf b;

	TRY(take_final(s, client_final, &without_proof, &proof));
	TRY(scram_auth_message(s->arena, s->first_bare, s->server_first, without_proof, &signed_text));
	TRY(check_proof(s, signed_text, &proof));
	TRY(digest_hmac(digest_str(&s->verifier.server_key), signed_text, &signature));
	buf_init(&b, s->arena, 64);
	buf_add(&b, STR("v="));
	base64_add(&b, digest_str(&signature));
	TRY(buf_err(&b));
	*message = buf_str(&b);
	return OK;
}
