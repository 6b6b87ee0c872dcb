#include "auth/digest.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

/* Fetched once: looking an algorithm up by its name costs more than a short HMAC. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static EVP_MAC *hmac;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

#define NO_MEMORY ((err){ ERR_NOSPACE, 0, "no memory for a digest" })

err digest_sha256(str a, str b, struct digest *out)
{
	struct digest d;

	pthread_once(&once, fetch);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool done = c && sha256 && EVP_DigestInit_ex(c, sha256, NULL) == 1 &&
	            EVP_DigestUpdate(c, a.ptr, a.len) == 1 && EVP_DigestUpdate(c, b.ptr, b.len) == 1 &&
	            EVP_DigestFinal_ex(c, (unsigned char *)d.octets, NULL) == 1;
	EVP_MD_CTX_free(c);
	if (!done)
		return NO_MEMORY;
	*out = d;
	return OK;
}

/* HMAC with the digest of that name, whose `size` octets go to `out`. */
static err hmac_with(char *name, str key, str message, char *out, size_t size)
{
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		                      OSSL_PARAM_construct_end() };
	char octets[EVP_MAX_MD_SIZE];
	size_t made = 0;

	pthread_once(&once, fetch);
	EVP_MAC_CTX *c = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	/* Without a key pointer EVP keeps a former key, even where the length is 0. */
	const unsigned char *key_octets = (const unsigned char *)(key.len ? key.ptr : "");
	bool done = c && EVP_MAC_init(c, key_octets, key.len, params) == 1 &&
	            EVP_MAC_update(c, (const unsigned char *)message.ptr, message.len) == 1 &&
	            EVP_MAC_final(c, (unsigned char *)octets, &made, sizeof octets) == 1;
	EVP_MAC_CTX_free(c);
	if (!done || made != size)
		return NO_MEMORY;
	memcpy(out, octets, size);
	return OK;
}

err digest_hmac(str key, str message, struct digest *out)
{
	char name[] = "SHA256";

	return hmac_with(name, key, message, out->octets, sizeof out->octets);
}

err digest_hmac_md5(str key, str message, char out[static DIGEST_MD5_OCTETS])
{
	char name[] = "MD5";

	return hmac_with(name, key, message, out, DIGEST_MD5_OCTETS);
}

err digest_pbkdf2(str password, str salt, uint32_t rounds, struct digest *out)
{
	struct digest d;

	assert(password.len <= INT_MAX && salt.len <= INT_MAX && rounds > 0 && rounds <= INT_MAX);
	pthread_once(&once, fetch);
	if (!sha256 || PKCS5_PBKDF2_HMAC(password.len ? password.ptr : "", (int)password.len,
	                                 (const unsigned char *)salt.ptr, (int)salt.len, (int)rounds, sha256,
	                                 sizeof d.octets, (unsigned char *)d.octets) != 1)
		return NO_MEMORY;
	*out = d;
	return OK;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return CRYPTO_memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}
