#include "auth/guess.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

enum { WAYS = 8 }; /* slots a key may stand in */

struct slot {
	uint64_t key;     /* 0: free */
	int64_t until_ms; /* when all that is held against it is forgotten */
	int64_t at_ms;    /* account: when the next attempt may be; pair: when it last logged in */
};

struct table {
	struct slot *slots;
	size_t count; /* power of two */
};

struct guess {
	pthread_mutex_t lock;
	uint64_t key[2];
	uint64_t version; /* of what is worth keeping of the pairs */
	struct table networks, accounts, pairs;
};

/* A slot goes the sooner, the less it says: pairs by their last login, others by what is held against them.
 */
static bool is_staler(const struct slot *a, const struct slot *b, bool pairs)
{
	return pairs ? a->at_ms < b->at_ms : a->until_ms < b->until_ms;
}

static struct slot *find(struct table *t, uint64_t key)
{
	struct slot *set = &t->slots[key & (t->count - WAYS)];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* The key's slot, made in the place of the stalest where it has none. */
static struct slot *find_or_make(struct table *t, uint64_t key, bool pairs)
{
	struct slot *slot = find(t, key), *set = &t->slots[key & (t->count - WAYS)];

	if (slot)
		return slot;
	slot = set;
	for (size_t i = 1; i < WAYS; i++)
		if (slot->key != 0 && (set[i].key == 0 || is_staler(&set[i], slot, pairs)))
			slot = &set[i];
	*slot = (struct slot){ .key = key };
	return slot;
}

static err table_make(struct table *t, size_t count)
{
	t->slots = calloc(count, sizeof *t->slots);
	t->count = count;
	return t->slots ? OK : ERR_NO_MEMORY;
}

err guess_new(const uint64_t key[static 2], struct guess **out)
{
	struct guess *g = calloc(1, sizeof *g);

	if (!g)
		return ERR_NO_MEMORY;
	memcpy(g->key, key, sizeof g->key);
	pthread_mutex_init(&g->lock, NULL);
	if (table_make(&g->networks, LIMIT_GUESS_NETWORKS).code != ERR_OK ||
	    table_make(&g->accounts, LIMIT_GUESS_ACCOUNTS).code != ERR_OK ||
	    table_make(&g->pairs, LIMIT_GUESS_PAIRS).code != ERR_OK) {
		guess_free(g);
		return ERR_NO_MEMORY;
	}
	*out = g;
	return OK;
}

void guess_free(struct guess *g)
{
	if (!g)
		return;
	free(g->networks.slots);
	free(g->accounts.slots);
	free(g->pairs.slots);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static uint64_t key_of(const struct guess *g, str octets)
{
	uint64_t key = hash_keyed(g->key, octets);

	return key ? key : 1;
}

static void set_keys(const struct guess *g, struct guess_attempt *a, ip peer, str name)
{
	char octets[sizeof(ip) + LIMIT_PATH];
	ip network = ip_neighbourhood(peer);
	size_t len = name.len < LIMIT_PATH ? name.len : LIMIT_PATH;

	memcpy(octets, network.octets, sizeof network.octets);
	if (len)
		memcpy(octets + sizeof(ip), name.ptr, len);
	a->network = key_of(g, (str){ octets, sizeof(ip) });
	a->account = key_of(g, (str){ octets + sizeof(ip), len });
	a->pair = key_of(g, (str){ octets, sizeof(ip) + len });
}

/* --- buckets: until_ms runs ahead of now by `refill_ms` for each that is missing --- */

static bool bucket_take(struct slot *s, int64_t now_ms, int64_t size, int64_t refill_ms)
{
	int64_t from = s->until_ms > now_ms ? s->until_ms : now_ms;

	if (from + refill_ms > now_ms + size * refill_ms)
		return false;
	s->until_ms = from + refill_ms;
	return true;
}

static void bucket_give_back(struct table *t, uint64_t key, int64_t refill_ms)
{
	struct slot *s = find(t, key);

	if (s)
		s->until_ms -= refill_ms;
}

/* --- accounts --- */

/* Wrong passwords not yet forgotten. */
static int64_t failures(const struct slot *s, int64_t now_ms)
{
	return s && s->until_ms > now_ms
	               ? (s->until_ms - now_ms + LIMIT_GUESS_FORGET_MS - 1) / LIMIT_GUESS_FORGET_MS
	               : 0;
}

/* Milliseconds between two attempts. */
static int64_t delay_after(int64_t count)
{
	int64_t delay_ms = LIMIT_GUESS_FIRST_DELAY_MS;

	if (count < LIMIT_GUESS_FREE)
		return 0;
	for (int64_t i = LIMIT_GUESS_FREE; i < count && delay_ms < LIMIT_GUESS_DELAY_MS; i++)
		delay_ms *= 2;
	return delay_ms < LIMIT_GUESS_DELAY_MS ? delay_ms : LIMIT_GUESS_DELAY_MS;
}

/* Takes the account's next turn. False: others wait for it already. */
static bool turn_take(struct slot *account, int64_t now_ms, int64_t *wait_ms)
{
	int64_t delay_ms = delay_after(failures(account, now_ms));

	*wait_ms = 0;
	if (delay_ms == 0)
		return true;
	int64_t due_ms = account->at_ms > now_ms ? account->at_ms : now_ms;
	if (due_ms - now_ms > LIMIT_GUESS_DELAY_MS)
		return false;
	*wait_ms = due_ms - now_ms;
	account->at_ms = due_ms + delay_ms;
	return true;
}

/* --- attempts --- */

static bool admit_known(struct guess *g, struct guess_attempt *a, int64_t now_ms)
{
	struct slot *pair = find(&g->pairs, a->pair);

	a->known = pair && (a->exempt || bucket_take(pair, now_ms, LIMIT_GUESS_PAIR, LIMIT_GUESS_PAIR_MS));
	return a->known;
}

static err admit_stranger(struct guess *g, struct guess_attempt *a, int64_t now_ms, int64_t *wait_ms)
{
	if (!bucket_take(find_or_make(&g->networks, a->network, false), now_ms, LIMIT_GUESS_NETWORK,
	                 LIMIT_GUESS_NETWORK_MS))
		return (err){ ERR_BUSY, 0, "too many wrong passwords from this network" };
	if (turn_take(find(&g->accounts, a->account), now_ms, wait_ms))
		return OK;
	bucket_give_back(&g->networks, a->network, LIMIT_GUESS_NETWORK_MS);
	return (err){ ERR_BUSY, 0, "too many wrong passwords for this account" };
}

err guess_admit(struct guess *g, ip peer, str name, int64_t now_ms, struct guess_attempt *attempt,
                int64_t *wait_ms)
{
	struct guess_attempt a = { .exempt = ip_is_loopback(peer) };
	int64_t wait = 0;
	err e = OK;

	set_keys(g, &a, peer, name);
	pthread_mutex_lock(&g->lock);
	if (!admit_known(g, &a, now_ms) && !a.exempt)
		e = admit_stranger(g, &a, now_ms, &wait);
	pthread_mutex_unlock(&g->lock);
	if (e.code != ERR_OK)
		return e;
	a.counted = !a.exempt;
	*attempt = a;
	*wait_ms = wait;
	return OK;
}

static void give_back(struct guess *g, const struct guess_attempt *a)
{
	if (!a->counted)
		return;
	if (a->known)
		bucket_give_back(&g->pairs, a->pair, LIMIT_GUESS_PAIR_MS);
	else
		bucket_give_back(&g->networks, a->network, LIMIT_GUESS_NETWORK_MS);
}

void guess_was_right(struct guess *g, struct guess_attempt *attempt, int64_t now_ms)
{
	if (attempt->pair == 0)
		return;
	pthread_mutex_lock(&g->lock);
	give_back(g, attempt);
	struct slot *pair = find(&g->pairs, attempt->pair);
	if (!pair || now_ms - pair->at_ms >= LIMIT_GUESS_KEPT_STEP_MS) {
		pair = find_or_make(&g->pairs, attempt->pair, true);
		pair->at_ms = now_ms;
		g->version++;
	}
	pthread_mutex_unlock(&g->lock);
	*attempt = (struct guess_attempt){ 0 };
}

void guess_was_wrong(struct guess *g, struct guess_attempt *attempt, int64_t now_ms)
{
	if (attempt->pair == 0)
		return;
	pthread_mutex_lock(&g->lock);
	if (!attempt->exempt) {
		struct slot *account = find_or_make(&g->accounts, attempt->account, false);

		if (account->until_ms < now_ms)
			account->until_ms = now_ms;
		if (failures(account, now_ms) < LIMIT_GUESS_REMEMBERED)
			account->until_ms += LIMIT_GUESS_FORGET_MS;
	}
	pthread_mutex_unlock(&g->lock);
	*attempt = (struct guess_attempt){ 0 };
}

void guess_withdrawn(struct guess *g, struct guess_attempt *attempt)
{
	if (attempt->pair == 0)
		return;
	pthread_mutex_lock(&g->lock);
	give_back(g, attempt);
	pthread_mutex_unlock(&g->lock);
	*attempt = (struct guess_attempt){ 0 };
}

/* --- pairs, to be kept --- */

uint64_t guess_version(struct guess *g)
{
	pthread_mutex_lock(&g->lock);
	uint64_t version = g->version;
	pthread_mutex_unlock(&g->lock);
	return version;
}

size_t guess_pairs(struct guess *g, struct guess_pair *out)
{
	size_t n = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->pairs.count; i++)
		if (g->pairs.slots[i].key != 0)
			out[n++] = (struct guess_pair){ g->pairs.slots[i].key, g->pairs.slots[i].at_ms };
	pthread_mutex_unlock(&g->lock);
	return n;
}

void guess_know(struct guess *g, const struct guess_pair *pair)
{
	pthread_mutex_lock(&g->lock);
	if (pair->key != 0)
		find_or_make(&g->pairs, pair->key, true)->at_ms = pair->at_ms;
	pthread_mutex_unlock(&g->lock);
}
