/* auth/pairs.h: pairs of account and network that logged in before, over a restart.
 *
 * A server that forgot them would let an owner stand behind everybody who guesses just then, and restarts
 * happen when there is trouble. One file, data_dir/auth.pairs: of each pair a keyed hash and when it logged
 * in last, which says nothing to whoever has not auth.key beside it. One that is damaged is begun anew.
 * Blocks.
 */
#ifndef AUTH_PAIRS_H
#define AUTH_PAIRS_H

#include "auth/guess.h"
#include "base/arena.h"

/* The key that pairs are hashed with, made of auth.key. ERR_IO, ERR_NOSPACE. */
err pairs_key(struct arena *arena, str data_dir, uint64_t key[static 2]) MUST_USE;

/* Makes those known that the file names and that logged in within LIMIT_GUESS_KEPT_MS. No file is none. Also
 * after an error the server may go on. ERR_IO, ERR_NOSPACE, ERR_CORRUPT: it is none of ours. */
err pairs_load(struct guess *guess, struct arena *arena, str data_dir) MUST_USE;

/* Writes them where there is something new since *saved, which is 0 at first. ERR_IO, ERR_NOSPACE. */
err pairs_save(struct guess *guess, struct arena *arena, str data_dir, uint64_t *saved) MUST_USE;

#endif
