/* The input is responses, a line each, the first line naming the mechanism by its first octet. Nobody gets
 * in: what is asked is answered as for a name that has no password, so no proof is ever right. */
#include <stdlib.h>

#include "auth/mechanism.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static const struct scram_channel channel = {
	.plus_offered = true,
	.bindings = { { STR_INIT("tls-exporter"), STR_INIT("0123456789abcdef") },
	              { STR_INIT("tls-server-end-point"), { 0 } } },
};

static bool within(str part, str whole)
{
	return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

/* True: the exchange goes on. */
static bool answer(struct mechanism *m, err e, enum mechanism_wants *wants, str response)
{
	struct scram_verifier verifier;

	if (e.code != ERR_OK) {
		must(e.what && (e.code == ERR_SYNTAX || e.code == ERR_DENIED || e.code == ERR_NOSPACE));
		return false;
	}
	must(*wants != MECHANISM_WANTS_NOTHING);
	if (*wants == MECHANISM_WANTS_PASSWORD) {
		must(m->name.len > 0 && within(m->password, response));
		return false;
	}
	if (*wants == MECHANISM_WANTS_PROOF) {
		must(mechanism_proof(m, wants).code != ERR_OK);
		return false;
	}
	if (*wants == MECHANISM_WANTS_VERIFIER) {
		must(m->name.len > 0);
		err made = scram_verifier_fake(STR("key"), m->name, 4096, &verifier);
		must(made.code == ERR_OK);
		made = mechanism_verifier(m, &verifier, STR("nonce"), wants);
		if (made.code != ERR_OK)
			return false; /* its nonce was as long as all that may be said */
		must(*wants == MECHANISM_WANTS_RESPONSE && m->challenge.len > 0);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };
	struct arena arena;
	struct mechanism m;
	enum mechanism_wants wants;

	if (size == 0)
		return 0;
	arena_init(&arena, NULL, 1u << 20);
	str rest = str_from(in, 1), response = str_cut(&rest, '\n');
	err e = mechanism_begin(&m, &arena, (enum mechanism_name)(octets[0] % MECHANISM_COUNT), &channel,
	                        octets[0] & 0x80 ? NULL : &response, &wants);
	while (answer(&m, e, &wants, response) && rest.len > 0) {
		response = str_cut(&rest, '\n');
		e = mechanism_response(&m, response, &wants);
	}
	arena_reset(&arena);
	return 0;
}
