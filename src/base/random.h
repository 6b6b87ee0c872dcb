/* base/random.h: the only source of randomness: the kernel's, taken in small lots. Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `size` octets fit for keys and salts. Never fails: without the kernel's randomness nothing of
 * postrider may go on, so it aborts. */
void random_fill(void *octets, size_t size);

uint64_t random_u64(void);

#endif
