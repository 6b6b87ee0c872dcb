/* auth/verified.h: which passwords were right a moment ago, so that a device that looks for mail every minute
 * does not cost an Argon2id hash (60 ms) each time.
 *
 * Kept is an HMAC over address, password and the verifier it was right for, under a key made at the process's
 * start, and nothing else. So an entry is worth nothing to who reads it, and it answers only for the verifier
 * that the directory holds at the moment of asking: a password changed, an account gone, and it is never met
 * again. An entry lives LIMIT_VERIFIED_MS from its last use; there are LIMIT_VERIFIED at most, the stalest
 * make room.
 *
 * It tells at once who is right, so it may be asked only after a guess was admitted (auth/guess.h). Any
 * thread; a few microseconds.
 */
#ifndef AUTH_VERIFIED_H
#define AUTH_VERIFIED_H

#include "base/err.h"
#include "base/str.h"

struct verified;

/* ERR_NOSPACE. */
err verified_new(struct verified **out) MUST_USE;

/* Was `password` right for `verifier`, the one `address` has now? `now_ms` is clock_tick_ms. False too
 * without memory. */
bool verified_has(struct verified *v, str address, str password, str verifier, int64_t now_ms);

/* It was right. */
void verified_add(struct verified *v, str address, str password, str verifier, int64_t now_ms);

/* NULL is legal. */
void verified_free(struct verified *v);

#endif
