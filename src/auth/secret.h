/* auth/secret.h: passwords that we make, for applications and devices, and the text that knows them again.
 *
 * A secret is 28 letters and digits without look-alikes in groups of four, "k7dq-wx3n-…": 140 bits from the
 * kernel, so one SHA-256 keeps it as well as any slow hash, and checking it costs microseconds. What is
 * stored is its verifier: "$sha256$salt$hash", a space, and the SCRAM verifier (auth/scram_verifier.h).
 *
 * An account's stored password is a text of the same make: words with a space between, an Argon2id PHC string
 * (auth/password.h) and, where the configuration wants it, a SCRAM verifier. verifier_find_scram reads
 * either.
 */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include "auth/scram_verifier.h"
#include "base/arena.h"

enum { SECRET_LETTERS = 28, SECRET_ROOM = 34 }; /* with its hyphens */

/* A new secret and its verifier, both in `arena`. Some 2 ms. The secret is shown once and never kept.
 * ERR_NOSPACE. */
err secret_make(struct arena *arena, str *secret, str *verifier) MUST_USE;

/* OK: `secret` is the one of `verifier`. Takes as long wherever they differ; a loop may call it.
 * ERR_DENIED it is not   ERR_CORRUPT `verifier` is none   ERR_NOSPACE */
err secret_check(str verifier, str secret) MUST_USE;

/* The same work for a name that is not there: ERR_DENIED, or ERR_NOSPACE. */
err secret_check_nobody(str secret) MUST_USE;

/* May `verifier` be stored: does it hold a hash and a SCRAM verifier that can be read? Pure. */
bool secret_is_verifier(str verifier);

/* The SCRAM verifier among the words of a stored text. False where there is none. Pure. */
bool verifier_find_scram(str verifier, struct scram_verifier *out);

#endif
