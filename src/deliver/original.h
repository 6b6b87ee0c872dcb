/* deliver/original.h: the message that a notice is about, as far as it goes along: its header or all of it,
 * and under which encoding, so that the notice can be sent anywhere.
 *
 * Worker thread: it reads the disk, in pieces.
 */
#ifndef DELIVER_ORIGINAL_H
#define DELIVER_ORIGINAL_H

#include "base/arena.h"
#include "bounce/dsn.h"

/* Where the octets of a message are. */
struct original_source {
	int fd;
	uint64_t offset, size;
	str held; /* in memory, in place of a file: the message's beginning, its header at least */
};

struct original {
	struct original_source from; /* what goes along */
	char *piece;                 /* room for LIMIT_BLOCK octets */
	struct dsn_original as;
};

/* Reads the original and settles what of it goes along with the notice.
 * ERR_NOSPACE, ERR_IO, ERR_CORRUPT */
err original_open(struct original *o, struct arena *arena, const struct dsn *dsn,
                  const struct original_source *from) MUST_USE;

/* Gives the octets, encoded, to `put`, whose first error ends it. `arena` holds one piece encoded. */
err original_read(const struct original *o, struct arena *arena, err (*put)(void *user, str octets),
                  void *user) MUST_USE;

#endif
