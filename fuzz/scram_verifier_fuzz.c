/* A verifier that is read, written out again, reads the same; no stored text, however damaged, lets a
 * password in. */
#include <stdlib.h>

#include "auth/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str text = { (const char *)octets, size };
	struct scram_verifier v, again;
	char room[512];
	struct buf out;

	if (scram_verifier_parse(text, &v).code == ERR_OK) {
		buf_init_fixed(&out, room, sizeof room);
		scram_verifier_format(&out, &v);
		must(buf_err(&out).code == ERR_OK &&
		     scram_verifier_parse(buf_str(&out), &again).code == ERR_OK);
		must(again.rounds == v.rounds &&
		     str_eq(scram_verifier_salt(&again), scram_verifier_salt(&v)) &&
		     digest_equal(&again.stored_key, &v.stored_key) &&
		     digest_equal(&again.server_key, &v.server_key));
	}
	if (verifier_find_scram(text, &v))
		must(v.rounds >= SCRAM_ROUNDS_GENERATED && v.salt_len > 0 && v.salt_len <= SCRAM_SALT_MAX);
	must(secret_check(text, STR("secret")).code != ERR_OK);
	must(!secret_is_verifier(text) || secret_check(text, STR("secret")).code == ERR_DENIED);
	return 0;
}
