/* mime/encoded_word.h: unstructured header text as people read it.
 *
 * Lenient: encoded-words are decoded wherever they stand, longer than 75 octets too; adjacent ones of one
 * charset are joined before the conversion, since senders cut characters in two (RFC 2047 §5 forbids it).
 * What is none stays as it is. 8-bit text is UTF-8 (RFC 6532) or else windows-1252. Pure apart from
 * mime/charset.h; any thread.
 *
 * RFC 2047; language suffixes: RFC 2231 §5.
 */
#ifndef MIME_ENCODED_WORD_H
#define MIME_ENCODED_WORD_H

#include "base/buf.h"
#include "base/str.h"

/* Appends `text`, an unfolded field body or display name, as valid UTF-8. */
void mime_words_decode(str text, struct buf *out, unsigned *conversions);

#endif
