/* auth/key.h: secrets that a server keeps for itself: what is signed or invented with them must look the same
 * after a restart.
 *
 * One file, data_dir/auth.key, is the root of all; each use has a key of its own, made of it and a label, so
 * that what one use gives away tells nothing about another. The same for the server and for commands. Any
 * thread; blocks.
 */
#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include "auth/digest.h"
#include "base/arena.h"

/* Of rewritten reverse-paths (bounce/srs.h). */
#define KEY_SRS STR("reverse-paths of forwards, 1")
/* Of places where people logged in (auth/pairs.h). */
#define KEY_PAIRS STR("pairs of account and network, 1")

/* Reads data_dir/auth.key; makes it where there is none of its length. ERR_IO, ERR_NOSPACE. */
err key_root(struct arena *arena, str data_dir, struct digest *out) MUST_USE;

/* The key of one use: HMAC-SHA-256 of its label (RFC 5869 §2.3 with one block). */
err key_load(struct arena *arena, str data_dir, str label, struct digest *out) MUST_USE;

#endif
