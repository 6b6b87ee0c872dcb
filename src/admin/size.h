/* admin/size.h: sizes as people write and read them: "5G", "500M", "none". Powers of 1024. Pure. */
#ifndef ADMIN_SIZE_H
#define ADMIN_SIZE_H

#include "base/buf.h"

/* "5G", "5GB", "5GiB", "1.5G", "500 M", "1048576": a number with K, M, G or T in any case; "none" is 0. The
 * result is at most 2^62. ERR_SYNTAX. */
err size_parse(str text, uint64_t *octets) MUST_USE;

/* "0", "812 B", "4.1 KB", "2.0 GB". */
void size_format(struct buf *out, uint64_t octets);

#endif
