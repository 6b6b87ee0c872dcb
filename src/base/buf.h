/* base/buf.h: octets being put together, with a ceiling and a sticky error: ten appends, one check.
 *
 * The octets live in the arena given; growing may leave old copies there until its reset. Over the ceiling or
 * without memory every further append does nothing and buf_err says why. One thread.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define CRLF STR("\r\n")

struct buf {
	struct arena *arena;
	char *ptr;
	size_t len;
	size_t room;
	size_t max; /* octets it may ever hold */
	err_code failed;
};

void buf_init(struct buf *b, struct arena *arena, size_t max_octets);

/* A buffer over `size` octets of the caller's; it never grows. */
void buf_init_fixed(struct buf *b, char *octets, size_t size);

void buf_add(struct buf *b, str s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n);
void buf_add_i64(struct buf *b, int64_t n);

/* Lower-case hexadecimal of `octets`. */
void buf_add_hex(struct buf *b, str octets);

/* For our own literals and numbers only: foreign octets go in by buf_add. */
void buf_add_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fixed-width little-endian numbers and LEB128 (at most 10 octets), for file formats. */
void buf_add_le32(struct buf *b, uint32_t n);
void buf_add_le64(struct buf *b, uint64_t n);
void buf_add_varint(struct buf *b, uint64_t n);

/* A varint with the length, then the octets. */
void buf_add_counted(struct buf *b, str s);

/* Room for `size` octets at the end, already counted into len, to be filled by the caller; NULL on failure.
 */
char *buf_extend(struct buf *b, size_t size);

/* Forgets the octets, keeps the room and clears the error. */
void buf_clear(struct buf *b);

/* What has been put together; valid until the next append. */
static inline str buf_str(const struct buf *b) { return (str){ b->len ? b->ptr : "", b->len }; }

/* ERR_LIMIT over the ceiling, ERR_NOSPACE without memory. */
err buf_err(const struct buf *b) MUST_USE;

#endif
