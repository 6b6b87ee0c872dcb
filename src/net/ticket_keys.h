/* net/ticket_keys.h: the keys that TLS session tickets are sealed with (RFC 5077 §4, §5.5): when they change,
 * and how they are written to a file. Pure but for randomness; the clock is the caller's.
 *
 * A key seals for LIMIT_TICKET_KEY_S and opens until the last ticket of it is over, LIMIT_TICKET_S later.
 * What was sealed with a key is as safe as that key, so none is kept for longer.
 */
#ifndef NET_TICKET_KEYS_H
#define NET_TICKET_KEYS_H

#include "base/buf.h"

enum { TICKET_KEYS_MAX = 4 };

struct ticket_key {
	unsigned char name[16]; /* stands in the ticket */
	unsigned char cipher[32], mac[32];
	int64_t made_ms;
};

struct ticket_keys {
	struct ticket_key item[TICKET_KEYS_MAX]; /* newest first: that one seals */
	size_t count;
};

/* Makes the change that is due at `now_ms`. True: there was one, to be saved. */
bool ticket_keys_turn(struct ticket_keys *keys, int64_t now_ms);

/* When the next change is due. */
int64_t ticket_keys_next_ms(const struct ticket_keys *keys);

/* The key of that name, NULL where it is forgotten or never was. */
const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const unsigned char name[16]);

/* The file's octets and back. ERR_CORRUPT they are not ours; *out is untouched. */
void ticket_keys_format(struct buf *out, const struct ticket_keys *keys);
err ticket_keys_parse(str octets, struct ticket_keys *out) MUST_USE;

#endif
