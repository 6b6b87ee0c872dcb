/* pop3/lock.h: who has which maildrop: one POP3 session at a time (RFC 1939 §4).
 *
 * In memory and shared by all loops: a server that fell holds no locks when it comes back. Any thread; held
 * for nanoseconds only.
 */
#ifndef POP3_LOCK_H
#define POP3_LOCK_H

#include "base/err.h"

struct maildrop_locks;

err maildrop_locks_new(struct maildrop_locks **out) MUST_USE;

/* ERR_BUSY: another has it. ERR_NOSPACE. */
err maildrop_lock(struct maildrop_locks *locks, uint64_t account_id) MUST_USE;

/* By who locked it. */
void maildrop_unlock(struct maildrop_locks *locks, uint64_t account_id);

/* NULL is legal. */
void maildrop_locks_free(struct maildrop_locks *locks);

#endif
