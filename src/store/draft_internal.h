/* store/draft_internal.h: what the committer needs of a draft. */
#ifndef STORE_DRAFT_INTERNAL_H
#define STORE_DRAFT_INTERNAL_H

#include "store/draft.h"

bool draft_is_file(const struct draft *draft);
uint32_t draft_crc(const struct draft *draft);

/* Of a draft that is a file: its path in spool/, with a NUL. */
const char *draft_path(const struct draft *draft);

/* The committer moved the file away. */
void draft_taken(struct draft *draft);

#endif
