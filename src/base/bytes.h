/* base/bytes.h: reading what buf_add_le32, _le64, _varint and _counted wrote.
 *
 * Each takes from the front of `*in` and is false, with `*in` and `*out` untouched, where the octets do not
 * suffice or are no such number: our own files may be damaged, so this is a question, not an assertion. Pure.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/str.h"

bool bytes_le32(str *in, uint32_t *out);
bool bytes_le64(str *in, uint64_t *out);
bool bytes_varint(str *in, uint64_t *out);
bool bytes_counted(str *in, str *out);

#endif
