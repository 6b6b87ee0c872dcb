/* auth/password.h: passwords that people choose, kept as Argon2id hashes.
 *
 * A hash is a PHC string ("$argon2id$v=19$m=19456,t=2,p=1$salt$hash") that carries its own cost, so the cost
 * can be raised without touching what is stored. Hashing and checking take some 60 ms and 19 MB: worker
 * threads (WORK_PASSWORD) and commands only. One lane: more would start threads of the library's own.
 *
 * What is stored of an account is the hash and, behind a space, a SCRAM verifier where the configuration
 * wants one (auth/secret.h says how such texts are read). The hash is of the password as mime/prepare.h has
 * it.
 *
 * RFC 9106 (Argon2); the cost is the first choice of the OWASP password storage cheat sheet.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/arena.h"
#include "base/err.h"

/* A new salt and the hash of `password`, in `arena`. Any octets but none at all are a password.
 * ERR_SYNTAX it is empty   ERR_LIMIT over LIMIT_PASSWORD   ERR_NOSPACE */
err password_hash(struct arena *arena, str password, str *phc) MUST_USE;

/* `phc` with a SCRAM verifier of SCRAM_ROUNDS_CHOSEN rounds behind it (0.2 s more). A password that SASLprep
 * refuses gets none: no client could use it. ERR_NOSPACE. */
err password_add_scram(struct arena *arena, str password, str phc, str *verifier) MUST_USE;

/* OK: `password` belongs to `verifier`, a hash with or without what may stand behind it.
 * ERR_DENIED it does not, also over LIMIT_PASSWORD   ERR_NOSPACE   ERR_CORRUPT there is no Argon2id hash */
err password_check(str verifier, str password) MUST_USE;

/* The same work for an account that is not there, so that time does not tell who is: ERR_DENIED or
 * ERR_NOSPACE.
 */
err password_check_nobody(str password) MUST_USE;

/* Is `phc` one that password_check can read? Pure. */
bool password_is_hash(str phc);

/* What is weak about `password` as one clause ("it is among the most used passwords"), NULL where nothing
 * strikes. `address` is its owner's, whose parts are easy to guess. It warns; nobody is refused. Pure. */
const char *password_weakness(str password, str address);

#endif
