/* auth/digest.h: SHA-256 and what is made of it, and HMAC-MD5 for CRAM-MD5, in one call each. Any thread; a
 * few microseconds, but for digest_pbkdf2.
 *
 * They fail only without memory (ERR_NOSPACE); *out is then untouched.
 */
#ifndef AUTH_DIGEST_H
#define AUTH_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum { DIGEST_OCTETS = 32 };

struct digest {
	char octets[DIGEST_OCTETS];
};

static inline str digest_str(const struct digest *d) { return (str){ d->octets, sizeof d->octets }; }

/* SHA-256 of a ‖ b. */
err digest_sha256(str a, str b, struct digest *out) MUST_USE;

/* HMAC-SHA-256 (RFC 2104). */
err digest_hmac(str key, str message, struct digest *out) MUST_USE;

/* HMAC-MD5 (RFC 2104), which RFC 2195 wants. Nothing else may. */
enum { DIGEST_MD5_OCTETS = 16 };
err digest_hmac_md5(str key, str message, char out[static DIGEST_MD5_OCTETS]) MUST_USE;

/* PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2), which is Hi() of RFC 5802 §2.2: some 0.3 µs a round. */
err digest_pbkdf2(str password, str salt, uint32_t rounds, struct digest *out) MUST_USE;

/* Takes as long wherever they differ. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
