/* The input is challenges, a line each; the first line's first octet says which mechanisms are offered, its
 * second whether they come as they are (base64, or not) or are encoded first. A server that does not know the
 * password gets no proof believed, and what it is sent is base64 that fits a line. */
#include <stdlib.h>

#include "auth/sasl_client.h"
#include "base/base64.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static str encoded(struct arena *arena, str challenge)
{
	struct buf b;

	buf_init(&b, arena, BASE64_SIZE(challenge.len));
	base64_add(&b, challenge);
	must(buf_err(&b).code == ERR_OK || buf_err(&b).code == ERR_NOSPACE);
	return buf_str(&b);
}

static bool check(const struct sasl_client *c, struct arena *arena, err e)
{
	struct buf b;

	if (e.code != ERR_OK) {
		must(e.what && (e.code == ERR_SYNTAX || e.code == ERR_DENIED || e.code == ERR_NOSPACE ||
		                e.code == ERR_MISSING || e.code == ERR_LIMIT));
		return false;
	}
	must(c->response.len < LIMIT_SASL_LINE - 32);
	buf_init(&b, arena, LIMIT_SASL_LINE);
	err decoded = base64_decode(c->response, &b);
	must(decoded.code == ERR_OK || decoded.code == ERR_NOSPACE);
	must(c->mechanism != SASL_CLIENT_SCRAM_SHA_256 || sasl_client_accepted(c).code == ERR_DENIED);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	const struct sasl_client_login login = { .user = STR("ann,=\xc3\xa9"),
		                                 .secret = STR("secret"),
		                                 .token = size > 0 && octets[0] & 0x80 ? STR("token")
		                                                                       : STR(""),
		                                 .host = STR("mail.example"),
		                                 .clear = size > 0 && octets[0] & 0x40 };
	str rest = { (const char *)octets, size };
	enum sasl_client_next next;
	struct sasl_client c;
	struct arena arena;

	if (size < 2)
		return 0;
	arena_init(&arena, NULL, LIMIT_SASL_ARENA);
	rest = str_from(rest, 2);
	err e = sasl_client_begin(&c, &arena, &login, octets[0] & 0x3f);
	while (check(&c, &arena, e) && rest.len > 0) {
		str line = str_cut(&rest, '\n');
		struct buf b;

		/* A server knows our nonce: "@" stands for our first message from it on. */
		buf_init(&b, &arena, LIMIT_SASL_LINE);
		if (octets[1] & 1 && str_starts(line, STR("@")) && c.scram.client_nonce.len > 0) {
			buf_add(&b, STR("r="));
			buf_add(&b, c.scram.client_nonce);
			buf_add(&b, str_from(line, 1));
			line = buf_str(&b);
		}
		e = sasl_client_challenge(&c, octets[1] & 1 ? encoded(&arena, line) : line, &next);
		if (e.code == ERR_OK && next == SASL_CLIENT_WORK) {
			c.scram.rounds = 4096; /* what is asked for takes long */
			e = sasl_client_work(&c);
		}
	}
	arena_reset(&arena);
	return 0;
}
