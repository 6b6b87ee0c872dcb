/* auth/guess.h: how often passwords may be guessed, by whom.
 *
 * Three things are counted, each in a table of fixed size, in memory; pairs outlive a restart (auth/pairs.h):
 *   networks  (/24 of IPv4, /64 of IPv6) have a bucket of LIMIT_GUESS_NETWORK wrong passwords that fills
 * again by one each LIMIT_GUESS_NETWORK_MS; an attempt takes one before it costs a hash, and a right password
 *             gives it back
 *   accounts  are answered slower with each wrong password, whoever sent it, existing or not: from the fourth
 *             on 1, 2, 4 … LIMIT_GUESS_DELAY_MS between two attempts, one forgotten each
 * LIMIT_GUESS_FORGET_MS pairs     of account and network that logged in before do not meet these two, so that
 * nobody locks an owner out of where they usually are; they have a small bucket of their own, since an
 * attacker may sit in the same network Loopback addresses meet no limit, but their pairs are known too.
 *
 * A full table forgets what is nearest to being forgotten. Only right passwords make a pair, so strangers
 * can't push those out. Known weakness: while an account is attacked from many networks, its owner waits at a
 * new place as long as an attacker does. Any thread; a lock is held for some 100 ns but for guess_pairs.
 */
#ifndef AUTH_GUESS_H
#define AUTH_GUESS_H

#include "base/err.h"
#include "base/ip.h"

struct guess;

/* One attempt, from guess_admit until one of the three that end it. All zero: none. */
struct guess_attempt {
	uint64_t network, account, pair; /* keys */
	bool counted;                    /* it took from a bucket */
	bool known;                      /* this pair has logged in before: its hash goes first */
	bool exempt;
};

/* Accounts and networks are kept as hashes under `key`, which outsiders do not know. ERR_NOSPACE. */
err guess_new(const uint64_t key[static 2], struct guess **out) MUST_USE;

/* May somebody at `peer` try a password of `name` (normalised)? OK: after *wait_ms, which may be 0.
 * ERR_BUSY: not now; the sentence is for the log. `now_ms` is clock_tick_ms. */
err guess_admit(struct guess *g, ip peer, str name, int64_t now_ms, struct guess_attempt *attempt,
                int64_t *wait_ms) MUST_USE;

/* How it ended: right, wrong, or nobody knows (withdrawn, gone, not checked). Legal for one all zero. */
void guess_was_right(struct guess *g, struct guess_attempt *attempt, int64_t now_ms);
void guess_was_wrong(struct guess *g, struct guess_attempt *attempt, int64_t now_ms);
void guess_withdrawn(struct guess *g, struct guess_attempt *attempt);

/* --- pairs, to be kept --- */

struct guess_pair {
	uint64_t key;
	int64_t at_ms; /* by clock_tick_ms: when it last logged in, or up to a day before */
};

/* Changes with what is worth keeping; 0: nothing new came yet. */
uint64_t guess_version(struct guess *g);

/* Copies those there are into `out`, which has room for LIMIT_GUESS_PAIRS; says how many. Holds the lock for
 * that long: some 50 µs. */
size_t guess_pairs(struct guess *g, struct guess_pair *out);

/* A pair that was kept. */
void guess_know(struct guess *g, const struct guess_pair *pair);

/* NULL is legal. */
void guess_free(struct guess *g);

#endif
