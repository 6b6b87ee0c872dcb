/* base/utf8.h: UTF-8 as RFC 3629 §4 has it: shortest forms, no surrogates, at most U+10FFFF. Pure. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* Octets of the character at the front of `s`, 0 where there is none. `s` is not empty. */
size_t utf8_length(str s);

/* Index of the first octet that is not part of a character; s.len where all is UTF-8. */
size_t utf8_invalid(str s);

/* May `code` stand in UTF-8 at all? */
bool utf8_is_scalar(uint32_t code);

/* Appends the character `code`, which is a scalar value. */
void utf8_add(struct buf *out, uint32_t code);

#endif
