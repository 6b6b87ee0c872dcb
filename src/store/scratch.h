/* store/scratch.h: room on the disk for octets that are made to be read again at once, and then forgotten. */
#ifndef STORE_SCRATCH_H
#define STORE_SCRATCH_H

#include "base/file.h"

struct store;

/* A new file in spool/ without a name, for reading and writing: it is gone when its last descriptor is
 * closed, also by a crash. Any thread; blocks. ERR_NOSPACE, ERR_IO. */
err scratch_open(struct store *store, file *out) MUST_USE;

#endif
