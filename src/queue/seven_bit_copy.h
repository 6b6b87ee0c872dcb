/* queue/seven_bit_copy.h: content in a queue, made 7-bit into a file for a server without 8BITMIME.
 *
 * Reads the content twice (mime/seven_bit_plan.h) and says meanwhile who is being parsed. In slices, for
 * WORK_BULK: some 10 ms a MB in all. One thread at a time; blocks.
 */
#ifndef QUEUE_SEVEN_BIT_COPY_H
#define QUEUE_SEVEN_BIT_COPY_H

#include "base/file.h"

struct flight;
struct seven_bit_copy;

/* Content is in[offset .. offset+size), lines with CRLF; `out` is an empty file (store/scratch.h). Both stay
 * the caller's. ERR_LIMIT a message that felled the server (base/flight.h)   ERR_NOSPACE, ERR_IO */
err seven_bit_copy_new(struct flight *flight, file in, uint64_t offset, uint64_t size, file out,
                       struct seven_bit_copy **copy) MUST_USE;

/* Goes on until it is done, or until `end_tick_ms`.
 * ERR_DENIED, ERR_LIMIT it can't be made 7-bit: the sentence says why, and lives as long as the program
 * ERR_NOSPACE, ERR_IO, ERR_CORRUPT the files */
err seven_bit_copy_run(struct seven_bit_copy *copy, int64_t end_tick_ms, bool *done) MUST_USE;

/* When it is done: octets in `out`, from 0 on. 0: the content is 7-bit as it is, and nothing was written. */
uint64_t seven_bit_copy_size(const struct seven_bit_copy *copy);

/* NULL is legal. */
void seven_bit_copy_free(struct seven_bit_copy *copy);

#endif
