/* bench/id_set.h: how many different identifiers were there, and how many came again. Keeps 64-bit hashes:
 * among a million, two different ones look the same once in thirty million runs. Any thread. */
#ifndef BENCH_ID_SET_H
#define BENCH_ID_SET_H

#include <stddef.h>
#include <stdint.h>

struct id_set;

struct id_set *id_set_new(void);
void id_set_add(struct id_set *set, const char *id, size_t len);
uint64_t id_set_unique(struct id_set *set);
uint64_t id_set_duplicates(struct id_set *set);
void id_set_free(struct id_set *set);

#endif
