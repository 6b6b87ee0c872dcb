/* net/peer_count.h: how many connections each address and each neighbourhood (/64 of IPv6, /24 of IPv4) has.
 * Any thread: a lock stands in front, taken once at accept and once at close.
 */
#ifndef NET_PEER_COUNT_H
#define NET_PEER_COUNT_H

#include <pthread.h>

#include "base/ip.h"
#include "base/table.h"

struct peer_count {
	pthread_mutex_t lock;
	struct table addresses, networks;
};

void peer_count_init(struct peer_count *count);
void peer_count_fini(struct peer_count *count);

/* Counts one more of `address`. ERR_LIMIT where its address or its neighbourhood has as many as it may;
 * ERR_NOSPACE. Nothing was counted then. */
err peer_count_add(struct peer_count *count, ip address, uint32_t per_address, uint32_t per_network) MUST_USE;

/* One of those counted is gone. */
void peer_count_remove(struct peer_count *count, ip address);

#endif
