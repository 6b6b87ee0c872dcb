/* base/hash.h: checksums of our files and keys of our tables. Pure. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) continued over `octets`; begin with 0. With SSE 4.2 where there
 * is. */
uint32_t crc32c(uint32_t crc, str octets);

/* SipHash-1-3 of `octets` under a key that outsiders do not know, so that nobody can choose colliding keys.
 */
uint64_t hash_keyed(const uint64_t key[static 2], str octets);

/* The same with the process's own key, made at its first use: for tables in memory, never for files. */
uint64_t hash_table_key(str octets);

#endif
